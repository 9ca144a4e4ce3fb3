#!/usr/bin/env bash
# test_tracks.sh - tracks from local sensors to every replica: receipts and refusals, an outage, a
# coalesced backlog, crashes, interests, the archive; in the end all digests are equal.
set -u
. "$(dirname "$0")/lib.sh"

track() # node, verb words and arguments...
{
    local node=$1 verb=$2
    shift 2
    "$EDGE" track "$verb" --dir "$SCRATCH/$node" "$@"
}

cloud_track() # verb, arguments...
{
    local verb=$1
    shift
    "$CLOUD" track "$verb" --dir "$SCRATCH/cloud" "$@"
}

digest_of() # node or cloud
{
    if [ "$1" = cloud ]; then cloud_track digest --json; else track "$1" digest --json; fi |
        json digest
}

# One digest, and nothing under way.
all_equal() # nodes...
{
    local node first
    first=$(digest_of cloud)
    for node in "$@"; do
        [ "$(digest_of "$node")" = "$first" ] && test_field "$node" tracks_pending 0 || return 1
    done
}

has() # node or cloud, track
{
    if [ "$1" = cloud ]; then cloud_track show "$2"; else track "$1" show "$2"; fi
}

has_not() # node or cloud, track
{
    ! has "$@"
}

fields_of() # node or cloud, track, fields...: of its first record
{
    local where=$1 name=$2
    shift 2
    if [ "$where" = cloud ]; then
        cloud_track show --json "$name"
    else
        track "$where" show --json "$name"
    fi | head -n 1 | json "$@"
}

fields_are() # node or cloud, track, value, fields...
{
    local where=$1 name=$2 value=$3
    shift 3
    [ "$(fields_of "$where" "$name" "$@")" = "$value" ]
}

# Publishes an observation at the local broker; "status reason" of its receipt go to RECEIPT.
observe() # track, file
{
    "$BIN/integration/ask" "${PORT_OF[local-broker]}" "local/track/$1" "$2" >"$SCRATCH/receipt"
    RECEIPT=$(json status reason <"$SCRATCH/receipt" | tr '\t' ' ')
}

refused_for() # name of the test, pattern of the reason, payload as printf takes it
{
    printf "$3" >"$SCRATCH/observation"
    observe bad "$SCRATCH/observation"
    ok "refused: $1" grep -qE "^ST_[A-Z_]+ .*($2)" <<<"$RECEIPT"
}

rig_begin
broker_start cloud-broker
broker_start local-broker
cloud_init
for node in one two three; do edge_init $node; done
link_start link cloud-broker
edge_links one link local-broker
edge_links two link -
edge_links three link -
cloud_start cloud-broker
for node in one two three; do edge_start $node; done
ok "the local broker is joined" within 10 test_field one local_link online

# ---- what a sensor says, and its receipt ----
printf '{"position":{"lat":48.1,"lon":11.5,"alt":30.5},"position_confidence":0.9,
    "classification":"ship","classification_confidence":0.7,"sensor":"radar-1",
    "velocity":{"north":-1,"east":2}}' \
    >"$SCRATCH/observation"
observe ship-1 "$SCRATCH/observation"
is "an observation in JSON gets its receipt" "$RECEIPT" "ok -"
{
    printf '\x82\xa8position\x82\xa3lat\xcb\x40\x48\x40\x00\x00\x00\x00\x00\xa3lon\x0b'
    printf '\xa6sensor\xa6camera'
} >"$SCRATCH/observation"
observe ship-2 "$SCRATCH/observation"
is "one in MessagePack too" "$RECEIPT" "ok -"
ok "one by the socket too" track one put ship-3 --lat -33.5 --lon -70.25 --sensor sonar
ok "one of options is kept as it was given" fields_are one ship-1 \
    $'48.1\t11.5\t30.5\t0.9\tship\t0.7\t1' latitude_deg longitude_deg altitude_m \
    position_confidence classification classification_confidence sensors
ok "so is one of MessagePack" fields_are one ship-2 $'48.5\t11\t0.5' \
    latitude_deg longitude_deg position_confidence
ok "they reach the cloud" within 10 fields_are cloud ship-1 $'48.1\t11.5\t0.7\tone' \
    latitude_deg longitude_deg classification_confidence position_by
ok "and the other edges" within 10 all_equal one two three

# ---- what is refused, with a reason its publisher can read ----
nan='\x81\xa8position\x82\xa3lat\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\xa3lon\x01'
infinite='\x81\xa8position\x82\xa3lat\x01\xa3lon\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00'
refused_for "a latitude beyond the pole" 'position.lat is 91.*-90 to 90' \
    '{"position":{"lat":91,"lon":1}}'
refused_for "a longitude out of range" 'position.lon.*-180 to 180' \
    '{"position":{"lat":1,"lon":-180.1}}'
refused_for "an altitude out of range" 'position.alt' '{"position":{"lat":1,"lon":1,"alt":3e6}}'
refused_for "a latitude alone" 'lon' '{"position":{"lat":1}}'
refused_for "a text for a number" 'position.lat is a text' '{"position":{"lat":"1","lon":1}}'
refused_for "NaN" 'finite|number' "$nan"
refused_for "an infinite number" 'finite|number' "$infinite"
refused_for "a number too large for any float" 'range|large|finite|number|JSON' \
    '{"position":{"lat":1e999,"lon":1}}'
refused_for "a confidence above 1" 'position_confidence.*1' \
    '{"position":{"lat":1,"lon":1},"position_confidence":1.01}'
refused_for "a confidence without its field" 'classification' \
    '{"classification_confidence":1,"sensor":"a"}'
refused_for "a member that is not known" 'colour' '{"sensor":"a","colour":"red"}'
refused_for "a member twice" 'twice|sensor' '{"sensor":"a","sensor":"b"}'
refused_for "null" 'null' '{"sensor":null}'
refused_for "a sensor with a line feed" 'sensor' '{"sensor":"a\\nb"}'
refused_for "a class of 65 bytes" 'classification' \
    "{\"classification\":\"$(head -c 65 /dev/zero | tr '\0' x)\"}"
refused_for "an observation that says nothing" 'says nothing' '{}'
refused_for "no JSON" 'JSON' 'ship at 48.1'
refused_for "nothing at all" '.' ''
refused_for "arrays in arrays without end" 'deep|nested|level' \
    "$(head -c 3000 /dev/zero | tr '\0' '[')"
refused_for "more than 4096 bytes" '4096' "{\"sensor\":\"$(head -c 5000 /dev/zero | tr '\0' x)\"}"
refused_for "a time far ahead" 'time|ahead' '{"sensor":"a","time":"2099-01-01T00:00:00Z"}'
printf '{"sensor":"a"}' >"$SCRATCH/observation"
observe "no name" "$SCRATCH/observation"
ok "refused: a track whose name is none" grep -q ST_MALFORMED "$SCRATCH/receipt"
ok "nothing of it became a track" has_not one bad
refuses "the command line refuses in words" 65 'position.lat is 98|||-90 to 90' \
    track one put bad --lat 98 --lon 1
refuses "and numbers that are none" 2 '--lat must be a number' track one put bad --lat north --lon 1
printf '%s\n' '{"track":"line-1","sensor":"a"}' '{"track":"bad","position":{"lat":1}}' '' \
    '{"sensor":"a"}' '{"track":"line-5","position":{"lat":1,"lon":2}}' >"$SCRATCH/lines"
refuses "lines that are refused are named, the others taken" 65 \
    'line 2 .*lon|||line 4 .*track|||2 accepted, 2 refused' track one put --lines "$SCRATCH/lines"
ok "even those behind" has one line-5
for sensor in $(seq 1 300); do
    echo "{\"track\":\"busy\",\"position\":{\"lat\":1,\"lon\":1},\"sensor\":\"sensor-$sensor\"}"
done >"$SCRATCH/lines"
ok "a track with hundreds of sensors is taken" track one put --lines "$SCRATCH/lines"
ok "and stays bounded" test "$(fields_of one busy sensors)" -le 64

# ---- three edges see one track during a cut ----
link_cut link
ok "the link is cut" within 10 test_field_not three cloud_link online
track one put shared --lat 10 --lon 20 --position-confidence 0.9 --class boat \
    --class-confidence 0.3 --sensor radar >/dev/null
track two put shared --lat 11 --lon 21 --position-confidence 0.5 --class ferry \
    --class-confidence 0.8 --sensor camera >/dev/null
track three put shared --class tug --class-confidence 0.1 --sensor sonar >/dev/null
track three put gone --lat 1 --lon 1 --sensor sonar >/dev/null
ok "each knows its own" fields_are two shared $'11\tferry\t1\t1' latitude_deg classification \
    sensors observers
link_mend link
ok "when the link is mended all replicas are equal" within 20 all_equal one two three
for where in one two three cloud; do
    ok "the best sensor of each field counts, $where" fields_are $where shared \
        $'10\t0.9\tone\tferry\t0.8\t3\t3' latitude_deg position_confidence position_by \
        classification classification_confidence sensors observers
done

# ---- many updates of few tracks during a cut ----
link_cut link
ok "the link is cut again" within 10 test_field_not one cloud_link online
for update in $(seq 1 500); do
    for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        echo "{\"track\":\"fast-$number\",\"position\":{\"lat\":$((update % 90)),\"lon\":$number}}"
    done
done >"$SCRATCH/lines"
ok "10,000 updates of 20 tracks are accepted" track one put --lines "$SCRATCH/lines"
is "and 20 tracks wait" "$(edge_field one tracks_pending)" 20
UP_BEFORE=$(link_bytes link | cut -d ' ' -f 1)
link_mend link
ok "they arrive" within 20 all_equal one two three
UP=$(($(link_bytes link | cut -d ' ' -f 1) - UP_BEFORE))
ok "each track travelled once, not each update ($UP bytes)" test $UP -lt 32768
is "with the last word of each" "$(fields_of cloud fast-7 latitude_deg longitude_deg)" $'50\t7'

# ---- crashes ----
for number in $(seq 1 4000); do
    echo "{\"track\":\"many-$((number % 2000))\"," \
        "\"position\":{\"lat\":1,\"lon\":$((number % 180))}}"
done >"$SCRATCH/lines"
track two put --lines "$SCRATCH/lines" >/dev/null 2>&1
crash cloud
track one put before-crash --lat 1 --lon 2 >/dev/null
crash one
cloud_start cloud-broker
edge_start one
track two put --lines "$SCRATCH/lines" >/dev/null 2>&1 &
FEEDER=$!
crash three
wait $FEEDER
crash two
edge_start two
edge_start three
ok "after crashes of every process all replicas are equal" within 30 all_equal one two three
ok "and what had a receipt is there" has cloud before-crash
is "all of it" "$(cloud_track list --all --json | json track | grep -c '^many-')" 2000

# ---- who wants what ----
"$CLOUD" node set one --group north --dir "$SCRATCH/cloud" >/dev/null
"$CLOUD" node set two --group north,west --dir "$SCRATCH/cloud" >/dev/null
stop two
stop three
edge_start two EDGE_BRIDGE_TRACKS_INTEREST=groups
edge_start three EDGE_BRIDGE_TRACKS_INTEREST=none
ok "the groups come to the edge" within 10 test_field_not two roster 0
track one put of-north --lat 5 --lon 5 >/dev/null
ok "an edge that wants its groups gets what they see" within 10 has two of-north
track three put of-nobody --lat 6 --lon 6 >/dev/null
ok "all is at the cloud" within 10 has cloud of-nobody
ok "and at an edge that wants all" within 10 has one of-nobody
track one put of-north-too --lat 5 --lon 5 >/dev/null
ok "what came later is there" within 10 has two of-north-too
ok "but nothing of another group" has_not two of-nobody
ok "and nothing at all where nothing is wanted" has_not three of-north
stop two
stop three
edge_start two
edge_start three
ok "who wants all again gets all" within 20 all_equal one two three

# ---- removal, archive ----
ok "a track is removed" track two remove gone
ok "everywhere" within 10 all_equal one two three
is "it is listed no more" "$(cloud_track list --json | json track | grep -cx gone)" 0
ok "the archive keeps each state that came" test \
    "$(cloud_track history shared --json | json node | sort -u | wc -l)" -eq 3
ok "also those of what was removed" grep -q three <(cloud_track history gone --json | json node)
is "a box holds what was seen in it" \
    "$(cloud_track history --box 9,19,12,22 --json | json track | sort -u)" shared
is "a time holds what came in it" \
    "$(cloud_track history shared --until 2020-01-01T00:00:00Z --json 2>/dev/null | wc -l)" 0
refuses "a box that is none is refused" 2 'box|LAT' cloud_track history --box 9,19
refuses "a track that is not there" 3 '.' cloud_track show nowhere
ok "the edges' evidence is untouched" "$EDGE" verify --dir "$SCRATCH/one"
tap_end
