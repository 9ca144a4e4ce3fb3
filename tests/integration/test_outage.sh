#!/usr/bin/env bash
# test_outage.sh - links that are cut, silent or narrow, a consumer that is away, a broker that
# forgets everything: nothing is lost, nothing is there twice, and it goes on by itself.
set -u
. "$(dirname "$0")/lib.sh"

COUNT=0

# Hands in so many new lines; their payloads are kept in $SCRATCH/published.
hand_in() # lines, [more arguments of append]
{
    local lines=$1
    shift
    COUNT=$((COUNT + 1))
    "$BIN/demo/scenario" generate --lines "$lines" --seed $COUNT >"$SCRATCH/published/$COUNT"
    "$EDGE" append --dir "$SCRATCH/one" --type ais --lines --id-prefix "$COUNT-" "$@" \
        "$SCRATCH/published/$COUNT" >/dev/null
}

all_is_there() # once, and whole
{
    diff <(line_hashes "$SCRATCH"/published/*) <(cloud_hashes --node one) >"$SCRATCH/difference" &&
        return 0
    echo "lost: $(grep -c '^<' "$SCRATCH/difference")"
    echo "duplicated: $(grep -c '^>' "$SCRATCH/difference")"
    return 1
}

pending_at_least() # entries
{
    [ "$(edge_field one pending_entries)" -ge "$1" ]
}

at_the_cloud() # sequence
{
    "$CLOUD" evidence show --dir "$SCRATCH/cloud" one "$1"
}

rig_begin
mkdir "$SCRATCH/published"
broker_start cloud-broker
cloud_init
edge_init one
link_start link cloud-broker
edge_links one link -
edge_start one

hand_in 500
sleep 1
ok "without a consumer nothing is acknowledged" pending_at_least 500
ok "the edge says that no consumer is there" test_field_not one cloud_consumer online
cloud_start cloud-broker
ok "a consumer that comes later gets all of it" within 20 edge_settled one
ok "the edge says that a consumer is there" within 5 test_field one cloud_consumer online

stop cloud
hand_in 300
crash cloud-broker
broker_forget cloud-broker
broker_start cloud-broker
hand_in 300
cloud_start cloud-broker
ok "a broker that forgot everything costs nothing" within 20 edge_settled one
ok "all is there, once" all_is_there

link_cut link
ok "a cut link is noticed" within 10 test_field_not one cloud_link online
hand_in 1000
ok "intake goes on" pending_at_least 1000
link_mend link
ok "a mended link is used" within 20 edge_settled one

hand_in 200
echo hold >"$SCRATCH/link.cut"
hand_in 200
sleep 2
link_mend link
ok "a link that was silent for a while goes on" within 20 edge_settled one

hand_in 200
crash cloud
hand_in 200
crash cloud-broker
broker_start cloud-broker
cloud_start cloud-broker
ok "consumer and broker may die together" within 20 edge_settled one
ok "all is there, once, still" all_is_there

head -c $((16 * 1024 * 1024)) /dev/urandom >"$SCRATCH/large"
"$EDGE" append --dir "$SCRATCH/one" --type film --json "$SCRATCH/large" >"$SCRATCH/receipt"
sleep 0.05
link_cut link
sleep 0.3
link_mend link
ok "16 MiB survive a cut on their way" within 20 edge_settled one
"$CLOUD" evidence show --dir "$SCRATCH/cloud" one "$(json sequence <"$SCRATCH/receipt")" \
    --raw payload >"$SCRATCH/large.out"
ok "and arrive whole" cmp "$SCRATCH/large" "$SCRATCH/large.out"

stop one
stop link
link_start link cloud-broker --rate-bytes-s 20000 --delay-ms 200
edge_start one
ok "a narrow link connects" within 10 test_field one cloud_link online
hand_in 1500
ok "a backlog builds up" pending_at_least 200
hand_in 1 --priority 0
CRITICAL=$(edge_field one head_sequence)
ok "a critical entry goes before a backlog" within 12 at_the_cloud "$CRITICAL"
ok "which is still there" pending_at_least 100
refuses "and what came before it is not" 3 "" at_the_cloud $((CRITICAL - 1))
stop link
link_start link cloud-broker
ok "a wide link takes the rest" within 20 edge_settled one

ok "all of it verifies on the edge" "$EDGE" verify --dir "$SCRATCH/one"
ok "all of it verifies in the cloud" "$CLOUD" evidence verify --dir "$SCRATCH/cloud"
rm -f "$SCRATCH/published/film"
sha256sum "$SCRATCH/large" | cut -c 1-64 >"$SCRATCH/large.hash"
ok "nothing was lost, nothing is there twice" diff \
    <(cat "$SCRATCH/large.hash" <(line_hashes "$SCRATCH"/published/*) | sort) \
    <(cloud_hashes --node one)
tap_end
