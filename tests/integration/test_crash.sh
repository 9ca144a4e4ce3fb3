#!/usr/bin/env bash
# test_crash.sh - kill -9 of every process at random moments, with publishers at work; after each
# round nothing accepted is lost, nothing is there twice, and every chain verifies.
#
# HOLDFAST_LONG=1 runs 100 rounds instead of 10; HOLDFAST_SEED=N repeats the order of crashes.
set -u
. "$(dirname "$0")/lib.sh"

ROUNDS=${HOLDFAST_ROUNDS:-10}
[ "${HOLDFAST_LONG:-0}" = 1 ] && ROUNDS=${HOLDFAST_ROUNDS:-100}
SEED=${HOLDFAST_SEED:-$RANDOM}
RANDOM=$SEED
LINES_EACH=200

pause() # at most so many milliseconds
{
    sleep "$(printf '0.%03d' $((RANDOM % $1)))"
}

restart() # name
{
    case $1 in
    cloud) cloud_start cloud-broker ;;
    *-broker) broker_start "$1" ;;
    *) edge_start "$1" ;;
    esac
}

crash_something()
{
    local victims=(mqtt-edge socket-edge cloud cloud-broker local-broker)
    local victim=${victims[RANDOM % ${#victims[@]}]}
    pause 400
    crash "$victim"
    KILLED="$KILLED $victim"
    if [ "$victim" = cloud-broker ] && [ $((RANDOM % 2)) = 0 ]; then
        broker_forget cloud-broker
        KILLED="$KILLED (persistence deleted)"
    fi
    pause 300
    restart "$victim"
}

append_until_done() # file, id prefix
{
    local try
    for ((try = 0; try < 60; try++)); do
        "$EDGE" append --dir "$SCRATCH/socket-edge" --type ais --lines --id-prefix "$2" "$1" &&
            return 0
        sleep 0.1
    done
    return 1
}

publish_until_done() # file, id prefix
{
    "$BIN/demo/scenario" publish --port "${PORT_OF[local-broker]}" --node mqtt-edge --type ais \
        --id-prefix "$2" --per-second 400 --seconds 40 "$1"
}

slow_append() # file, id prefix: ten lines a time, so that a crash meets one of them
{
    local from chunk=$SCRATCH/chunk
    for ((from = 1; from <= LINES_EACH; from += 10)); do
        sed -n "$from,$((from + 9))p" "$1" >"$chunk"
        append_until_done "$chunk" "$2$from-" || return 1
    done
}

round() # number
{
    local crashes
    KILLED=
    "$BIN/demo/scenario" generate --lines $LINES_EACH --seed "$((SEED * 1000 + $1))" \
        >"$SCRATCH/published/m$1"
    "$BIN/demo/scenario" generate --lines $LINES_EACH --seed "$((SEED * 1000 + $1 + 500000))" \
        >"$SCRATCH/published/s$1"
    start publisher publish_until_done "$SCRATCH/published/m$1" "m$1-"
    start appender slow_append "$SCRATCH/published/s$1" "s$1-"
    for ((crashes = 1 + RANDOM % 3; crashes > 0; crashes--)); do crash_something; done
    finish publisher
    PUBLISHED=$EXIT_CODE
    finish appender
    APPENDED=$EXIT_CODE
}

nothing_lost_or_doubled()
{
    line_hashes "$SCRATCH/published/m$number" "$SCRATCH/published/s$number" >>"$SCRATCH/hashes"
    sort "$SCRATCH/hashes" >"$SCRATCH/wanted"
    cloud_hashes >"$SCRATCH/got"
    diff "$SCRATCH/wanted" "$SCRATCH/got" >"$SCRATCH/difference" && return 0
    echo "lost: $(grep -c '^<' "$SCRATCH/difference")"
    echo "duplicated: $(grep -c '^>' "$SCRATCH/difference")"
    return 1
}

round_is_good() # publishers' exit codes
{
    local node
    if [ "$PUBLISHED $APPENDED" != "0 0" ]; then
        tail "$SCRATCH/publisher.log" "$SCRATCH/appender.log"
        return 1
    fi
    for node in mqtt-edge socket-edge; do
        within 20 edge_settled "$node" || {
            echo "$node does not settle"
            "$EDGE" status --dir "$SCRATCH/$node"
            return 1
        }
        "$EDGE" verify --dir "$SCRATCH/$node" || return 1
    done
    nothing_lost_or_doubled && "$CLOUD" evidence verify --dir "$SCRATCH/cloud"
}

rig_begin
echo "# HOLDFAST_SEED=$SEED"
mkdir "$SCRATCH/published"
broker_start cloud-broker
broker_start local-broker
cloud_init
edge_init mqtt-edge
edge_init socket-edge
edge_links mqtt-edge cloud-broker local-broker
edge_links socket-edge cloud-broker -
cloud_start cloud-broker
edge_start mqtt-edge
edge_start socket-edge
for ((number = 1; number <= ROUNDS; number++)); do
    round $number
    ok "round $number, killed:$KILLED" round_is_good
    [ $FAILURES = 0 ] || break
done
tap_end
