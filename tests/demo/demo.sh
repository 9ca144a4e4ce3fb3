#!/usr/bin/env bash
# demo.sh - moving objects, edges, a cloud, and every kind of mishap on the way.
#
# What the reports say of ships also goes in as tracks, config is set on both sides of the cut, and
# one edge works with a clock that is a day ahead.
#
# usage: demo.sh [FILE]    FILE: position reports, one JSON object a line, each with a "station"
#
# Without FILE: three edges and a scenario of its own; two edges are fed by MQTT publishers through
# brokers of their own, the third by "append --lines". With FILE: one edge for each station, all fed
# by "append --lines". Everything runs on loopback ports in a scratch folder. The exit code is 0
# only when nothing was lost and nothing is there twice, counted from the publishers' own lines.
set -eu
. "$(dirname "$0")/../integration/lib.sh"

INPUT=${1:-}
STEP=0

step()
{
    STEP=$((STEP + 1))
    printf '%2d. %s\n' $STEP "$*"
}
note() { printf '    %s\n' "$*"; }
lines_of() { cat "$@" | wc -l; }

# ---- feeding: a publisher repeats, with the same ids, until it holds a receipt for every line ----

declare -A FED_BY=()

feed_once() # node, file, lines a second
{
    local node=$1 file=$2 rate=$3
    if [ "${FED_BY[$node]}" = mqtt ]; then
        "$BIN/demo/scenario" publish --port "${PORT_OF[broker-$node]}" --node "$node" --type ais \
            --id-prefix "$node-" --per-second "$rate" --receipts "$SCRATCH/$node.receipts" "$file"
    else
        "$BIN/demo/scenario" pace --per-second "$rate" "$file" |
            "$EDGE" append --dir "$SCRATCH/$node" --type ais --id-prefix "$node-" --lines --json - \
                >>"$SCRATCH/$node.appended"
    fi
}

feed() # node, file, [lines a second]
{
    local try
    for ((try = 1; try <= 40; try++)); do
        if feed_once "$1" "$2" "${3:-100000}" >>"$SCRATCH/feed.log" 2>&1; then return 0; fi
        sleep 0.25
    done
    return 1
}

feed_all() # first half or whole
{
    local node name
    for node in $NODES; do
        if [ "${FED_BY[$node]}" = mqtt ] && [ -z "${PID_OF[feed-$node]:-}" ]; then
            start "feed-$node" feed "$node" "$SCRATCH/$1/$node.jsonl"
        fi
    done
    for node in $NODES; do
        if [ "${FED_BY[$node]}" = append ] && [ -z "${PID_OF[feed-$node]:-}" ]; then
            feed "$node" "$SCRATCH/$1/$node.jsonl" || die "$node is not fed"
        fi
    done
    for node in $NODES; do
        name=feed-$node
        if [ -n "${PID_OF[$name]:-}" ]; then
            finish "$name"
            [ "$EXIT_CODE" = 0 ] || die "$node is not fed: $(tail -n 2 "$SCRATCH/feed.log")"
        fi
    done
}

# ---- tracks and config: what the nodes and the operator say during the cut ----

observe_all() # half or all: what each station's reports say of ships, as observations of tracks
{
    local node
    for node in $NODES; do
        "$BIN/demo/scenario" observe "$SCRATCH/$1/$node.jsonl" >"$SCRATCH/$node.observations"
        "$EDGE" track put --dir "$SCRATCH/$node" --lines "$SCRATCH/$node.observations" \
            >"$SCRATCH/$node.observed" 2>&1 ||
            die "$node: $(tail -n 1 "$SCRATCH/$node.observed")"
    done
}

# Ships in the reports, and how many of them several stations heard: from the input alone.
count_ships()
{
    json mmsi station <"$SCRATCH/scenario.jsonl" | sort -u | cut -f 1 | uniq -c >"$SCRATCH/heard"
    SHIPS=$(lines_of "$SCRATCH/heard")
    SHARED=$(awk '$1 > 1' "$SCRATCH/heard" | wc -l)
}

track_digest() # node or cloud
{
    if [ "$1" = cloud ]; then
        "$CLOUD" track digest --dir "$SCRATCH/cloud" --json | json digest
    else
        "$EDGE" track digest --dir "$SCRATCH/$1" --json | json digest
    fi
}

same_digests()
{
    local node
    for node in $WAITING; do
        [ "$(track_digest "$node")" = "$(track_digest cloud)" ] || return 1
        WAITING=$(printf '%s\n' $WAITING | grep -vx -- "$node" || true)
    done
}

wait_converged() # seconds
{
    WAITING=$NODES
    within "$1" same_digests || die "replicas still differ after $1 s: $(printf '%s ' $WAITING)"
}

edge_config() # node, key
{
    "$EDGE" config get --dir "$SCRATCH/$1" "$2" --json | json value
}
cloud_config() # key
{
    "$CLOUD" config get --dir "$SCRATCH/cloud" "$1" --scope fleet --json | json value
}
config_is() # key, value: everywhere
{
    local node
    [ "$(cloud_config "$1")" = "$2" ] || return 1
    for node in $NODES; do
        [ "$(edge_config "$node" "$1")" = "$2" ] || return 1
    done
}

# The same key is written on both sides of the cut; the later write is to win, whichever side.
write_on_both_sides()
{
    "$EDGE" config set --dir "$SCRATCH/$VICTIM" sensitivity 0.8 --scope fleet >/dev/null
    "$CLOUD" config set --dir "$SCRATCH/cloud" zoom 4 --scope fleet >/dev/null
    # A clock may be a second ahead after a start: writes nearer than that have no order.
    sleep 1.2
    "$CLOUD" config set --dir "$SCRATCH/cloud" sensitivity 0.7 --scope fleet >/dev/null
    "$EDGE" config set --dir "$SCRATCH/$VICTIM" zoom 9 --scope fleet >/dev/null
    [ "$(edge_config "$VICTIM" sensitivity)" = 0.8 ] || die "the edge does not go by its own write"
    note "$VICTIM sets sensitivity 0.8, then the cloud 0.7; the cloud sets zoom 4, then" \
        "$VICTIM 9."
}

# ---- a clock that is wrong ----

poisoned_clock()
{
    local node=newcomer
    step "A node with a clock that is a day ahead joins while the link is cut: $node."
    link_cut link
    edge_init $node
    edge_links $node link -
    edge_start_at "+1d" $node
    "$EDGE" config set --dir "$SCRATCH/$node" gain 1 --scope fleet >/dev/null
    "$EDGE" track put --dir "$SCRATCH/$node" mmsi-1 \
        '{"position":{"lat":55.5,"lon":10.5},"position_confidence":0.9,"sensor":"eye"}' >/dev/null
    note "It sets gain 1 and sees mmsi-1, both stamped with tomorrow's time."
    sleep 1.2
    "$CLOUD" config set --dir "$SCRATCH/cloud" gain 2 --scope fleet >/dev/null
    note "Later, in truth, the cloud sets gain 2. Without healing, tomorrow would win."
    link_mend link
    NODES="$NODES $node"
    within 20 test_field $node clock_healed 1 || die "the clock of $node is not healed"
    within 20 config_is gain 2 || die "gain is $(cloud_config gain), not 2"
    wait_settled 20
    wait_converged 20
    [ "$("$CLOUD" node list --dir "$SCRATCH/cloud" --json | json node logs |
        awk '$1 == "newcomer" { print $2 }')" = 2 ] || die "$node has no new evidence log"
    note "gain is 2 everywhere. $node took the cloud's time, stamped anew what it had said, and" \
        "goes on in a new evidence log that names the old one's head. Nobody intervened."
}

# ---- building the world ----

make_scenario()
{
    local node
    mkdir "$SCRATCH/all" "$SCRATCH/half"
    if [ -n "$INPUT" ]; then
        [ -r "$INPUT" ] || die "cannot read $INPUT"
        cp "$INPUT" "$SCRATCH/scenario.jsonl"
    else
        "$BIN/demo/scenario" generate --nodes 3 --seconds 29 --seed 1 --ships 240 \
            >"$SCRATCH/scenario.jsonl"
    fi
    NODES=$("$BIN/demo/scenario" split "$SCRATCH/scenario.jsonl" "$SCRATCH/all" | sort)
    for node in $NODES; do
        head -n $((($(lines_of "$SCRATCH/all/$node.jsonl") + 1) / 2)) "$SCRATCH/all/$node.jsonl" \
            >"$SCRATCH/half/$node.jsonl"
    done
    # The busiest station has the accident.
    VICTIM=$(wc -l "$SCRATCH"/all/*.jsonl | sort -rn | sed -n 's/.*all\/\(.*\)\.jsonl$/\1/p' |
        head -n 1)
}

start_world()
{
    local node fed_by_append=0
    broker_start cloud-broker
    cloud_init
    for node in $NODES; do edge_init "$node"; done
    for node in sensitivity zoom gain; do
        "$CLOUD" config rule --dir "$SCRATCH/cloud" $node --writer any >/dev/null
    done
    cloud_start cloud-broker
    link_start link cloud-broker
    # Of three edges the last one that is not the victim is fed by append.
    for node in $NODES; do
        FED_BY[$node]=append
        if [ -z "$INPUT" ] && { [ "$node" = "$VICTIM" ] || [ $fed_by_append = 1 ]; }; then
            FED_BY[$node]=mqtt
            broker_start "broker-$node"
            edge_links "$node" link "broker-$node"
        else
            fed_by_append=1
            edge_links "$node" link -
        fi
        edge_start "$node"
    done
}

all_settled()
{
    local node
    for node in $WAITING; do
        if edge_settled "$node"; then
            WAITING=$(printf '%s\n' $WAITING | grep -vx -- "$node" || true)
        else
            return 1
        fi
    done
}

wait_settled() # seconds
{
    WAITING=$NODES
    local end=$((SECONDS + $1))
    until all_settled; do
        [ $SECONDS -lt $end ] || die "still pending after $1 s: $(printf '%s ' $WAITING)"
        sleep 0.1
    done
}

cloud_entries() { "$CLOUD" status --dir "$SCRATCH/cloud" --json | json entries; }

# ---- the story ----

mishaps()
{
    local victim_lines
    step "The first half of the reports is published."
    feed_all half
    observe_all half
    wait_settled 20
    wait_converged 20
    note "The cloud's store holds all of it; no edge has anything pending, and every replica of" \
        "the tracks is the same."

    step "The link to the cloud is cut. Publishing goes on: every publisher now sends its whole"
    note "file, first half included, with the same ids."
    link_cut link
    victim_lines=$(lines_of "$SCRATCH/all/$VICTIM.jsonl")
    start "feed-$VICTIM" feed "$VICTIM" "$SCRATCH/all/$VICTIM.jsonl" $((victim_lines * 2))

    step "During the cut every station goes on seeing ships, and config changes on both sides."
    observe_all all
    write_on_both_sides

    step "The edge $VICTIM is killed (SIGKILL) while its publisher is at work, and started again."
    sleep 0.4
    crash "$VICTIM"
    sleep 0.2
    edge_start "$VICTIM"
    feed_all all
    note "Its publisher repeated what had no receipt." \
        "All $(lines_of "$SCRATCH"/all/*.jsonl) reports have one."

    step "The cloud's broker is killed, and everything that it kept on its disk is deleted."
    crash cloud-broker
    broker_forget cloud-broker

    step "The cloud consumer is killed too."
    crash cloud

    step "All is restored: broker, consumer, link."
    broker_start cloud-broker
    cloud_start cloud-broker
    link_mend link
    wait_settled 30
    wait_converged 30
    note "Every edge says: nothing pending, all of it acknowledged by the cloud's store."
    within 20 config_is sensitivity 0.7 || die "sensitivity is $(cloud_config sensitivity)"
    within 20 config_is zoom 9 || die "zoom is $(cloud_config zoom)"
    note "On each side of the cut the later write won: sensitivity 0.7 and zoom 9, everywhere."
    show_tracks
}

show_tracks()
{
    local list=$SCRATCH/tracks
    "$CLOUD" track list --dir "$SCRATCH/cloud" --all --json | json track sensors >"$list"
    TRACKS=$(lines_of "$list")
    SEEN_BY_SEVERAL=$(awk '$2 > 1' "$list" | wc -l)
    DIGEST=$(track_digest cloud)
    [ "$TRACKS" = "$SHIPS" ] || die "$TRACKS tracks of $SHIPS ships"
    [ "$SEEN_BY_SEVERAL" = "$SHARED" ] || die "$SEEN_BY_SEVERAL tracks of $SHARED shared ships"
    note "$TRACKS tracks, $SEEN_BY_SEVERAL of them with the sensors of several stations, as the" \
        "input says; all $(($(wc -w <<<"$NODES") + 1)) replicas have the digest ${DIGEST:0:16}."
}

# ---- judging ----

verify_all()
{
    local node
    step "Every log is verified, on each edge and in the cloud: each hash, signature, link, root."
    for node in $NODES; do
        "$EDGE" verify --dir "$SCRATCH/$node" >"$SCRATCH/$node.verified" 2>&1 ||
            die "$node: $(tail -n 1 "$SCRATCH/$node.verified")"
    done
    "$CLOUD" evidence verify --dir "$SCRATCH/cloud" >"$SCRATCH/cloud.verified" 2>&1 ||
        die "cloud: $(tail -n 1 "$SCRATCH/cloud.verified")"
    note "All $(($(wc -w <<<"$NODES") + 1)) verifications end with exit code 0. The cloud's says:" \
        "$(awk -F ': *' '{ printf "%s%s %s", (NR > 1 ? ", " : ""), $2, $1 }' \
            "$SCRATCH/cloud.verified")."
}

# From the publishers' lines and receipts, and from what the cloud lists: not from any counter.
count_all()
{
    local node list=$SCRATCH/list
    "$CLOUD" evidence list --dir "$SCRATCH/cloud" --json |
        json node log sequence hash payload_hash type >"$list"
    line_hashes "$SCRATCH"/all/*.jsonl >"$SCRATCH/published"
    awk -F '\t' '$6 == "ais" { print $5 }' "$list" | sort >"$SCRATCH/stored"
    for node in $NODES; do
        if [ -f "$SCRATCH/$node.receipts" ]; then cut -d ' ' -f 2- "$SCRATCH/$node.receipts"; fi
        if [ -s "$SCRATCH/$node.appended" ]; then
            json log sequence hash <"$SCRATCH/$node.appended" | tr '\t' ' ' | grep -v '^-' || true
        fi
    done | sort -u >"$SCRATCH/receipts"
    awk -F '\t' '{ print $2, $3, $4 }' "$list" | sort -u >"$SCRATCH/places"
    ACCEPTED=$(lines_of "$SCRATCH/receipts")
    STORED=$(lines_of "$SCRATCH/stored")
    LOST=$(comm -23 "$SCRATCH/published" "$SCRATCH/stored" | wc -l)
    DUPLICATED=$(comm -13 "$SCRATCH/published" "$SCRATCH/stored" | wc -l)
    BROKEN_RECEIPTS=$(comm -23 "$SCRATCH/receipts" "$SCRATCH/places" | wc -l)
    VERIFIED=$(awk -F '\t' 'END { print NR }' "$list")
}

# Only sha256sum and openssl: no program of this project takes part in the judgement.
third_party()
{
    local node=$VICTIM sequence=4 folder=$SCRATCH/third part
    step "A third party checks entry $sequence of $node with sha256sum and openssl alone."
    mkdir "$folder"
    for part in header signature payload; do
        "$CLOUD" evidence show --dir "$SCRATCH/cloud" "$node" $sequence --raw $part >"$folder/$part"
    done
    {
        printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'
        key_line "$SCRATCH/$node.key" | cut -d ' ' -f 3 | base64 -d
    } >"$folder/key.der"
    openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$folder/key.der" \
        -in "$folder/header" -sigfile "$folder/signature" >"$folder/verdict" 2>&1 ||
        die "openssl: $(cat "$folder/verdict")"
    note "openssl says of header and signature: $(head -n 1 "$folder/verdict")"
    [ "$(sha256sum <"$folder/payload" | cut -c 1-64)" = \
        "$(tail -c +129 "$folder/header" | head -c 32 | od -An -v -tx1 | tr -d ' \n')" ] ||
        die "the payload's SHA-256 is not the one in the signed header"
    note "sha256sum of the payload is the one in the signed header."
}

# Flips one bit of an edge's stored payload.
flip_in_edge() # folder
{
    local line
    while IFS= read -r line; do
        line=$(printf '%s' "$line" | tail -c 80 | od -An -v -tx1 | tr -d ' \n')
        if "$BIN/integration/flip" "$1/edge.db" "$line" 30 >/dev/null 2>&1; then return 0; fi
    done <"$SCRATCH/all/$VICTIM.jsonl"
    return 1
}

# The cloud keeps a run of entries as the frame brought it, which may be compressed; the hash of its
# last entry stands in front of it (28b52ffd: the first bytes of zstd; 96c410: of a plain run).
flip_in_cloud() # folder
{
    local hash start
    for hash in $(tac "$SCRATCH/list" | awk -F '\t' -v node="$VICTIM" '$1 == node { print $4 }'); do
        for start in 28b52ffd 96c410; do
            if "$BIN/integration/flip" "$1/cloud.db" "$hash$start" 300 >/dev/null 2>&1; then
                return 0
            fi
        done
    done
    return 1
}

tamper()
{
    local name verb code
    step "One bit inside a payload is flipped, in a copy of the cloud's and of an edge's database."
    for name in cloud "$VICTIM"; do
        cp -r "$SCRATCH/$name" "$SCRATCH/forged"
        code=0
        if [ "$name" = cloud ]; then
            verb=("$CLOUD" evidence verify)
            flip_in_cloud "$SCRATCH/forged" || die "no run found in the copy of $name"
        else
            verb=("$EDGE" verify)
            flip_in_edge "$SCRATCH/forged" || die "no payload found in the copy of $name"
        fi
        "${verb[@]}" --dir "$SCRATCH/forged" >"$SCRATCH/forged.log" 2>&1 || code=$?
        [ $code = 1 ] || die "verify ended with $code on the forged copy of $name"
        note "$name: verify ends with exit code 1 and says:" \
            "$(grep -v '^$' "$SCRATCH/forged.log" | tail -n 1 | sed 's/^[a-z-]*: //')"
        rm -r "$SCRATCH/forged"
    done
}

table()
{
    echo
    printf '%-34s %12s\n' "edges" "$(wc -w <<<"$NODES")" \
        "reports published" "$(lines_of "$SCRATCH/published")" \
        "accepted (receipts)" "$ACCEPTED" "stored in the cloud" "$STORED" "lost" "$LOST" \
        "tracks on every replica" "$TRACKS" "tracks seen by several stations" "$SEEN_BY_SEVERAL" \
        "duplicated" "$DUPLICATED" "verified entries, control included" "$VERIFIED" \
        "bytes on the wire, edges to cloud" "${WIRE% *}" \
        "bytes on the wire, cloud to edges" "${WIRE#* }" "seconds" "$SECONDS"
    echo
}

SECONDS=0
rig_begin
make_scenario
step "$(wc -w <<<"$NODES") edges, a broker and a cloud start on loopback ports in $SCRATCH."
count_ships
start_world
mishaps
poisoned_clock
verify_all
WIRE=$(link_bytes link)
count_all
third_party
for name in $NODES cloud; do stop "$name"; done
tamper
table
if [ "$LOST" != 0 ] || [ "$DUPLICATED" != 0 ] || [ "$BROKEN_RECEIPTS" != 0 ] ||
    [ "$ACCEPTED" != "$STORED" ]; then
    echo "FAILED: $LOST lost, $DUPLICATED duplicated, $BROKEN_RECEIPTS receipts without entry."
    exit 1
fi
echo "Nothing was lost, and nothing is there twice."
