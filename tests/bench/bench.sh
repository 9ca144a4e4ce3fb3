#!/usr/bin/env bash
# bench.sh - measures throughput, latency, memory, start-up, syncs and bytes, on this machine.
#
# usage: bench.sh [PART...]
# parts: append local drain rtt start fsync baseline joins tracks config chunker pressure
# (default: all)
# Edge, broker, cloud and load share the machine, as in the smallest installation. Prints a table
# with the design bars and writes build/bench.json. BENCH_ENTRIES=N sets the large backlog (default
# 1000000), BENCH_SECONDS=S the length of an append run (default 3), BENCH_SETTINGS="NAME=VALUE ..."
# environment variables for the edge whose backlog is drained (default: none, its own defaults).
set -eu
. "$(dirname "$0")/../integration/lib.sh"
. "$(dirname "$0")/replicas.sh"
. "$(dirname "$0")/models.sh"
. "$(dirname "$0")/pressure.sh"

ENTRIES=${BENCH_ENTRIES:-1000000}
SMALL=$((ENTRIES < 100000 ? ENTRIES : 100000))
SECONDS_EACH=${BENCH_SECONDS:-3}
ALL_PARTS="append local drain rtt start fsync baseline joins tracks config chunker pressure"
PARTS=${*:-$ALL_PARTS}
for part in $PARTS; do
    case " $ALL_PARTS " in *" $part "*) ;; *) die "no such part: $part (parts: $ALL_PARTS)" ;; esac
done

wanted() { case " $PARTS " in *" $1 "*) ;; *) return 1 ;; esac }
say() { printf '%s\n' "$*" >&2; }

# part, what, value, unit, [">=" or "<=", bar]
result()
{
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "${5:-}" "${6:-}" >>"$SCRATCH/results"
    say "  $1: $2: $3 $4"
}

field() { awk -v name="$1" '{ for (i = 1; i < NF; i++) if ($i == name) print $(i + 1) }'; }
per() { awk -v a="$1" -v b="$2" -v f="${3:-%.1f}" 'BEGIN { printf f, (b > 0 ? a / b : 0) }'; }
disk_bytes() { du -sb "$1" | cut -f 1; }

# Processor time of a process so far, in milliseconds.
cpu_ms()
{
    awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' \
        "/proc/${PID_OF[$1]}/stat"
}
peak_mib() { per "$(peak_kib "$1")" 1024; }
us_each() { per "${1}000" "$2" %.2f; } # milliseconds, entries

# ---- append and local: what a publisher sees ----

edge_alone() # node: an edge whose cloud is away
{
    free_port
    PORT_OF[nowhere]=$PORT
    edge_init "$1"
    edge_links "$1" nowhere "${2:--}"
    edge_start "$1"
}

part_append()
{
    local n out file="$SCRATCH/append.jsonl" started ended rate
    local -a bar
    edge_alone append
    for n in 1 64; do
        out=$("$BIN/bench/bench_append" --dir "$SCRATCH/append" --connections $n \
            --seconds "$SECONDS_EACH")
        if [ $n = 64 ]; then bar=(">=" 40000); else bar=(); fi
        result append "socket, $n at a time" "$(field per_second <<<"$out")" "entries/s" "${bar[@]}"
        result append "socket, $n: receipt p50" "$(field p50_ms <<<"$out")" "ms"
        result append "socket, $n: receipt p99" "$(field p99_ms <<<"$out")" "ms"
    done
    "$BIN/demo/scenario" generate --lines $SMALL --line-bytes 256 --ships 200 >"$file"
    started=${EPOCHREALTIME/./}
    "$EDGE" append --dir "$SCRATCH/append" --type ais --lines "$file" >/dev/null
    ended=${EPOCHREALTIME/./}
    rate=$(per $SMALL $((ended - started))e-6 %.0f)
    result append "--lines, one file" "$rate" "entries/s" ">=" 40000
    result append "edge peak memory" "$(peak_mib append)" "MiB" "<=" 16
    stop append
    started=${EPOCHREALTIME/./}
    "$EDGE" append --dir "$SCRATCH/append" --type ais --lines "$file" >/dev/null
    ended=${EPOCHREALTIME/./}
    rate=$(per $SMALL $((ended - started))e-6 %.0f)
    result append "--lines, no daemon" "$rate" "entries/s"
    rm -rf "${SCRATCH:?}/append"
}

part_local()
{
    local shape out n w
    local -a bar
    broker_start local-broker
    edge_alone local-edge local-broker
    within 10 test_field local-edge local_link online || die "the local broker is not joined"
    for shape in 1:1 1:100 64:10; do
        n=${shape%:*} w=${shape#*:}
        out=$("$BIN/bench/bench_publish" --port "${PORT_OF[local-broker]}" --publishers "$n" \
            --window "$w" --count 60000 --seconds "$SECONDS_EACH" || true)
        if [ "$n" = 64 ]; then bar=(">=" 8000); else bar=(); fi
        result local "broker, publishers $n, window $w" "$(field per_second <<<"$out")" \
            "receipts/s" "${bar[@]}"
        result local "broker, $n x $w: receipt p99" "$(field p99_ms <<<"$out")" "ms"
    done
    result local "edge peak memory" "$(peak_mib local-edge)" "MiB" "<=" 16
    stop local-edge
    stop local-broker
    rm -rf "${SCRATCH:?}/local-edge"
}

# ---- drain: a backlog goes to the cloud ----

fresh_rig() # node, delay in ms (0: no proxy)
{
    unset "PORT_OF[cloud-broker]" "PORT_OF[link]"
    rm -rf "${SCRATCH:?}/cloud" "${SCRATCH:?}/$1" "$SCRATCH/cloud-broker" "$SCRATCH/link.log"
    free_port
    PORT_OF[cloud-broker]=$PORT
    broker_conf cloud-broker
    cloud_init
    edge_init "$1"
    if [ "$2" -gt 0 ]; then
        link_start link cloud-broker --delay-ms "$2"
        edge_links "$1" link -
    else
        edge_links "$1" cloud-broker -
    fi
}

backlog() # node, entries, json or random
{
    edge_start "$1" "${SETTINGS[@]}"
    "$BIN/bench/bench_append" --dir "$SCRATCH/$1" --connections 2 --batch 512 --count "$2" \
        --payload "$3" >"$SCRATCH/fill.out"
}

drain() # label, entries, payload, delay in ms, [bar]
{
    local label=$1 entries=$2 payload=$3 delay=$4 bar=${5:-} since out bytes cpu started ended
    say "drain $label: $entries entries of 256 bytes, $payload, round trip $delay ms"
    fresh_rig drain "$delay"
    backlog drain "$entries" "$payload"
    bytes=$(disk_bytes "$SCRATCH/drain")
    result "$label" "edge disk per entry" "$(per "$bytes" "$entries")" "bytes"
    if [ "$entries" = "$ENTRIES" ] && wanted start; then start_with_backlog drain "$entries"; fi
    cpu=$(cpu_ms drain)
    since=${EPOCHREALTIME/./}
    start watch "$BIN/bench/bench_watch" --port "${PORT_OF[cloud-broker]}" --node drain \
        --until "$entries" --since "$since" --seconds 300
    : >"$SCRATCH/watch.log"
    broker_start cloud-broker
    cloud_start cloud-broker
    finish watch
    [ "$EXIT_CODE" = 0 ] || die "the backlog was not acknowledged: $(cat "$SCRATCH/watch.log")"
    out=$(cat "$SCRATCH/watch.log")
    if [ -n "$bar" ]; then
        result "$label" "drain" "$(field per_second <<<"$out")" "entries/s" ">=" "$bar"
    else
        result "$label" "drain" "$(field per_second <<<"$out")" "entries/s"
    fi
    result "$label" "cloud back to first stored" "$(field first_ms <<<"$out")" "ms" "<=" 1000
    result "$label" "cloud back to all stored" "$(field last_ms <<<"$out")" "ms"
    cpu=$(($(cpu_ms drain) - cpu))
    result "$label" "edge processor" "$(us_each "$cpu" "$entries")" "us/entry"
    result "$label" "broker processor" "$(us_each "$(cpu_ms cloud-broker)" "$entries")" "us/entry"
    result "$label" "cloud processor" "$(us_each "$(cpu_ms cloud)" "$entries")" "us/entry"
    result "$label" "edge peak memory" "$(peak_mib drain)" "MiB" "<=" 16
    result "$label" "broker peak memory" "$(peak_mib cloud-broker)" "MiB"
    result "$label" "cloud peak memory" "$(peak_mib cloud)" "MiB"
    if [ "$delay" -gt 0 ]; then
        bytes=$(link_bytes link)
        result "$label" "wire, edge to cloud" "$(per "${bytes% *}" "$entries")" "bytes/entry"
        result "$label" "wire, cloud to edge" "$(per "${bytes#* }" "$entries" %.2f)" "bytes/entry"
        stop link
    fi
    stop drain
    stop cloud
    stop cloud-broker
    bytes=$(disk_bytes "$SCRATCH/cloud")
    result "$label" "cloud disk per entry" "$(per "$bytes" "$entries")" "bytes"
    # It is linear: the small backlog tells the rate.
    [ "$entries" -le "$SMALL" ] || return 0
    started=${EPOCHREALTIME/./}
    "$CLOUD" evidence verify --dir "$SCRATCH/cloud" >"$SCRATCH/verify.out" ||
        die "verify: $(tail -n 2 "$SCRATCH/verify.out")"
    ended=${EPOCHREALTIME/./}
    result "$label" "cloud verify, every signature" \
        "$(per "$entries" $((ended - started))e-6 %.0f)" "entries/s"
}

# ---- start ----

start_with_backlog() # node, entries
{
    local out
    stop "$1"
    edge_env "$1"
    out=$("${EDGE_ENV[@]}" "$BIN/bench/bench_start" --dir "$SCRATCH/$1" "$EDGE" run \
        --dir "$SCRATCH/$1" 2>>"$SCRATCH/start.log")
    result start "edge, backlog of $2" "$(field ready_ms <<<"$out")" "ms" "<=" 100
    result start "edge memory, backlog of $2" "$(per "$(field peak_kib <<<"$out")" 1024)" "MiB" \
        "<=" 16
    edge_start "$1" "${SETTINGS[@]}"
}

part_start()
{
    local out
    fresh_rig start 0
    start_with_backlog start 0
    stop start
    broker_start cloud-broker
    out=$(env CLOUD_CONSUMER_BROKER_HOST=127.0.0.1 \
        "CLOUD_CONSUMER_BROKER_PORT=${PORT_OF[cloud-broker]}" "$BIN/bench/bench_start" \
        --dir "$SCRATCH/cloud" "$CLOUD" run --dir "$SCRATCH/cloud" 2>>"$SCRATCH/start.log")
    result start "cloud, empty" "$(field ready_ms <<<"$out")" "ms"
    stop cloud-broker
}

# ---- fsync: how many syncs a durable append costs ----

part_fsync()
{
    local n syncs
    if ! command -v strace >/dev/null; then
        say "fsync: skipped, strace is not installed"
        return 0
    fi
    edge_alone fsync
    for n in 1 64; do
        start strace strace -f -c -e trace=fdatasync,fsync -o "$SCRATCH/strace.out" \
            -p "${PID_OF[fsync]}"
        sleep 0.5
        "$BIN/bench/bench_append" --dir "$SCRATCH/fsync" --connections $n --count 10000 >/dev/null
        stop strace INT
        syncs=$(awk '$NF ~ /^f(data)?sync$/ { sum += $4 } END { print sum + 0 }' \
            "$SCRATCH/strace.out")
        result fsync "syncs for 10,000 entries, $n at a time" "$syncs" "syncs"
    done
    stop fsync
}

# ---- baseline: a Mosquitto bridge carries the same payloads into SQLite ----

part_baseline()
{
    local since out
    say "baseline: Mosquitto bridge, $SMALL messages of 256 bytes"
    rm -rf "$SCRATCH/base-cloud" "$SCRATCH/base.db"
    free_port
    PORT_OF[base-cloud]=$PORT
    broker_conf base-cloud "max_queued_bytes 0" "max_queued_messages 2000000"
    broker_start base-edge "max_queued_bytes 0" "max_queued_messages 2000000" \
        "connection to-cloud" "address 127.0.0.1:${PORT_OF[base-cloud]}" "topic bench/# out 1" \
        "bridge_protocol_version mqttv50" "cleansession false" "restart_timeout 1" \
        "notifications false"
    "$BIN/bench/bench_publish" --port "${PORT_OF[base-edge]}" --no-receipts --topic bench/a \
        --count $SMALL --window 100 >"$SCRATCH/base.fill"
    result baseline "bridge intake, in memory only" "$(field per_second <"$SCRATCH/base.fill")" \
        "messages/s"
    since=${EPOCHREALTIME/./}
    start sink "$BIN/bench/bench_sink" --port "${PORT_OF[base-cloud]}" \
        --database "$SCRATCH/base.db" --topic bench/a --count $SMALL --since "$since"
    : >"$SCRATCH/sink.log"
    broker_start base-cloud
    finish sink
    out=$(cat "$SCRATCH/sink.log")
    [ "$EXIT_CODE" = 0 ] || say "baseline: not all arrived: $out"
    BASELINE=$(field per_second <<<"$out")
    result baseline "bridge drain into SQLite" "$BASELINE" "messages/s"
    result baseline "cloud back to first stored" "$(field first_ms <<<"$out")" "ms"
    result baseline "edge broker peak memory" "$(peak_mib base-edge)" "MiB"
    stop base-edge
    stop base-cloud
}

# ---- table and JSON ----

table()
{
    echo
    awk -F '\t' '
        BEGIN { printf "%-14s %-44s %12s %-12s %s\n", "part", "what", "measured", "unit", "bar" }
        function met() { return $5 == ">=" ? ($3 + 0 >= $6 + 0) : ($3 + 0 <= $6 + 0) }
        { bar = ($5 == "" ? "" : $5 " " $6 (met() ? "  met" : "  MISSED"))
          printf "%-14s %-44s %12s %-12s %s\n", $1, $2, $3, $4, bar }' "$SCRATCH/results"
}

write_json() # file
{
    mkdir -p "${1%/*}"
    {
        printf '{"date": "%s", "cores": %s, "kernel": "%s", "processor": "%s",\n "results": [\n' \
            "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(nproc)" "$(uname -r)" \
            "$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)"
        awk -F '\t' '
            function met() { return $5 == ">=" ? ($3 + 0 >= $6 + 0) : ($3 + 0 <= $6 + 0) }
            NR > 1 { printf ",\n" }
            function text(name, value) { printf "\"%s\": \"%s\", ", name, value }
            { printf "  {"; text("part", $1); text("what", $2); text("unit", $4) }
            $5 != "" { text("bar", $5 " " $6); printf "\"met\": %s, ", (met() ? "true" : "false") }
            { printf "\"value\": %s", $3 }
            { printf "}" }
            END { print "\n ]}" }' "$SCRATCH/results"
    } >"$1"
    json <"$1" >/dev/null
}

rig_begin
: >"$SCRATCH/results"
BASELINE=
read -r -a SETTINGS <<<"${BENCH_SETTINGS:-}"
cloud_init
if wanted append; then part_append; fi
if wanted local; then part_local; fi
if wanted fsync; then part_fsync; fi
if wanted start; then part_start; fi
if wanted baseline; then part_baseline; fi
if wanted drain; then
    drain drain-small $SMALL json 0 200000
    DRAIN=$(awk -F '\t' '$1 == "drain-small" && $2 == "drain" { print $3 }' "$SCRATCH/results")
    [ -z "$BASELINE" ] || result baseline "drain here over bridge drain" \
        "$(per "$DRAIN" "$BASELINE" %.2f)" "times"
    drain drain-random $SMALL random 0
    drain drain-large "$ENTRIES" json 0 200000
fi
if wanted rtt; then
    drain rtt-small "$SMALL" json 50
    drain rtt-random "$SMALL" random 50
    drain rtt-large "$ENTRIES" json 50 100000
fi
if wanted joins; then part_joins; fi
if wanted tracks; then part_tracks; fi
if wanted config; then part_config; fi
if wanted chunker; then part_chunker; fi
if wanted pressure; then part_pressure; fi
table
write_json "$ROOT/build/bench.json"
say "written: build/bench.json"
