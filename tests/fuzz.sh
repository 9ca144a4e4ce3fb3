#!/bin/sh
# fuzz.sh - runs every fuzz target for a while, from its stored corpus on.
#
# usage: fuzz.sh FOLDER SECONDS
#
# New inputs stay in the build folder; an input that crashes is written into the target's corpus,
# where every later run tries it first.
set -u
folder=$1 seconds=$2
failed=0 passed=0
for target in "$folder"/tests/fuzz/fuzz_*; do
    [ -x "$target" ] || continue
    name=$(basename "$target")
    found=$folder/corpus/$name
    kept=tests/fuzz/corpus/$name
    mkdir -p "$found" "$kept"
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$kept/" "$found" "$kept" >"$folder/$name.log" 2>&1; then
        passed=$((passed + 1))
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/$name.log")
        echo "$name: $runs runs, no crash"
    else
        failed=$((failed + 1))
        echo "FAIL $name: see $folder/$name.log; the input is in $kept"
        tail -n 15 "$folder/$name.log" | sed 's/^/    /'
    fi
    rmdir "$kept" 2>/dev/null
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
