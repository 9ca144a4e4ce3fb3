# rig.sh - what chaos.sh, check.sh and compose-test.sh share: sourced, from any folder.
#
# HOLDFAST_PROJECT names the rig (default holdfast), so that two can run side by side.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROJECT=${HOLDFAST_PROJECT:-holdfast}
STATIONS='station-1 station-2 station-3'

die() # words...
{
    echo "${0##*/}: $*" >&2
    exit 1
}

compose() # arguments of docker compose...
{
    if docker compose version >/dev/null 2>&1; then
        docker compose -p "$PROJECT" -f "$ROOT/compose/docker-compose.yml" "$@"
    else
        docker-compose -p "$PROJECT" -f "$ROOT/compose/docker-compose.yml" "$@"
    fi
}

container() # service
{
    compose ps -q "$1"
}

edge() # station, verb...
{
    docker exec "$(container "$1")" edge-bridge "${@:2}" --dir /data/state
}

cloud() # verb...
{
    docker exec "$(container cloud)" cloud-consumer "$@" --dir /data/state
}

# The value of a field of a flat JSON object on stdin, without the quotes of a text.
field() # name
{
    sed -nE 's/.*"'"$1"'": ?("([^"]*)"|([^,}]*)).*/\2\3/p' | head -n 1
}

edge_field() # station, field
{
    edge "$1" status --json | field "$2"
}

within() # seconds, command...
{
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt "$end" ] || return 1
        sleep 0.5
    done
}
