#!/usr/bin/env bash
# test_clock.sh - nodes whose clock is an hour or a day ahead, in 2099, or dead in 1970: what honest
# nodes wrote later wins, and then config, tracks and evidence of that node heal by themselves.
set -u
. "$(dirname "$0")/lib.sh"

NODES="hour day far dead"
declare -A OFFSET=([hour]=+1h [day]=+1d [far]="@2099-01-01 00:00:00" [dead]="@1970-01-02 00:00:00")

config() # node, verb, arguments...
{
    local node=$1 verb=$2
    shift 2
    "$EDGE" config "$verb" --dir "$SCRATCH/$node" "$@"
}

in_cloud() # words of a verb (two), arguments...
{
    "$CLOUD" "$1" "$2" --dir "$SCRATCH/cloud" "${@:3}"
}

put() # node, track, class, [more...]
{
    "$EDGE" track put --dir "$SCRATCH/$1" "$2" --class "$3" --class-confidence 0.8 \
        --sensor eye "${@:4}"
}

append() # node, text
{
    printf '%s' "$2" >"$SCRATCH/note"
    "$EDGE" append --dir "$SCRATCH/$1" --type note --json "$SCRATCH/note"
}

is_at() # node or cloud, key, value
{
    local got
    if [ "$1" = cloud ]; then
        got=$(in_cloud config get "$2" --json | json value)
    else
        got=$(config "$1" get "$2" --json | json value)
    fi
    [ "$got" = "$3" ] || { echo "at $1: $got" && return 1; }
}

class_is() # node or cloud, track, class
{
    local got
    if [ "$1" = cloud ]; then
        got=$(in_cloud track show "$2" --json | head -n 1 | json classification)
    else
        got=$("$EDGE" track show --dir "$SCRATCH/$1" "$2" --json | head -n 1 | json classification)
    fi
    [ "$got" = "$3" ] || { echo "at $1: $got" && return 1; }
}

digest_of() # node or cloud
{
    if [ "$1" = cloud ]; then
        in_cloud track digest --json | json digest
    else
        "$EDGE" track digest --dir "$SCRATCH/$1" --json | json digest
    fi
}

all_equal() # nodes...
{
    local node first
    first=$(digest_of cloud)
    for node in "$@"; do
        [ "$(digest_of "$node")" = "$first" ] || return 1
    done
}

clock_of() # node, field
{
    "$EDGE" clock --dir "$SCRATCH/$1" --json | json "$2"
}

year_of() # node, field of its clock
{
    clock_of "$1" "$2" | cut -c 1-4
}

# Nothing waits for the cloud any more.
settled() # node
{
    edge_settled "$1" && test_field "$1" config_pending 0 && test_field "$1" tracks_pending 0
}

# RFC 3339 from standard input, within a minute of now?
is_now()
{
    local text seconds
    text=$(cat)
    [ -n "$text" ] && seconds=$(($(date +%s) - $(date -u -d "$text" +%s))) || return 1
    [ $seconds -lt 60 ] && [ $seconds -gt -60 ] || { echo "$text is not now" && return 1; }
}

logs_are() # node, how many logs of it the cloud holds
{
    in_cloud node list --json | json node logs | grep -qxF "$1"$'\t'"$2"
}

clock_is() # node, field, value
{
    [ "$(clock_of "$1" "$2")" = "$3" ]
}

rig_begin
if [ -z "$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)" ]; then
    skip "wrong clocks heal" "faketime is not installed"
    tap_end
    exit
fi
# A program with the address sanitizer cannot run with another library in front of it.
if ! faketime '2001-01-01 00:00:00' "$EDGE" --version >/dev/null 2>&1; then
    skip "wrong clocks heal" "faketime cannot run this program"
    tap_end
    exit
fi
broker_start cloud-broker
cloud_init
for node in honest $NODES; do edge_init $node; done
link_start link cloud-broker
edge_links honest cloud-broker -
for node in $NODES; do edge_links $node link -; done
cloud_start cloud-broker
for node in $NODES; do in_cloud config rule key-$node --writer any >/dev/null; done
edge_start honest

# ---- wrong while the link is cut ----
link_cut link
for node in $NODES; do
    edge_start_at "${OFFSET[$node]}" $node
    config $node set key-$node poisoned --scope fleet >/dev/null
    config $node set own-$node first >/dev/null
    config $node set own-$node second >/dev/null
    put $node track-$node poisoned >/dev/null
    put $node alone-$node mine --lat 1 --lon 2 >/dev/null
    append $node "from a wrong clock" >"$SCRATCH/$node.receipt"
done
is "one edge lives in 2099" "$(year_of far wall)" 2099
is "one in 1970" "$(year_of dead wall)" 1970
is "which knows that it does not know the time" "$(clock_of dead known)" false
for node in $NODES; do
    ok "its write counts on the node, $node" is_at $node key-$node poisoned
    in_cloud config set key-$node honest >/dev/null
    put honest track-$node honest >/dev/null
done

# ---- the link is mended: the cloud tells the time ----
link_mend link
for node in $NODES; do
    ok "everything of it reaches the cloud, $node" within 20 settled $node
    ok "the honest later write wins at the cloud, $node" within 10 is_at cloud key-$node honest
    ok "at the node itself, $node" within 10 is_at $node key-$node honest
    ok "and at the others, $node" within 10 is_at honest key-$node honest
    ok "the honest later observation wins at the cloud, $node" within 10 \
        class_is cloud track-$node honest
    ok "and at the node itself, $node" within 10 class_is $node track-$node honest
    ok "what only that node wrote is not lost, $node" test \
        "$(in_cloud config get own-$node --scope node/$node --json | json value)" = second
    ok "and stands in this time, $node" is_now \
        < <(in_cloud config get own-$node --scope node/$node --json | json time)
    ok "what only that node saw is not lost, $node" within 10 class_is honest alone-$node mine
    ok "and stands in this time, $node" is_now \
        < <(in_cloud track show alone-$node --json | head -n 1 | json last_seen)
    ok "the node knows the time, $node" is_now < <(clock_of $node corrected)
    ok "and stamps with it, $node" is_now \
        < <(config $node set after-$node 1 >/dev/null &&
            config $node get after-$node --json | json time)
done
for node in hour day far; do
    ok "its clock was healed once, $node" clock_is $node heal_count 1
    ok "its evidence goes on in a new log, $node" within 10 logs_are $node 2
done
ok "evidence of the dead clock goes on in its log" logs_are dead 1

# ---- healthy from then on ----
for node in $NODES; do
    config $node set key-$node later --scope fleet >/dev/null
    put $node track-$node later >/dev/null
    append $node "from a healed clock" >"$SCRATCH/$node.receipt"
done
for node in $NODES; do
    ok "what the node writes later wins everywhere, $node" within 10 is_at honest key-$node later
    ok "what it sees later too, $node" within 10 class_is honest track-$node later
    ok "its evidence arrives, $node" within 10 settled $node
done
ok "all replicas are equal" within 15 all_equal honest $NODES
for node in $NODES; do
    stop $node
    edge_start $node
done
for node in $NODES; do
    ok "restarted with a true clock it goes on, $node" within 10 test_field $node cloud_link online
    config $node set key-$node again --scope fleet >/dev/null
    put $node track-$node again >/dev/null
    ok "and its writes win again, $node" within 10 is_at honest key-$node again
    ok "and its observations, $node" within 10 class_is honest track-$node again
    [ $node = dead ] && logs=1 || logs=2
    ok "without another log, $node" logs_are $node $logs
done

# ---- a clock that jumps while the edge runs ----
library=$(find /usr/lib -name libfaketimeMT.so.1 | head -n 1)
echo +0 >"$SCRATCH/jump"
stop hour
edge_start hour LD_PRELOAD="$library" FAKETIME_TIMESTAMP_FILE="$SCRATCH/jump" FAKETIME_NO_CACHE=1 \
    FAKETIME_DONT_FAKE_MONOTONIC=1
ok "an edge with a good clock is connected" within 10 test_field hour cloud_link online
ok "and was told the time" within 10 clock_is hour synchronised true
for jump in +40d -40d +0; do
    echo $jump >"$SCRATCH/jump"
    config hour set jumping $jump >/dev/null
    ok "after a jump of $jump it stamps as before" is_now \
        < <(config hour get jumping --json | json time)
    ok "and the cloud admits it" within 10 test_field hour config_pending 0
done
ok "no log was closed for it" logs_are hour 2

ok "the cloud verifies all evidence" in_cloud evidence verify
for node in honest $NODES; do
    ok "and each node its own, $node" "$EDGE" verify --dir "$SCRATCH/$node"
done
tap_end
