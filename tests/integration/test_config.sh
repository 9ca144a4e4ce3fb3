#!/usr/bin/env bash
# test_config.sh - config from the cloud to the edges and back: scopes, local writes without a link,
# conflicts, refusals, groups, types; and lost sessions, brokers and backups that heal.
set -u
. "$(dirname "$0")/lib.sh"

on() # node, config verb, arguments...
{
    local node=$1 verb=$2
    shift 2
    "$EDGE" config "$verb" --dir "$SCRATCH/$node" "$@"
}

in_cloud() # config verb, arguments...
{
    local verb=$1
    shift
    "$CLOUD" config "$verb" --dir "$SCRATCH/cloud" "$@"
}

value_at() # node or cloud, key, [options...]
{
    local where=$1
    shift
    if [ "$where" = cloud ]; then in_cloud get "$@" --json; else on "$where" get "$@" --json; fi |
        json value
}

is_at() # node or cloud, key, value, [options...]
{
    local where=$1 key=$2 value=$3
    shift 3
    [ "$(value_at "$where" "$key" "$@" 2>/dev/null)" = "$value" ] ||
        { echo "at $where: $(value_at "$where" "$key" "$@" 2>&1)" && return 1; }
}

is_unset_at() # node or cloud, key, [options...]
{
    local value
    value=$(value_at "$@" 2>/dev/null)
    [ -z "$value" ] || [ "$value" = null ]
}

# What applications on the node read: "value scope" of the retained message.
local_value() # key
{
    mosquitto_sub -V 5 -p "${PORT_OF[local-broker]}" -t "local/config/$1" -C 1 -W 2 2>/dev/null |
        json value scope
}

local_is() # key, value and scope parted by a tab
{
    [ "$(local_value "$1")" = "$2" ]
}

local_is_gone() # key
{
    [ -z "$(mosquitto_sub -V 5 -p "${PORT_OF[local-broker]}" -t "local/config/$1" -W 1 \
        2>/dev/null)" ]
}

pending_is() # node, writes
{
    test_field "$1" config_pending "$2"
}

# Why the last local write of this key does not count.
refused_for() # node, key, pattern
{
    on "$1" list --json | json key refused | grep -P "^$2\t" | cut -f 2 | grep -qiE -- "$3"
}

state_of() # node: how its config stands, as the cloud sees it
{
    "$CLOUD" node list --dir "$SCRATCH/cloud" --json | json node config | grep -P "^$1\t" | cut -f 2
}

state_is() # node, word
{
    [ "$(state_of "$1")" = "$2" ]
}

# Publishes a write at the local broker; "status reason" of its receipt go to RECEIPT.
publish_set() # key, payload
{
    printf '%s' "$2" >"$SCRATCH/write"
    "$BIN/integration/ask" "${PORT_OF[local-broker]}" "local/config/$1/set" "$SCRATCH/write" \
        >"$SCRATCH/receipt"
    RECEIPT=$(json status reason <"$SCRATCH/receipt" | tr '\t' ' ')
}

rig_begin
broker_start cloud-broker
broker_start local-broker
cloud_init
for node in one two; do edge_init $node; done
link_start link cloud-broker
edge_links one link local-broker
edge_links two link -
cloud_start cloud-broker
edge_start one
edge_start two
ok "the local broker is joined" within 10 test_field one local_link online

# ---- from the cloud to the edges ----
ok "the cloud sets a key for all" in_cloud set threshold 0.7
ok "one gets it" within 10 is_at one threshold 0.7
ok "two gets it" within 10 is_at two threshold 0.7
ok "applications on the node read it" within 10 local_is threshold $'0.7\tfleet'
"$CLOUD" node set one --group north --dir "$SCRATCH/cloud" >/dev/null
ok "a group's value goes before the fleet's" in_cloud set threshold 0.6 --scope group/north
ok "at its members" within 10 is_at one threshold 0.6
ok "not elsewhere" is_at two threshold 0.7
ok "a node's value goes before its group's" in_cloud set threshold 0.5 --scope node/one
ok "at that node" within 10 is_at one threshold 0.5
ok "and for its applications" within 10 local_is threshold $'0.5\tnode/one'
is "the cloud knows what counts there" "$(value_at cloud threshold --node one)" 0.5
in_cloud unset threshold --scope node/one >/dev/null
ok "what is unset falls through to the group" within 10 is_at one threshold 0.6
"$CLOUD" node set one --group "" --dir "$SCRATCH/cloud" >/dev/null
ok "who leaves the group falls through to the fleet" within 10 is_at one threshold 0.7
ok "so do its applications" within 10 local_is threshold $'0.7\tfleet'
in_cloud unset threshold >/dev/null
ok "what is unset everywhere has no value" within 10 is_unset_at one threshold
ok "and is taken from the local broker" within 10 local_is_gone threshold

# ---- every type ----
head -c $((32 * 1024)) /dev/zero | tr '\0' x >"$SCRATCH/large"
for row in "flag bool true" "count int -42" "ratio float 2.5" "word string north" \
    "blob bytes AAEC/w==" 'plan json {"a":[1,2.5,null,"ü"]}'; do
    read -r key type value <<<"$row"
    in_cloud set "$key" --type "$type" -- "$value" >/dev/null
    ok "type $type arrives as it was set" within 10 is_at one "$key" "$value"
done
ok "a value of 32 KiB is taken" in_cloud set large --type string "$(cat "$SCRATCH/large")"
ok "and arrives whole" within 10 is_at one large "$(cat "$SCRATCH/large")"
refuses "one byte more is refused" 66 '32768|32 KiB|32,768' in_cloud set large --type string \
    "$(cat "$SCRATCH/large")x"
refuses "at the edge too" 66 '32768|32 KiB|32,768' on one set large --type string \
    "$(cat "$SCRATCH/large")x"
refuses "a value that is not of its type" 65 'int' in_cloud set count --type int ten
refuses "a key that is none" 2 'key' in_cloud set "no key" 1
refuses "a scope that is none" 2 'scope|fleet' in_cloud set count 1 --scope everywhere
refuses "a key without a value" 3 '.' in_cloud get nothing

# ---- from the edge, without the cloud ----
link_cut link
ok "the link is cut" within 10 test_field_not one cloud_link online
ok "a write is taken without it" on one set local-key 8
ok "it counts at once" is_at one local-key 8
ok "for applications too" within 10 local_is local-key $'8\tnode/one'
publish_set from-app '{"value":"loud"}'
is "an application writes by the local broker" "${RECEIPT%% *}" ok
ok "that counts too" is_at one from-app loud
ok "both wait" pending_is one 2
link_mend link
ok "the cloud admits them" within 15 pending_is one 0
is "and has them" "$(value_at cloud local-key --scope node/one)" 8
ok "the history says who wrote" grep -q $'node/one\tone' \
    <(in_cloud history local-key --json | json scope from)

# ---- conflicts on both sides of a cut ----
in_cloud set older-edge 0.1 --scope node/one >/dev/null
in_cloud set older-cloud 0.1 --scope node/one >/dev/null
ok "both start from one value" within 10 is_at one older-cloud 0.1
link_cut link
ok "the link is cut again" within 10 test_field_not one cloud_link online
on one set older-edge 0.8 >/dev/null
in_cloud set older-cloud 0.8 --scope node/one >/dev/null
# Further apart than clocks may be after a start.
sleep 1.2
in_cloud set older-edge 0.7 --scope node/one >/dev/null
on one set older-cloud 0.7 >/dev/null
link_mend link
ok "the cloud's later write wins at the edge" within 15 is_at one older-edge 0.7
ok "and at the cloud" is_at cloud older-edge 0.7 --scope node/one
ok "the edge's later write wins at the cloud" within 15 is_at cloud older-cloud 0.7 --scope node/one
ok "and at the edge" is_at one older-cloud 0.7
ok "the one that lost is in the history" grep -q $'one\t0.8\tlost' \
    <(in_cloud history older-edge --json | json from value outcome)

# ---- who may write what ----
in_cloud rule secret --writer cloud >/dev/null
in_cloud rule shared --writer any >/dev/null
in_cloud rule number --writer node --type int >/dev/null
in_cloud set secret 1 >/dev/null
ok "the cloud's key is there" within 10 is_at one secret 1
on one set secret 2 >/dev/null
ok "a write of the cloud's own key is refused, with a reason" within 10 refused_for one secret '.'
ok "and counts no longer" is_at one secret 1
ok "also not for applications" within 10 local_is secret $'1\tfleet'
on one set number ten >/dev/null
ok "a value of the wrong type is refused" within 10 refused_for one number 'type'
on one set number 10 >/dev/null
ok "one of the right type is not" within 10 is_at cloud number 10 --scope node/one
on one set plain 1 --scope fleet >/dev/null
ok "without a rule the fleet's keys are not a node's to write" within 10 refused_for one plain '.'
on one set shared 5 --scope fleet >/dev/null
ok "with one they are" within 10 is_at two shared 5
refuses "a node does not write for another" 77 '.' on one set shared 5 --scope node/two
in_cloud rule shared --remove >/dev/null
is "a rule can be taken away" "$(in_cloud rules --json | json key | grep -cx shared)" 0
for payload in '{"value":1,"colour":2}' '{"value":{"a":1},"type":"int"}' '17' '{"delete":false}' \
    'not json' ''; do
    publish_set from-app "$payload"
    ok "a publisher is told why: $payload" grep -qE '^ST_[A-Z_]+ .+' <<<"$RECEIPT"
done
is "which changed nothing" "$(value_at one from-app)" loud
publish_set from-app '{"delete":true}'
ok "a publisher may delete" within 10 is_unset_at cloud from-app --scope node/one

# ---- desired and applied ----
ok "the cloud sees that an edge has applied all" within 10 state_is two applied
stop two
in_cloud set while-away 1 >/dev/null
ok "and that it has not, while it is away" within 10 state_is two differs
ok "the status counts it" test "$("$CLOUD" status --dir "$SCRATCH/cloud" --json |
    json nodes_config_differs)" -ge 1
edge_start two EDGE_BRIDGE_BROKER_SESSION_EXPIRY_S=1
ok "it catches up" within 10 is_at two while-away 1
ok "and the cloud sees it" within 10 state_is two applied

# ---- what heals by itself ----
stop two
in_cloud set after-expiry 1 >/dev/null
in_cloud unset while-away >/dev/null
sleep 1.5
edge_start two
ok "an edge whose session expired gets what it missed" within 10 is_at two after-expiry 1
ok "also what was unset" within 10 is_unset_at two while-away
stop two
stop cloud
crash cloud-broker
broker_forget cloud-broker
broker_start cloud-broker
in_cloud set after-loss 1 >/dev/null
cloud_start cloud-broker
edge_start two
ok "a broker that lost its store is filled again" within 15 is_at two after-loss 1
ok "for the edge that stayed too" within 15 is_at one after-loss 1
crash cloud-broker
broker_forget cloud-broker
broker_start cloud-broker
ok "also while nobody restarts" within 15 test_field one cloud_link online
in_cloud set after-loss 2 >/dev/null
ok "what is set then arrives" within 15 is_at one after-loss 2
ok "all of it is there, for who comes new" within 15 test \
    "$(mosquitto_sub -V 5 -p "${PORT_OF[cloud-broker]}" -t 'hf/v1/config/#' -W 1 -F %t 2>/dev/null |
        grep -cE 'fleet/(flag|count|after-loss)$')" -eq 3
stop cloud
cp -r "$SCRATCH/cloud" "$SCRATCH/backup"
cloud_start cloud-broker
in_cloud set after-backup 3 >/dev/null
on one set own-after-backup 4 >/dev/null
ok "a value set after a backup" within 10 is_at one after-backup 3
ok "and one of an edge" within 10 pending_is one 0
stop cloud
rm -rf "$SCRATCH/cloud"
mv "$SCRATCH/backup" "$SCRATCH/cloud"
cloud_start cloud-broker
ok "are given back to a cloud put back from it" within 15 is_at cloud after-backup 3
ok "by who holds them" within 15 is_at cloud own-after-backup 4 --scope node/one

# ---- an order above all stamps ----
BEFORE=$(in_cloud get shared --json | json epoch)
in_cloud raise-epoch shared >/dev/null
is "an epoch is raised by the operator" "$(in_cloud get shared --json | json epoch value)" \
    "$((BEFORE + 1))"$'\t5'
epoch_at_one_is() { [ "$(on one get shared --json | json epoch)" = "$1" ]; }
ok "everywhere" within 10 epoch_at_one_is $((BEFORE + 1))
stop cloud
export CLOUD_CONSUMER_CONFIG_UNKNOWN_KEYS=refuse
cloud_start cloud-broker
unset CLOUD_CONSUMER_CONFIG_UNKNOWN_KEYS
on one set unheard-of 1 >/dev/null
ok "where only known keys are allowed, others are refused" within 10 refused_for one unheard-of '.'
ok "all edges have applied all" within 10 state_is one applied
ok "the edge's evidence is untouched" "$EDGE" verify --dir "$SCRATCH/one"
tap_end
