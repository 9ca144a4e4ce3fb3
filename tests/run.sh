#!/usr/bin/env bash
# run.sh - runs test programs and scripts, two at a time, and sums up their tests.
#
# usage: run.sh [--timeout SECONDS] [--jobs 1|2] [--wrap COMMAND] [--build FOLDER] TEST...
#
# A TEST is an executable that speaks TAP on stdout (cmocka programs are asked to), or
# "exit:NAME:COMMAND", one test that is judged by its exit code alone. Each runs in the current
# directory with an empty TMPDIR of its own, and with HOLDFAST_BUILD = the folder of the programs.
# A test that crashes, runs out of time, prints no plan, or says good and exits bad, has failed.
# No TEST at all is a failure too. The last line is "N passed, N failed"; the exit code is 1 when
# anything failed.
set -u

timeout_s=120 jobs_max=2 wrap= build=
while [ $# -gt 0 ]; do
    case $1 in
    --timeout) timeout_s=$2 && shift 2 ;;
    --jobs) jobs_max=$2 && shift 2 ;;
    --wrap) wrap=$2 && shift 2 ;;
    --build) build=$2 && shift 2 ;;
    *) break ;;
    esac
done

work=$(mktemp -d "${TMPDIR:-/tmp}/hf.XXXXXX") || exit 1
stop_all()
{
    for pid_file in "$work"/*.pid; do
        [ -e "$pid_file" ] && kill "$(cat "$pid_file")" 2>/dev/null
    done
}
trap 'rm -rf "$work"' EXIT
trap 'stop_all; wait; exit 130' INT TERM

export CMOCKA_MESSAGE_OUTPUT=tap
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
[ -n "$build" ] && HOLDFAST_BUILD=$(realpath -m "$build") && export HOLDFAST_BUILD

run_one() # number, test
{
    local out=$work/$1 status
    mkdir "$out.tmp"
    case $2 in
    exit:*) set -- "$1" bash -c "${2#exit:*:}" ;;
    /*) set -- "$1" $wrap "$2" ;;
    *) set -- "$1" $wrap "./$2" ;;
    esac
    shift
    # timeout gives the test a process group of its own, so that what it started ends with it.
    TMPDIR=$out.tmp timeout -k 5 "$timeout_s" "$@" >"$out.out" 2>"$out.err" </dev/null &
    echo $! >"$out.pid"
    wait $!
    status=$?
    rm -f "$out.pid"
    rm -rf "$out.tmp"
    echo $status >"$out.rc"
}

# Prints the failing tests of one program; its last line is "passed failed skipped".
judge() # number, test
{
    local rc out=$work/$1
    rc=$(cat "$out.rc")
    awk -v name="$2" -v rc="$rc" -v timeout_s="$timeout_s" '
        function fail(what) { printf "FAIL %s: %s\n", name, what; failed++ }
        BEGIN { by_exit = name ~ /^exit:/; if (by_exit) { split(name, part, ":"); name = part[2] } }
        by_exit { next }
        /^1\.\.[0-9]+/ { plans++; planned += substr($1, 4); next }
        /^(not )?ok[ \t].*# *[Ss][Kk][Ii][Pp]/ { skipped++; showing = 0
            printf "skip %s: %s\n", name, $0; next }
        /^ok([ \t]|$)/ { passed++; showing = 0; next }
        /^not ok([ \t]|$)/ { sub(/^not ok *[0-9]* *-? */, ""); fail($0); showing = 12; next }
        /^#/ && showing > 0 { showing--; print "    " $0; next }
        END {
            missing = planned - passed - failed - skipped
            if (rc == 124 || rc == 137) why = "was stopped after " timeout_s " s"
            else if (rc > 128) why = "died of signal " (rc - 128)
            else why = "ended with exit code " rc
            tell = 0
            if (by_exit) { if (rc == 0) passed++; else { fail(why); tell = 1 } }
            else if (!plans) { fail(why " and printed no plan"); tell = 1 }
            else if (missing > 0) { fail(missing " of " planned " tests never ran: it " why)
                failed += missing - 1; tell = 1 }
            else if (missing < 0) fail(-missing " tests more than planned")
            else if (rc != 0 && !failed) { fail(why " although no test failed"); tell = 1 }
            print tell + 0
            print passed + 0, failed + 0, skipped + 0
        }' "$out.out" >"$out.verdict"
    head -n -2 "$out.verdict"
    read -r tell < <(tail -n 2 "$out.verdict")
    if [ "$tell" = 1 ]; then
        tail -n 15 "$out.out" "$out.err" | sed 's/^/    /'
    elif grep -q '^FAIL' "$out.verdict"; then
        tail -n 8 "$out.err" | sed 's/^/    /'
    fi
    read -r p f s < <(tail -n 1 "$out.verdict")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

passed=0 failed=0 skipped=0 number=0 done_count=0
declare -A test_of=()
judge_finished()
{
    local i
    for i in "${!test_of[@]}"; do
        [ -e "$work/$i.rc" ] || continue
        judge "$i" "${test_of[$i]}"
        unset "test_of[$i]"
        done_count=$((done_count + 1))
        [ -t 2 ] && printf '\r%d of %d \r' "$done_count" "$total" >&2
    done
}

total=$#
for test in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs_max" ]; do
        wait -n
    done
    judge_finished
    number=$((number + 1))
    test_of[$number]=$test
    run_one "$number" "$test" 2>/dev/null &
done
wait
judge_finished
[ "$total" -eq 0 ] && echo "no test was given, which proves nothing" && failed=1
[ "$skipped" -gt 0 ] && echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
