# lib.sh - brokers, edges and a cloud in a scratch folder on free loopback ports; sourced by the
# integration tests, the demo and the bench.
#
# Everything started here is remembered by name and ended by process id when the script ends; the
# scratch folder goes with it (KEEP=1 keeps it). A process is started with start NAME COMMAND...;
# its output goes to $SCRATCH/NAME.log. HOLDFAST_BUILD says where the programs are.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${HOLDFAST_BUILD:-$ROOT/build/release}
EDGE=$BIN/edge-bridge
CLOUD=$BIN/cloud-consumer

declare -A PID_OF=() PORT_OF=() PORT_TAKEN=() LINK_PORT=() LOCAL_BROKER=()

die() # words...
{
    echo "${0##*/}: $*" >&2
    exit 1
}

rig_begin()
{
    local program
    for program in "$EDGE" "$CLOUD" "$BIN/demo/scenario" "$BIN/integration/json"; do
        [ -x "$program" ] || die "$program is not there: run make build build-tests first"
    done
    [ -x "$(command -v mosquitto || echo /usr/sbin/mosquitto)" ] ||
        die "mosquitto is not installed: apt-get install mosquitto"
    PATH=$PATH:/usr/sbin
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/holdfast.XXXXXX")
    chmod 755 "$SCRATCH"
    trap rig_end EXIT
    trap 'exit 130' INT TERM
}

rig_end()
{
    trap - EXIT
    rig_kill_all 2>/dev/null
    if [ "${KEEP:-0}" = 1 ]; then echo "kept: $SCRATCH" >&2; else rm -rf "$SCRATCH"; fi
}

# What was started here, and what that has started in its turn.
rig_kill_all()
{
    local pid
    for pid in "${PID_OF[@]}"; do
        kill -KILL "$pid" $(cat "/proc/$pid/task/$pid/children" || true) || true
    done
    for pid in "${PID_OF[@]}"; do wait "$pid" || true; done
}

# ---- processes ----

start() # name, command...
{
    local name=$1
    shift
    "$@" >>"$SCRATCH/$name.log" 2>&1 </dev/null &
    PID_OF[$name]=$!
}

alive() # name
{
    [ -n "${PID_OF[$1]:-}" ] && kill -0 "${PID_OF[$1]}" 2>/dev/null
}

# Ends a process with a signal and waits for it; EXIT_CODE is what it ended with.
stop() # name, [signal]
{
    EXIT_CODE=0
    [ -n "${PID_OF[$1]:-}" ] || return 0
    # The shell's own word about a killed job goes where the group's errors go.
    {
        kill "-${2:-TERM}" "${PID_OF[$1]}" || true
        wait "${PID_OF[$1]}" || EXIT_CODE=$?
    } 2>/dev/null
    unset "PID_OF[$1]"
}

crash() # name: as a power cut for that process alone
{
    stop "$1" KILL
}

# The exit code of a process that ends by itself, in EXIT_CODE.
finish() # name
{
    EXIT_CODE=0
    wait "${PID_OF[$1]}" 2>/dev/null || EXIT_CODE=$?
    unset "PID_OF[$1]"
}

peak_kib() # name: the greatest resident memory so far
{
    awk '/^VmHWM/ { print $2 }' "/proc/${PID_OF[$1]}/status"
}

# True as soon as the command is; false when the seconds are over.
within() # seconds, command...
{
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
        sleep 0.05
    done
}

# ---- ports ----

# Below the range from which the system takes ports for outgoing connections. The port is in PORT.
free_port()
{
    local try
    for ((try = 0; try < 200; try++)); do
        PORT=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        [ -z "${PORT_TAKEN[$PORT]:-}" ] || continue
        PORT_TAKEN[$PORT]=1
        port_open "$PORT" || return 0
    done
    die "no free port"
}

port_open() # port
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# ---- brokers ----

# Part 2 of the configuration as it ships, and an anonymous listener on the loopback address.
broker_conf() # name, [more lines...]
{
    local name=$1
    shift
    mkdir -p "$SCRATCH/$name"
    {
        echo "user $(id -un)"
        echo "listener ${PORT_OF[$name]} 127.0.0.1"
        echo "persistence_location $SCRATCH/$name/"
        case "$*" in *allow_anonymous*) ;; *) echo "allow_anonymous true" ;; esac
        sed -n '/^# Part 2/,$p' "$ROOT/compose/mosquitto.conf"
        printf '%s\n' "$@"
    } >"$SCRATCH/$name.conf"
}

# A broker keeps its port and its persistence over restarts.
broker_start() # name, [more configuration lines...]
{
    local name=$1
    if [ -z "${PORT_OF[$name]:-}" ]; then
        free_port
        PORT_OF[$name]=$PORT
        broker_conf "$@"
    fi
    start "$name" mosquitto -c "$SCRATCH/$name.conf"
    within 10 port_open "${PORT_OF[$name]}" || die "broker $name: $(tail -n 3 "$SCRATCH/$name.log")"
}

broker_forget() # name: deletes all that it kept on the disk
{
    rm -f "$SCRATCH/$1/mosquitto.db" "$SCRATCH/$1"/mosquitto.db.*
}

# ---- the link between the edges and the cloud's broker, which can be slow or cut ----

link_start() # name, broker, [proxy options...]
{
    local name=$1 broker=$2
    shift 2
    start "$name" "$BIN/bench/delay_proxy" --listen "${PORT_OF[$name]:-0}" \
        --to "127.0.0.1:${PORT_OF[$broker]}" --cut-file "$SCRATCH/$name.cut" "$@"
    within 10 grep -q '^listening' "$SCRATCH/$name.log" || die "the link does not start"
    PORT_OF[$name]=$(awk '/^listening/ { port = $2 } END { print port }' "$SCRATCH/$name.log")
}

link_cut() # name
{
    touch "$SCRATCH/$1.cut"
}

link_mend() # name
{
    rm -f "$SCRATCH/$1.cut"
}

# Bytes passed on so far: "up down".
link_bytes() # name
{
    local before
    before=$(grep -c '^connections' "$SCRATCH/$1.log")
    kill -USR1 "${PID_OF[$1]}"
    within 5 link_counted "$1" "$before"
    awk '/^connections/ { up = $4; down = $6 } END { print up, down }' "$SCRATCH/$1.log"
}

link_counted()
{
    [ "$(grep -c '^connections' "$SCRATCH/$1.log")" -gt "$2" ]
}

# ---- edges and the cloud ----

cloud_init() # [folder name]
{
    "$CLOUD" init --dir "$SCRATCH/${1:-cloud}" >"$SCRATCH/${1:-cloud}.key" || die "cloud init"
}

cloud_start() # broker, [folder name]
{
    daemon_start "${2:-cloud}" env CLOUD_CONSUMER_BROKER_HOST=127.0.0.1 \
        "CLOUD_CONSUMER_BROKER_PORT=${PORT_OF[$1]}" "$CLOUD" run --dir "$SCRATCH/${2:-cloud}"
}

# Starts it and waits until it says in its log that it runs; then it answers.
daemon_start() # name, command...
{
    local name=$1 try
    for try in 1 2 3 4 5; do
        RUNS_BEFORE=$(grep -cE ' info .* runs ' "$SCRATCH/$name.log" 2>/dev/null || true)
        start "$@"
        if within 10 runs_or_ended "$name" && alive "$name"; then return 0; fi
        # An append without daemon may hold the directory for a moment longer.
        sleep 0.2
    done
    die "$name: $(tail -n 3 "$SCRATCH/$name.log")"
}

runs_or_ended() # name
{
    [ "$(grep -cE ' info .* runs ' "$SCRATCH/$1.log")" -gt "${RUNS_BEFORE:-0}" ] || ! alive "$1"
}

# A node with its own key, enrolled at the cloud, which it trusts.
edge_init() # node
{
    "$EDGE" init --dir "$SCRATCH/$1" --node "$1" >"$SCRATCH/$1.key" || die "edge init $1"
    "$EDGE" trust --dir "$SCRATCH/$1" "$(key_line "$SCRATCH/cloud.key")" >/dev/null ||
        die "edge trust $1"
    "$CLOUD" node add --dir "$SCRATCH/cloud" "$(key_line "$SCRATCH/$1.key")" >/dev/null ||
        die "node add $1"
}

key_line() # file with what init printed
{
    grep -oE 'holdfast-(node|cloud)-1 [^ ]+ [^ ]+ [^ ]+' "$1"
}

# Where an edge connects to: its link (a proxy or the broker), and a broker of its own or "-".
edge_links() # node, link, local broker
{
    LINK_PORT[$1]=${PORT_OF[$2]}
    LOCAL_BROKER[$1]=$3
}

edge_env() # node: the command that runs a program with this node's settings, in EDGE_ENV
{
    EDGE_ENV=(env EDGE_BRIDGE_BROKER_HOST=127.0.0.1 "EDGE_BRIDGE_BROKER_PORT=${LINK_PORT[$1]}")
    if [ "${LOCAL_BROKER[$1]}" != - ]; then
        EDGE_ENV+=(EDGE_BRIDGE_LOCAL_ENABLED=true EDGE_BRIDGE_LOCAL_HOST=127.0.0.1
            "EDGE_BRIDGE_LOCAL_PORT=${PORT_OF[${LOCAL_BROKER[$1]}]}")
    fi
}

edge_start() # node, [more environment...]
{
    local node=$1
    shift
    edge_env "$node"
    daemon_start "$node" "${EDGE_ENV[@]}" "$@" "$EDGE" run --dir "$SCRATCH/$node"
}

# With a wall clock that is wrong by the offset ("+1d", "-2h") or begins at a time ("@2099-01-01
# 00:00:00"); the monotonic clocks stay true, as those of a machine whose clock was set wrongly.
edge_start_at() # offset, node, [more environment...]
{
    local offset=$1 node=$2 library
    shift 2
    library=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
    [ -n "$library" ] || die "libfaketime is not installed: apt-get install faketime"
    edge_start "$node" "$@" LD_PRELOAD="$library" FAKETIME="$offset" \
        FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1
}

json() # field...
{
    "$BIN/integration/json" "$@"
}

edge_field() # node, field of its status
{
    "$EDGE" status --dir "$SCRATCH/$1" --json | json "$2"
}

test_field() # node, field, value
{
    [ "$(edge_field "$1" "$2")" = "$3" ]
}

test_field_not() # node, field, value
{
    ! test_field "$@"
}

test_accepted() # node, entries of publishers
{
    test_field "$1" accepted_entries "$2"
}

edge_settled() # node: everything is acknowledged
{
    [ "$(edge_field "$1" pending_entries)" = 0 ]
}

# ---- what a third party would look at ----

# One line "sha256" for each line of a file, without its line end, sorted.
line_hashes() # file...
{
    local folder
    folder=$(mktemp -d "$SCRATCH/lines.XXXXXX")
    cat "$@" | awk -v folder="$folder" \
        '{ file = folder "/" NR; printf "%s", $0 >file; close(file) }'
    find "$folder" -type f -print0 | xargs -0 -r sha256sum | cut -c 1-64 | sort
    rm -rf "$folder"
}

# The same of all payloads that publishers handed in and the cloud holds.
cloud_hashes() # [options of evidence list...]
{
    "$CLOUD" evidence list --dir "$SCRATCH/cloud" --json "$@" | json type payload_hash |
        awk -F '\t' '$1 ~ /^[a-z]/ { print $2 }' | sort
}

# ---- TAP ----

TESTS=0 FAILURES=0

# Good when the command is, which runs in this shell: what it sets stays set.
ok() # name, command...
{
    local name=$1
    shift
    TESTS=$((TESTS + 1))
    if "$@" >"$SCRATCH/ok.out" 2>&1; then
        echo "ok $TESTS - $name"
    else
        FAILURES=$((FAILURES + 1))
        echo "not ok $TESTS - $name"
        { printf '%s\n' "$*" && cat "$SCRATCH/ok.out"; } | tail -n 12 | cut -c 1-300 | sed 's/^/# /'
    fi
}

is() # name, got, wanted
{
    ok "$1" is_same "$2" "$3"
}

is_same()
{
    [ "$1" = "$2" ] || { echo "got '$1', wanted '$2'" && return 1; }
}

skip() # name, reason
{
    TESTS=$((TESTS + 1))
    echo "ok $TESTS - $1 # SKIP $2"
}

# A command must end with this exit code, and what it says must match every pattern.
refuses() # name, exit code, patterns parted by "|||", command...
{
    local name=$1 code=$2 patterns=$3
    shift 3
    ok "$name" refusal "$code" "$patterns" "$@"
}

refusal()
{
    local code=$1 patterns=$2 output got=0 pattern
    shift 2
    output=$("$@" 2>&1) || got=$?
    [ "$got" = "$code" ] || { echo "exit code $got, wanted $code: $output" && return 1; }
    while [ -n "$patterns" ]; do
        pattern=${patterns%%|||*}
        [ "$pattern" = "$patterns" ] && patterns= || patterns=${patterns#*|||}
        grep -qiE -- "$pattern" <<<"$output" || { echo "no /$pattern/ in: $output" && return 1; }
    done
}

# Any exit code but 0 and those of a crash will do.
not_zero_and_says() # pattern, command...
{
    local pattern=$1 output code=0
    shift
    output=$(timeout 10 "$@" 2>&1) || code=$?
    [ $code -gt 0 ] && [ $code -lt 124 ] && grep -qiE -- "$pattern" <<<"$output" && return 0
    echo "exit code $code: $output"
    return 1
}

taken_or_says() # pattern, command...
{
    "${@:2}" >/dev/null 2>&1 || not_zero_and_says "$@"
}

no_signal() # command...
{
    local code=0
    "$@" >/dev/null 2>&1 || code=$?
    [ $code -lt 128 ] || [ $code = 143 ] || { echo "died with $code" && return 1; }
}

tap_end()
{
    local deaths='broken invariant|Sanitizer|runtime error|a fault in this program'
    is "no process died of a fault of its own" "$(cd "$SCRATCH" && grep -lE "$deaths" -- *.log)" ""
    echo "1..$TESTS"
    [ "$FAILURES" -eq 0 ]
}
