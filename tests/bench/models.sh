# models.sh - the parts of bench.sh that measure models; sourced by it.
#
# BENCH_MODEL_BYTES=N is the size of the file (default 100000000).

MODEL_BYTES=${BENCH_MODEL_BYTES:-100000000}

# ---- chunker: one core, no store, no broker ----

chunker_cost() # word of the change, what, [bar]
{
    local line bar=${3:-}
    line=$(grep "^change $1 " "$SCRATCH/chunker.out")
    if [ -n "$bar" ]; then
        result chunker "$2: to be sent" "$(field sum_bytes <<<"$line")" "bytes" "<=" \
            "$(field bar_bytes <<<"$line")"
    else
        result chunker "$2: to be sent" "$(field sum_bytes <<<"$line")" "bytes"
    fi
    result chunker "$2: list and manifest of it" \
        "$(($(field list_bytes <<<"$line") + $(field manifest_bytes <<<"$line")))" "bytes"
    result chunker "$2: sent over changed" "$(field over_change <<<"$line")" "times"
}

part_chunker()
{
    local line
    "$BIN/bench/bench_chunker" --bytes "$MODEL_BYTES" >"$SCRATCH/chunker.out" ||
        die "bench_chunker: $(tail -n 2 "$SCRATCH/chunker.out")"
    line=$(head -n 1 "$SCRATCH/chunker.out")
    result chunker "cut, the file as a whole" "$(field cut_bytes_per_second <<<"$line")" \
        "bytes/s" ">=" 1000000000
    result chunker "cut, in pieces of 64 KiB" "$(field pieces_bytes_per_second <<<"$line")" \
        "bytes/s" ">=" 1000000000
    result chunker "cut and SHA-256 of each chunk" "$(field hashed_bytes_per_second <<<"$line")" \
        "bytes/s"
    result chunker "a chunk on average" "$(field mean_bytes <<<"$line")" "bytes"
    chunker_cost runs "1 % changed in 16 runs" bar
    chunker_cost scattered "1 % changed, scattered"
    chunker_cost inserted "64 KiB inserted in front" bar
    chunker_cost everything "everything changed" bar
}
