#!/usr/bin/env bash
# test_tamper.sh - one flipped bit, a missing row, an exchanged row: verify finds each, on the edge,
# in the cloud, and with openssl on what was exported.
set -u
. "$(dirname "$0")/lib.sh"

database() { find "$SCRATCH/$1" -maxdepth 1 -name '*.db' | head -n 1; }
hex_of() { od -An -v -tx1 "$1" | tr -d ' \n'; }

verify_copy()
{
    case $WHO in
    edge) "$EDGE" verify --dir "$SCRATCH/copy" ;;
    cloud) "$CLOUD" evidence verify --dir "$SCRATCH/copy" ;;
    esac
}

fresh_copy() # edge or cloud
{
    WHO=$1
    rm -rf "$SCRATCH/copy"
    case $1 in
    edge) cp -r "$SCRATCH/one" "$SCRATCH/copy" ;;
    cloud) cp -r "$SCRATCH/cloud" "$SCRATCH/copy" ;;
    esac
}

flip_is_found() # edge or cloud, needle in hexadecimal, offset, [bit]
{
    fresh_copy "$1"
    "$BIN/integration/flip" "$(database copy)" "$2" "$3" "${4:-0}" || return 1
    refusal 1 "" verify_copy
}

sql_is_found() # edge or cloud, SQL
{
    fresh_copy "$1"
    # Whoever can write the file can drop the triggers too.
    sqlite3 "$(database copy)" "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_master
        WHERE type = 'trigger'" | sqlite3 "$(database copy)" || return 1
    sqlite3 "$(database copy)" "$2" || return 1
    refusal 1 "" verify_copy
}


openssl_says() # header file, signature file
{
    openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$SCRATCH/key.der" -in "$1" \
        -sigfile "$2" >/dev/null 2>&1
}

# One bit of each byte: bit number = place modulo 8, so that all eight are used.
every_byte_counts() # header or signature
{
    local place size
    size=$(stat -c %s "$SCRATCH/$1")
    for ((place = 0; place < size; place++)); do
        cp "$SCRATCH/header" "$SCRATCH/header.forged"
        cp "$SCRATCH/signature" "$SCRATCH/signature.forged"
        "$BIN/integration/flip" "$SCRATCH/$1.forged" - $place $((place % 8)) >/dev/null || return 1
        if openssl_says "$SCRATCH/header.forged" "$SCRATCH/signature.forged"; then
            echo "a flipped bit in byte $place of the $1 went unseen"
            return 1
        fi
    done
}

rig_begin
broker_start cloud-broker
cloud_init
edge_init one
edge_init two
edge_links one cloud-broker -
edge_links two cloud-broker -
cloud_start cloud-broker
edge_start one EDGE_BRIDGE_OUTBOX_COMPRESS=never
edge_start two EDGE_BRIDGE_OUTBOX_COMPRESS=always
"$BIN/demo/scenario" generate --lines 120 >"$SCRATCH/lines"
"$EDGE" append --dir "$SCRATCH/one" --type ais --lines --json "$SCRATCH/lines" >"$SCRATCH/receipts"
head -c 200000 /dev/urandom >"$SCRATCH/large"
"$EDGE" append --dir "$SCRATCH/one" --type film "$SCRATCH/large" >/dev/null
"$EDGE" append --dir "$SCRATCH/two" --type ais --lines --quiet "$SCRATCH/lines"
within 20 edge_settled one || die "not acknowledged"
within 20 edge_settled two || die "not acknowledged"
# The hash of a run's last entry stands before its body, which begins as zstd does.
COMPRESSED=$(edge_field two head_hash)28b52ffd
stop one
stop two
stop cloud
SEQUENCE=$(json sequence <"$SCRATCH/receipts" | sed -n 60p)
for part in header signature payload; do
    "$CLOUD" evidence show --dir "$SCRATCH/cloud" one "$SEQUENCE" --raw $part >"$SCRATCH/$part"
done
{
    printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'
    key_line "$SCRATCH/one.key" | cut -d ' ' -f 3 | base64 -d
} >"$SCRATCH/key.der"

for WHO in edge cloud; do
    fresh_copy $WHO
    ok "an untouched copy of the $WHO verifies" verify_copy
done

HEADER=$(hex_of "$SCRATCH/header")
SIGNATURE=$(hex_of "$SCRATCH/signature")
PAYLOAD=$(head -c 60 "$SCRATCH/payload" | od -An -v -tx1 | tr -d ' \n')
LARGE=$(tail -c 100000 "$SCRATCH/large" | head -c 40 | od -An -v -tx1 | tr -d ' \n')
for place in 0 16 18 22 23 24 56 79 80 88 96 100 104 112 127 128 160 191; do
    ok "edge: a bit of header byte $place is found" \
        flip_is_found edge "$HEADER" $place $((place % 8))
done
for place in 0 31 32 63; do
    ok "edge: a bit of signature byte $place is found" flip_is_found edge "$SIGNATURE" $place
    ok "cloud: a bit of signature byte $place is found" flip_is_found cloud "$SIGNATURE" $place
done
for place in 0 17 59; do
    ok "edge: a bit of payload byte $place is found" flip_is_found edge "$PAYLOAD" $place
    ok "cloud: a bit of payload byte $place is found" flip_is_found cloud "$PAYLOAD" $place
done
ok "edge: a bit of a payload in parts is found" flip_is_found edge "$LARGE" 20
ok "cloud: a bit of a payload in parts is found" flip_is_found cloud "$LARGE" 20

for place in 32 40 100 200; do
    ok "cloud: a bit of byte $place of a compressed run is found" \
        flip_is_found cloud "$COMPRESSED" $place
done

if command -v sqlite3 >/dev/null; then
    ok "edge: a missing entry is found" sql_is_found edge \
        "DELETE FROM evidence WHERE position = (SELECT max(position) - 30 FROM evidence)"
    ok "edge: a missing last entry is found" sql_is_found edge \
        "DELETE FROM evidence WHERE position = (SELECT max(position) FROM evidence)"
    ok "edge: an exchanged payload is found" sql_is_found edge \
        "UPDATE evidence SET payload =
         (SELECT payload FROM evidence e WHERE e.position = evidence.position + 1)
         WHERE position = (SELECT max(position) - 30 FROM evidence)"
    ok "cloud: a missing run is found" sql_is_found cloud \
        "DELETE FROM evidence_run WHERE id = (SELECT min(id) FROM evidence_run)"
    ok "cloud: a missing last run is found" sql_is_found cloud \
        "DELETE FROM evidence_run WHERE id = (SELECT max(id) FROM evidence_run)"
    ok "cloud: a missing part is found" sql_is_found cloud \
        "DELETE FROM evidence_part WHERE id = (SELECT max(id) FROM evidence_part)"
    fresh_copy cloud
    refuses "the cloud's database refuses to change evidence" 19 "immutable" \
        sqlite3 "$(database copy)" "UPDATE evidence_run SET last_seq = last_seq + 1"
    refuses "the cloud's database refuses to delete evidence" 19 "immutable" \
        sqlite3 "$(database copy)" "DELETE FROM evidence_run"
else
    skip "missing and exchanged rows are found" "sqlite3 is not installed"
fi

ok "openssl verifies the exported entry" openssl_says "$SCRATCH/header" "$SCRATCH/signature"
ok "openssl finds a flipped bit in each byte of the header" every_byte_counts header
ok "openssl finds a flipped bit in each byte of the signature" every_byte_counts signature
tap_end
