#!/usr/bin/env bash
# test_smoke.sh - the whole way of evidence with real programs: every way in, every verb, and what
# comes out at the cloud is byte for byte what went in; a third party agrees.
set -u
. "$(dirname "$0")/lib.sh"

payload_arrived() # node, sequence, file
{
    "$CLOUD" evidence show --dir "$SCRATCH/cloud" "$1" "$2" --raw payload | cmp - "$3"
}

# Appends and leaves "log sequence hash" of the last receipt in RECEIPT.
append() # arguments...
{
    "$EDGE" append --dir "$SCRATCH/one" --json "$@" >"$SCRATCH/receipt" || return 1
    RECEIPT=$(json log sequence hash <"$SCRATCH/receipt" | tail -n 1)
}

sequence() { cut -f 2 <<<"$RECEIPT"; }

header_field() # offset, size: of the header in $SCRATCH/header, in hexadecimal
{
    tail -c "+$(($1 + 1))" "$SCRATCH/header" | head -c "$2" | od -An -v -tx1 | tr -d ' \n'
}

openssl_verifies() # node
{
    {
        printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'
        key_line "$SCRATCH/$1.key" | cut -d ' ' -f 3 | base64 -d
    } >"$SCRATCH/key.der"
    openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$SCRATCH/key.der" \
        -in "$SCRATCH/header" -sigfile "$SCRATCH/signature"
}

export_entry() # node, sequence
{
    local part
    for part in header signature payload; do
        "$CLOUD" evidence show --dir "$SCRATCH/cloud" "$1" "$2" --raw $part >"$SCRATCH/$part" ||
            return 1
    done
}

every_json_verb_parses()
{
    "$EDGE" status --dir "$SCRATCH/one" --json | json >/dev/null &&
        "$CLOUD" status --dir "$SCRATCH/cloud" --json | json >/dev/null &&
        "$CLOUD" node list --dir "$SCRATCH/cloud" --json | json >/dev/null &&
        "$CLOUD" evidence list --dir "$SCRATCH/cloud" --json | json >/dev/null &&
        "$CLOUD" evidence show --dir "$SCRATCH/cloud" one 2 --json | json >/dev/null
}

list_is_chronological() # by (hlc, node, sequence)
{
    "$CLOUD" evidence list --dir "$SCRATCH/cloud" --json | json hlc node sequence >"$SCRATCH/order"
    LC_ALL=C sort -t $'\t' -k 1,1n -k 2,2 -k 3,3n "$SCRATCH/order" | cmp - "$SCRATCH/order"
}

rig_begin
broker_start cloud-broker
cloud_init
edge_init one
edge_init two
is "the key file is for its owner alone" "$(stat -c %a "$SCRATCH/one/key")" 600
ok "init prints the node's enrolment line" \
    grep -q '^holdfast-node-1 one ' <(key_line "$SCRATCH/one.key")
ok "init prints the cloud's key line" \
    grep -q '^holdfast-cloud-1 cloud ' <(key_line "$SCRATCH/cloud.key")
refuses "a second init refuses to replace the key" 73 "one" \
    "$EDGE" init --dir "$SCRATCH/one" --node one
edge_links one cloud-broker -
edge_links two cloud-broker -

head -c 1000 /dev/urandom >"$SCRATCH/small"
head -c $((63 * 1024)) /dev/urandom >"$SCRATCH/inline"
head -c $((63 * 1024 + 1)) /dev/urandom >"$SCRATCH/parts"
head -c $((16 * 1024 * 1024)) /dev/urandom >"$SCRATCH/large"
"$BIN/demo/scenario" generate --lines 500 >"$SCRATCH/lines"

ok "append works without a daemon" append --type photo "$SCRATCH/small"
SMALL=$(sequence)
cloud_start cloud-broker
edge_start one
edge_start two
ok "append works through the daemon" append --type photo "$SCRATCH/inline"
INLINE=$(sequence)
ok "append takes stdin" append --type photo - <"$SCRATCH/parts"
PARTS=$(sequence)
ok "append takes 16 MiB" append --type film "$SCRATCH/large"
LARGE=$(sequence)
ok "append takes a critical entry" append --type alarm --priority 0 "$SCRATCH/small"
CRITICAL=$(sequence)
ok "append takes lines" append --type ais --lines --id-prefix run- "$SCRATCH/lines"
is "each line has its receipt" "$(json sequence <"$SCRATCH/receipt" | sort -nu | wc -l)" 500
LINE=$(sequence)
ok "a repeat with the same ids is taken" append --type ais --lines --id-prefix run- "$SCRATCH/lines"
is "and its receipts are the first ones" "$(sequence)" "$LINE"
"$EDGE" append --dir "$SCRATCH/two" --type ais --lines "$SCRATCH/lines" >/dev/null
ok "everything is acknowledged" within 20 edge_settled one
ok "of the other edge too" within 20 edge_settled two

ok "a small payload arrives whole" payload_arrived one "$SMALL" "$SCRATCH/small"
ok "the largest inline payload arrives whole" payload_arrived one "$INLINE" "$SCRATCH/inline"
ok "the smallest payload in parts arrives whole" payload_arrived one "$PARTS" "$SCRATCH/parts"
ok "16 MiB arrive whole" payload_arrived one "$LARGE" "$SCRATCH/large"
tail -n 1 "$SCRATCH/lines" | tr -d '\n' >"$SCRATCH/line"
ok "a line arrives without its line end" payload_arrived one "$LINE" "$SCRATCH/line"
is "nothing is there twice" "$(cloud_hashes --node one | wc -l)" 505
is "the other edge's lines are there" "$(cloud_hashes --node two)" "$(line_hashes "$SCRATCH/lines")"
ok "the list is in the order of time" list_is_chronological
ok "every --json output is JSON" every_json_verb_parses
ok "status names the link" test "$(edge_field one cloud_link)" = online

ok "the edge verifies" "$EDGE" verify --dir "$SCRATCH/one"
ok "the cloud verifies" "$CLOUD" evidence verify --dir "$SCRATCH/cloud"
ok "one node alone verifies" "$CLOUD" evidence verify --dir "$SCRATCH/cloud" --node two

for sequence in 1 "$SMALL" "$LARGE" "$CRITICAL" "$LINE"; do
    export_entry one "$sequence"
    is "the header of entry $sequence has 192 bytes" "$(stat -c %s "$SCRATCH/header")" 192
    ok "openssl verifies entry $sequence" openssl_verifies one
    is "sha256sum finds payload_hash in entry $sequence" \
        "$(sha256sum <"$SCRATCH/payload" | cut -c 1-64)" "$(header_field 128 32)"
    is "entry $sequence says so in its header" "$((16#$(header_field 72 8)))" "$sequence"
done
BEFORE=$(sha256sum <"$SCRATCH/header" | cut -c 1-64)
export_entry one $((LINE + 1)) 2>/dev/null || export_entry one $((LINE - 1))
if [ "$((16#$(header_field 72 8)))" = $((LINE + 1)) ]; then
    is "the next entry's prev_hash is sha256sum of the header" "$(header_field 160 32)" "$BEFORE"
else
    AFTER=$(sha256sum <"$SCRATCH/header" | cut -c 1-64)
    export_entry one "$LINE"
    is "prev_hash is sha256sum of the header before" "$(header_field 160 32)" "$AFTER"
fi
printf '\x01' | dd of="$SCRATCH/header" bs=1 seek=100 conv=notrunc 2>/dev/null
refuses "openssl refuses a changed header" 1 "" openssl_verifies one

for program in "$EDGE" "$CLOUD"; do
    name=${program##*/}
    ok "$name --help tells the settings" grep -qi 'broker' <("$program" --help)
    ok "$name --version" grep -qE '[0-9]+\.[0-9]+' <("$program" --version)
    refuses "$name refuses an unknown verb" 2 "nonsense" "$program" nonsense
    refuses "$name refuses an unknown option" 2 "nonsense" "$program" status --nonsense
done

stop one
is "the edge stops with exit code 0" "$EXIT_CODE" 0
stop cloud
is "the consumer stops with exit code 0" "$EXIT_CODE" 0
ok "status works without a daemon" "$EDGE" status --dir "$SCRATCH/one" --json
ok "verify works without a daemon" "$EDGE" verify --dir "$SCRATCH/one"
ok "the cloud lists without a daemon" \
    "$CLOUD" evidence list --dir "$SCRATCH/cloud" --node one --json
ok "the cloud verifies without a daemon" "$CLOUD" evidence verify --dir "$SCRATCH/cloud"
tap_end
