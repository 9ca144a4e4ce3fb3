# pressure.sh - the part of bench.sh that measures how a narrow link is shared; sourced by it.
#
# BENCH_PRESSURE_MB=N is how much evidence waits on the link of 1 Mbit/s (default 8, in MB; a
# sixteenth of it on that of 50 kbit/s), BENCH_PRESSURE_TRACKS=N how many tracks (default 2000; a
# sixth of them). Nobody waits for the end of the backlog: what counts happens while it drains.

PRESSURE_BYTES=$((${BENCH_PRESSURE_MB:-8} * 1000000))
PRESSURE_TRACKS=${BENCH_PRESSURE_TRACKS:-2000}

# Random bytes, so that the link carries what is handed in; and one state of each of many tracks.
pressure_backlog() # node, bytes of evidence, tracks
{
    "$BIN/bench/bench_append" --dir "$SCRATCH/$1" --connections 2 --batch 256 \
        --count $(($2 / 256)) --payload random >"$SCRATCH/fill.out"
    TRACKS=$3 observations "$3" | "$EDGE" track put --dir "$SCRATCH/$1" --lines - \
        >"$SCRATCH/observe.out" 2>&1 || die "track put: $(tail -n 2 "$SCRATCH/observe.out")"
}

# What a drain in the order of intake would have to send before the newest: seconds.
pressure_fifo() # node, bytes per second
{
    local waiting
    waiting=$("$EDGE" status --dir "$SCRATCH/$1" --json | json pending_bytes)
    per "$waiting" "$2"
}

pressure_kind() # label, kind, what, bar in seconds
{
    local line
    line=$(grep "^kind $2 " "$SCRATCH/pressure.out")
    result "$1" "$3, p50" "$(per "$(field p50_ms <<<"$line")" 1000 %.2f)" "s"
    result "$1" "$3, max of $(field rounds <<<"$line")" \
        "$(per "$(field max_ms <<<"$line")" 1000 %.2f)" "s" "<=" "$4"
}

# label, bytes per second, round trip in ms, bytes of evidence, tracks, rounds, settling seconds,
# bar of critical entries in seconds
pressure_on()
{
    local label=$1 rate=$2 delay=$3 node=pressure before after started ended line share
    say "pressure: $4 bytes of evidence, $5 tracks, $rate bytes/s, round trip $delay ms"
    fresh_rig $node 0
    link_start link cloud-broker --delay-ms "$delay" --rate-bytes-s "$rate"
    edge_links $node link -
    edge_start $node "${SETTINGS[@]}"
    pressure_backlog $node "$4" "$5"
    broker_start cloud-broker
    cloud_start cloud-broker
    within 20 test_field $node cloud_consumer online || die "the edge did not connect"
    sleep "$7"
    result "$label" "plain FIFO: a new entry at the start" "$(pressure_fifo $node "$rate")" "s"
    before=$(link_bytes link)
    started=${EPOCHREALTIME/./}
    "$BIN/bench/bench_pressure" --edge "$SCRATCH/$node" --cloud "$SCRATCH/cloud" --node $node \
        --port "${PORT_OF[cloud-broker]}" --rounds "$6" >"$SCRATCH/pressure.out" ||
        die "not all arrived: $(cat "$SCRATCH/pressure.out")"
    ended=${EPOCHREALTIME/./}
    after=$(link_bytes link)
    result "$label" "plain FIFO: a new entry at the end" "$(pressure_fifo $node "$rate")" "s"
    pressure_kind "$label" critical "a critical entry in the store" "$8"
    pressure_kind "$label" config_up "config, edge to cloud" 5
    pressure_kind "$label" config_down "config, cloud to edge" 5
    pressure_kind "$label" track "an active track in the store" 60
    line=$(tail -n 1 "$SCRATCH/pressure.out")
    share=$(awk -v b="$(field first_bytes <<<"$line")" -v s="$(field seconds <<<"$line")" \
        -v r="$rate" 'BEGIN { printf "%.1f", 100 * b / (s * r) }')
    result "$label" "all bytes over what the link can carry" \
        "$(per "$(((${after% *} - ${before% *}) * 100))" "$(((ended - started) * rate))e-6")" "%"
    result "$label" "first-time frame bytes over the same" "$share" "%" ">=" 90
    stop link
    stop $node
    stop cloud
    stop cloud-broker
}

part_pressure()
{
    pressure_on pressure 125000 50 "$PRESSURE_BYTES" "$PRESSURE_TRACKS" 12 1 2
    pressure_on pressure-50k 6250 600 $((PRESSURE_BYTES / 16)) $((PRESSURE_TRACKS / 6)) 10 2 5
}
