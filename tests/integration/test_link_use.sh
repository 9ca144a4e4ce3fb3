#!/usr/bin/env bash
# test_link_use.sh - the operator's hold on the link: pause and resume, windows, a budget, and a
# sync that says what it took.
set -u
. "$(dirname "$0")/lib.sh"

hand_in() # lines, seed, [more arguments of append]
{
    local lines=$1 seed=$2
    shift 2
    "$BIN/demo/scenario" generate --lines "$lines" --seed "$seed" >"$SCRATCH/lines.$seed"
    "$EDGE" append --dir "$SCRATCH/one" --type ais --lines "$@" "$SCRATCH/lines.$seed" >/dev/null
}

observe() # tracks, first number
{
    awk -v n="$1" -v first="$2" 'BEGIN { for (i = first; i < first + n; i++)
        printf "{\"track\":\"t-%d\",\"position\":{\"lat\":55,\"lon\":%f},\"sensor\":\"x\"}\n", i,
            i / 1000 }' |
        "$EDGE" track put --dir "$SCRATCH/one" --lines - >/dev/null 2>&1
}

cloud_tracks() { "$CLOUD" track digest --dir "$SCRATCH/cloud" --json | json tracks; }
stored() { cloud_hashes | wc -l; }
online() { test_field one cloud_link online; }
offline() { ! online; }
link_use_is() { test_field one link_use "$1"; }
sync_run() { "$EDGE" sync --dir "$SCRATCH/one" --wait --seconds 20 --json "$@" >"$SCRATCH/report"; }
# Critical entries that came ahead of their turn.
ahead() { "$CLOUD" status --dir "$SCRATCH/cloud" --json | json pending; }
ahead_is() { [ "$(ahead)" = "$1" ]; }
report_field() { json "$1" <"$SCRATCH/report"; }
stays() # seconds, command...: true all the time
{
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    while [ "${EPOCHREALTIME/./}" -lt $end ]; do
        "$@" || return 1
        sleep 0.1
    done
}

rig_begin
broker_start cloud-broker
cloud_init
edge_init one
cloud_start cloud-broker
link_start link cloud-broker
edge_links one link -
edge_start one
ok "a node without windows is online" within 10 online

# ---- pause ----

ok "pause is taken" "$EDGE" pause --dir "$SCRATCH/one"
ok "a pause closes the link" within 5 offline
hand_in 200 1
ok "nothing goes up during a pause" stays 1 offline
ok "a sync against a pause is refused with the mend" not_zero_and_says "resume" \
    "$EDGE" sync --dir "$SCRATCH/one" --wait
stop one
edge_start one
ok "a restart remembers the pause" stays 1 offline
ok "resume is taken" "$EDGE" resume --dir "$SCRATCH/one"
ok "what waited goes up" within 15 edge_settled one
is "all of it is stored" "$(stored)" 200
stop one

# ---- windows and sync ----

# On the 29th of February, for a minute: never while this runs.
edge_start one "EDGE_BRIDGE_LINK_WINDOWS=0 0 29 2 * 1m"
ok "outside its windows the link is closed" stays 1 offline
ok "the status says so" link_use_is "outside its windows"
hand_in 300 2 --priority 3
observe 50 1
ok "what is not critical waits for a window" stays 1 offline
hand_in 3 3 --priority 0
ok "critical evidence goes up all the same" within 10 ahead_is 3
is "and nothing else with it" "$(stored)" 200
ok "then the link closes again" within 20 offline
ok "a sync opens the link and ends complete" sync_run --full
ok "its report counts the evidence" test "$(report_field evidence_synced)" -ge 303
is "its report counts the tracks" "$(report_field tracks_merged)" 50
is "all evidence is stored" "$(stored)" 503
is "all tracks are there" "$(cloud_tracks)" 50
ok "after the sync the link closes again" within 10 offline
ok "the last report is kept" test "$("$EDGE" sync --dir "$SCRATCH/one" --report --json |
    json complete)" = true

# ---- incremental ----

stop one
edge_start one "EDGE_BRIDGE_LINK_WINDOWS=0 0 29 2 * 1m" EDGE_BRIDGE_LINK_CRITICAL_OVERRIDE=false \
    EDGE_BRIDGE_TRACKS_VIEW_TTL_S=2
observe 20 101
# A restart leaves the clock up to a second ahead, hence more than the two of the setting.
sleep 4
observe 5 201
hand_in 100 4 --priority 3
hand_in 2 5 --priority 0
"$EDGE" config set --dir "$SCRATCH/one" gain 7 >/dev/null
ok "an incremental sync ends complete" sync_run --incremental
is "it brought critical evidence" "$(ahead)" 2
is "and no other" "$(stored)" 503
is "it brought the tracks that are seen now only" "$(cloud_tracks)" 55
is "it brought config" "$("$CLOUD" config get --dir "$SCRATCH/cloud" gain --scope node/one --json |
    json value)" 7
ok "a full sync brings the rest" sync_run --full
is "all evidence is there" "$(stored)" 605
is "historical tracks too" "$(cloud_tracks)" 75
link_cut link
ok "a sync without a link gives up and says why" not_zero_and_says "link|time" \
    "$EDGE" sync --dir "$SCRATCH/one" --wait --seconds 2
link_mend link
stop one

# ---- budget ----

edge_start one EDGE_BRIDGE_LINK_BUDGET_BYTES_S=4000
ok "with a budget the link is open" within 10 online
before=$(edge_field one bytes_up)
started=${EPOCHREALTIME/./}
hand_in 2000 6 --priority 3
sleep 3
sent=$(($(edge_field one bytes_up) - before))
took_us=$((${EPOCHREALTIME/./} - started))
ok "no more goes up than the budget and a frame" \
    test $sent -le $((4000 * took_us / 1000000 + 4000 + 65536))
ok "not all of it has gone" test_field_not one pending_entries 0
ok "the budget is lifted while it runs" "$EDGE" budget 0 --dir "$SCRATCH/one"
ok "then the rest goes up" within 15 edge_settled one
is "nothing was lost" "$(stored)" 2605
tap_end
