#!/usr/bin/env bash
# test_bad_frames.sh - frames of tracks and config that are forged, for another node, replayed, on
# the wrong topic or too large: refused and counted, and nothing else is disturbed.
set -u
. "$(dirname "$0")/lib.sh"

ROOT_TOPIC=hf/v1

# Listens for the next frame of a topic, into $SCRATCH/frame.NAME; wait for it with caught NAME.
catch() # name, topic below the root
{
    start "catch-$1" sh -c "mosquitto_sub -V 5 -p ${PORT_OF[cloud-broker]} -q 1 -N -C 1 -W 10 \
        -t '$ROOT_TOPIC/$2' >'$SCRATCH/frame.$1'"
    within 5 grep -q " $ROOT_TOPIC/$2\$" "$SCRATCH/cloud-broker.log" || die "no subscription"
}

caught() # name
{
    finish "catch-$1"
    [ -s "$SCRATCH/frame.$1" ]
}

send() # topic below the root, file, [more options of mosquitto_pub...]
{
    local topic=$1 file=$2
    shift 2
    mosquitto_pub -V 5 -p "${PORT_OF[cloud-broker]}" -q 1 -t "$ROOT_TOPIC/$topic" -f "$file" "$@"
}

# A copy with one bit changed in its middle.
forged() # name
{
    local size
    size=$(stat -c %s "$SCRATCH/frame.$1")
    cp "$SCRATCH/frame.$1" "$SCRATCH/forged.$1"
    "$BIN/integration/flip" "$SCRATCH/forged.$1" - $((size / 2)) >/dev/null
}

config() # node, verb, arguments...
{
    "$EDGE" config "$2" --dir "$SCRATCH/$1" "${@:3}"
}

in_cloud() # words of a verb (two), arguments...
{
    "$CLOUD" "$1" "$2" --dir "$SCRATCH/cloud" "${@:3}"
}

value_is() # node, key, value
{
    [ "$(config "$1" get "$2" --json 2>/dev/null | json value)" = "$3" ]
}

count_of() # field of the cloud's status
{
    "$CLOUD" status --dir "$SCRATCH/cloud" --json | json "$1"
}

count_is() # field, value
{
    [ "$(count_of "$1")" = "$2" ] || { echo "$1 is $(count_of "$1")" && return 1; }
}

count_above() # field, value
{
    [ "$(count_of "$1")" -gt "$2" ]
}

# All that the cloud holds and knows of tracks and config.
cloud_state()
{
    in_cloud track digest --json | json digest tracks archived
    in_cloud config list --json
    in_cloud config history --json
}

edge_state() # node
{
    "$EDGE" track digest --dir "$SCRATCH/$1" --json | json digest tracks
    config "$1" list --json
}

has_track() # node, track
{
    "$EDGE" track show --dir "$SCRATCH/$1" "$2"
}

settled() # node
{
    test_field "$1" config_pending 0 && test_field "$1" tracks_pending 0 && edge_settled "$1"
}

rig_begin
broker_start cloud-broker "log_type subscribe"
cloud_init
edge_init one
edge_init two
edge_links one cloud-broker -
edge_links two cloud-broker -
cloud_start cloud-broker
edge_start one
edge_start two
ok "the edges are connected" within 10 test_field one cloud_consumer online
in_cloud config rule shared --writer any >/dev/null

# ---- genuine ones, to be changed and repeated ----
catch tracks one/up/tracks
catch down two/down/tracks
catch state one/up/sync
"$EDGE" track put --dir "$SCRATCH/one" ship --lat 1 --lon 2 --sensor radar >/dev/null
ok "a batch of tracks goes up" caught tracks
ok "and down" caught down
ok "the other edge has it" within 10 has_track two ship
catch config one/up/config
config one set shared first --scope fleet >/dev/null
ok "a config write goes up" caught config
ok "the other edge has it" within 10 value_is two shared first
catch register config/fleet/shared
ok "the register is published, retained" caught register
catch roster cloud/roster
ok "so is the roster" caught roster
"$CLOUD" node set two --group north --dir "$SCRATCH/cloud" >/dev/null
config one set shared second --scope fleet >/dev/null
ok "a later write" within 10 value_is two shared second
ok "the state of an edge is told" caught state
ok "all is quiet" within 10 settled one
cloud_state >"$SCRATCH/cloud.before"
edge_state two >"$SCRATCH/two.before"

# ---- up ----
for name in tracks config state; do
    topic=up/$name
    [ $name = state ] && topic=up/sync
    forged $name
    BEFORE=$(count_of refused_signature)
    send one/$topic "$SCRATCH/forged.$name"
    ok "a forged frame is refused and counted: $name" within 10 \
        count_is refused_signature $((BEFORE + 1))
    BEFORE=$(count_of refused)
    send two/$topic "$SCRATCH/frame.$name"
    ok "one of another node too: $name" within 10 count_is refused $((BEFORE + 1))
    BEFORE=$(count_of refused)
    send nobody/$topic "$SCRATCH/frame.$name"
    ok "one of a node that nobody knows: $name" within 10 count_is refused $((BEFORE + 1))
    head -c 100 "$SCRATCH/frame.$name" >"$SCRATCH/short"
    BEFORE=$(count_of refused)
    send one/$topic "$SCRATCH/short"
    ok "one that was cut short: $name" within 10 count_is refused $((BEFORE + 1))
    head -c 100000 /dev/urandom >"$SCRATCH/huge"
    BEFORE=$(count_of refused)
    send one/$topic "$SCRATCH/huge"
    ok "one that is too large: $name" within 10 count_is refused $((BEFORE + 1))
    send one/$topic "$SCRATCH/frame.$name"
done
BEFORE=$(count_of refused)
send one/up/config "$SCRATCH/frame.tracks"
ok "a genuine frame on another topic of its node is refused" within 10 \
    count_is refused $((BEFORE + 1))
"$CLOUD" node revoke two --dir "$SCRATCH/cloud" --json >/dev/null 2>&1
BEFORE=$(count_of refused_revoked)
"$EDGE" track put --dir "$SCRATCH/two" of-the-revoked --sensor x >/dev/null
ok "what a revoked node sends is refused" within 10 count_above refused_revoked "$BEFORE"
cloud_state >"$SCRATCH/cloud.after"
ok "nothing of all that, nor the repeats, changed anything at the cloud" \
    diff "$SCRATCH/cloud.before" "$SCRATCH/cloud.after"

# ---- down ----
ROSTER=$(edge_field one roster)
for name in down register roster; do forged $name; done
send two/down/tracks "$SCRATCH/forged.down"
send one/down/tracks "$SCRATCH/frame.down"
send two/down/tracks "$SCRATCH/frame.down"
send config/fleet/shared "$SCRATCH/forged.register" -r
send config/fleet/other "$SCRATCH/frame.register" -r
send config/node/two/shared "$SCRATCH/frame.register" -r
send config/fleet/shared "$SCRATCH/frame.register" -r
send cloud/roster "$SCRATCH/forged.roster" -r
send cloud/roster "$SCRATCH/frame.roster" -r
send two/down/tracks "$SCRATCH/huge"
send config/fleet/huge "$SCRATCH/huge" -r
send two/down/sync "$SCRATCH/frame.state"
config one set shared third --scope fleet >/dev/null
ok "forged and old registers stop nothing that comes after" within 10 value_is one shared third
edge_state one | sed 's/third/second/' >"$SCRATCH/one.after"
ok "an old register does not come back" value_is one shared third
ok "nor under another key" grep -qv '"key":"other"' "$SCRATCH/one.after"
ok "an old or forged roster is not taken" test "$(edge_field one roster)" -ge "$ROSTER"
edge_init three
edge_links three cloud-broker -
edge_start three
ok "who comes new gets the true value, whatever is retained" within 15 value_is three shared third
refuses "and not what was never set" 3 "." config three get other
ok "and the tracks" within 10 has_track three ship
ok "the edge goes on" within 10 settled one
ok "its evidence verifies" "$EDGE" verify --dir "$SCRATCH/one"
ok "the cloud's too" "$CLOUD" evidence verify --dir "$SCRATCH/cloud"
tap_end
