#!/usr/bin/env bash
# chaos.sh - does to the running rig what happens in the field.
#
# usage: chaos.sh cut STATION | mend STATION      take its way to the cloud away, give it back
#        chaos.sh kill SERVICE                    SIGKILL, as a power cut; it starts again
#        chaos.sh forget-broker                   the broker loses its disk
#        chaos.sh story                           all of it, in an order that ends well
set -u
. "$(dirname "$0")/rig.sh"

cut() # station
{
    docker network disconnect "${PROJECT}_wan" "$(container "$1")" || die "$1 is cut already"
    echo "chaos: $1 has no way to the cloud"
}

mend() # station
{
    docker network connect --alias "$1" "${PROJECT}_wan" "$(container "$1")" || die "$1 is not cut"
    echo "chaos: $1 has its way back"
}

# A container that was killed by hand is not started again by its policy.
kill_service() # service
{
    local id
    id=$(container "$1")
    docker kill "$id" >/dev/null || die "$1 does not run"
    docker start "$id" >/dev/null || die "$1 does not start again"
    echo "chaos: $1 was killed and starts again"
}

forget_broker()
{
    local id
    id=$(container broker)
    docker kill "$id" >/dev/null && docker rm "$id" >/dev/null || die "the broker does not run"
    docker volume rm "${PROJECT}_broker-data" >/dev/null || die "its volume is in use"
    compose up -d --no-deps broker >/dev/null 2>&1 || die "the broker does not start again"
    echo "chaos: the broker has lost its disk"
}

story()
{
    cut station-1
    sleep 3
    kill_service station-1
    within 20 edge_field station-1 time || die "station-1 does not come back"
    edge station-1 config set sensitivity 0.8 --scope fleet >/dev/null
    cloud config set zoom 4 --scope fleet >/dev/null
    sleep 1
    cloud config set sensitivity 0.7 --scope fleet >/dev/null
    edge station-1 config set zoom 9 --scope fleet >/dev/null
    echo "chaos: config is set on both sides: sensitivity 0.8 at station-1, then 0.7 in the" \
        "cloud; zoom 4 in the cloud, then 9 at station-1"
    forget_broker
    kill_service cloud
    kill_service local-2
    kill_service station-3
    sleep 2
    mend station-1
}

case "${1:-} ${2:-}" in
'cut '?*) cut "$2" ;;
'mend '?*) mend "$2" ;;
'kill '?*) kill_service "$2" ;;
'forget-broker ') forget_broker ;;
'story ') story ;;
*) sed -n '4,7s/^# *//p' "$0" >&2 && exit 2 ;;
esac
