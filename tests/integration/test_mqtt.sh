#!/usr/bin/env bash
# test_mqtt.sh - publishers at the local broker: receipts, repeats, refusals; and bytes on the
# cloud's topics that nobody should send.
set -u
. "$(dirname "$0")/lib.sh"

# Publishes one payload; "sequence duplicate error" of its receipt go to RECEIPT.
receipt_of() # type, payload file, [more arguments of ask]
{
    local type=$1 file=$2
    shift 2
    "$BIN/integration/ask" "${PORT_OF[local-broker]}" "local/evidence/$type" "$file" "$@" \
        >"$SCRATCH/receipt"
    RECEIPT=$(json sequence duplicate error <"$SCRATCH/receipt" | tr '\t' ' ')
}

is_first() { grep -qE '^[0-9]+ false -$' <<<"$RECEIPT"; }
is_refused() { cat "$SCRATCH/receipt" && grep -qE "^- (-|false) ST_$1\$" <<<"$RECEIPT"; }

garbage_everywhere()
{
    local topic
    head -c 300 /dev/urandom >"$SCRATCH/garbage"
    for topic in hf/v1/one/up/evidence hf/v1/one/up/sync hf/v1/one/status hf/v1/nobody/up/evidence \
        hf/v1/one/down/ack hf/v1/one/down/sync hf/v1/cloud/status; do
        mosquitto_pub -V 5 -p "${PORT_OF[cloud-broker]}" -q 1 -t "$topic" -f "$SCRATCH/garbage" &&
            mosquitto_pub -V 5 -p "${PORT_OF[cloud-broker]}" -q 1 -t "$topic" -n &&
            mosquitto_pub -V 5 -p "${PORT_OF[cloud-broker]}" -q 1 -t "$topic" -m '{"json": true}' ||
            return 1
    done
}

# A genuine frame, published again on another node's topic: its signature covers the topic.
replay_elsewhere()
{
    mosquitto_sub -V 5 -p "${PORT_OF[cloud-broker]}" -q 1 -t hf/v1/one/up/evidence -C 1 -W 10 -N \
        >"$SCRATCH/frame" &
    local listener=$!
    sleep 0.3
    "$EDGE" append --dir "$SCRATCH/one" --type note "$SCRATCH/small" >/dev/null
    wait $listener || return 1
    mosquitto_pub -V 5 -p "${PORT_OF[cloud-broker]}" -q 1 -t hf/v1/two/up/evidence \
        -f "$SCRATCH/frame"
}

refused_frames() { "$CLOUD" status --dir "$SCRATCH/cloud" --json | json "$1"; }

rig_begin
broker_start cloud-broker
broker_start local-broker
cloud_init
edge_init one
edge_init two
edge_links one cloud-broker local-broker
cloud_start cloud-broker
edge_start one
ok "the local broker is joined" within 10 test_field one local_link online
printf 'hello' >"$SCRATCH/small"
printf 'other' >"$SCRATCH/other"
head -c $((63 * 1024)) /dev/urandom >"$SCRATCH/inline"
head -c $((63 * 1024 + 1)) /dev/urandom >"$SCRATCH/too-large"

receipt_of note "$SCRATCH/small" --id a1 --priority 1
FIRST=$RECEIPT
ok "a publish gets its receipt" is_first
receipt_of note "$SCRATCH/small" --id a1
is "a repeat gets the first receipt, marked duplicate" "$RECEIPT" "${FIRST/false/true}"
receipt_of note "$SCRATCH/other" --id a1
ok "the same id with another payload is refused" is_refused CONFLICT
receipt_of memo "$SCRATCH/small" --id a1
ok "ids are per type" is_first
receipt_of note "$SCRATCH/small" --correlation c7
FIRST=$RECEIPT
receipt_of note "$SCRATCH/small" --correlation c7
is "correlation data serve as an id" "$RECEIPT" "${FIRST/false/true}"
receipt_of note "$SCRATCH/inline" --id big
ok "63 KiB are taken" is_first
receipt_of note "$SCRATCH/too-large" --id bigger
ok "one byte more is refused, with a receipt" is_refused TOO_LARGE
receipt_of note "$SCRATCH/small" --priority 6
ok "a priority above 5 is refused" grep -q 'ST_' <<<"$RECEIPT"
receipt_of "bad name" "$SCRATCH/small"
ok "a type that is no name is refused" grep -q 'ST_' <<<"$RECEIPT"
BEFORE=$(edge_field one accepted_entries)
mosquitto_pub -V 5 -p "${PORT_OF[local-broker]}" -q 1 -t local/evidence/note -m quiet
ok "a publish without response topic is taken" within 5 test_accepted one $((BEFORE + 1))

crash one
mosquitto_pub -V 5 -p "${PORT_OF[local-broker]}" -q 1 -t local/evidence/note -m "while away" \
    -D publish user-property id away
edge_start one
ok "what came while the edge was down is taken up" within 10 test_accepted one $((BEFORE + 3))
receipt_of note "$SCRATCH/small" --id a1
ok "ids survive a crash" grep -q ' true -$' <<<"$RECEIPT"

crash local-broker
ok "a lost local broker is noticed" within 10 test_field_not one local_link online
broker_start local-broker
ok "and joined again" within 15 test_field one local_link online
receipt_of note "$SCRATCH/other" --id a2
ok "and serves again" is_first
ok "all of it is acknowledged" within 20 edge_settled one

BEFORE=$(cloud_hashes | wc -l)
ok "garbage on every topic is accepted by the broker" garbage_everywhere
ok "a frame replayed on another node's topic is accepted by the broker" replay_elsewhere
receipt_of note "$SCRATCH/small" --id a3
ok "the edge still works" is_first
ok "and still gets its acknowledgements" within 20 edge_settled one
is "of the garbage nothing became evidence" "$(cloud_hashes | wc -l)" $((BEFORE + 2))
is "nor of the replay" "$(cloud_hashes --node two | wc -l)" 0
ok "the cloud counted what it refused" test "$(refused_frames refused)" -ge 5
ok "the cloud verifies" "$CLOUD" evidence verify --dir "$SCRATCH/cloud"
ok "the edge verifies" "$EDGE" verify --dir "$SCRATCH/one"
tap_end
