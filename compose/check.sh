#!/usr/bin/env bash
# check.sh - asserts the promises on the running rig and prints them as a table: what publishers
# handed in is in the cloud's store, once; all replicas are equal; the later config write won.
#
# Waits at most HOLDFAST_CHECK_SECONDS (default 120) for the publishers and the stations to finish.
# What should be there comes from the publishers' own files, by sha256sum; no counter of the
# programs takes part in it. Exit code 0 only if every line says yes.
set -u
. "$(dirname "$0")/rig.sh"

wait_s=${HOLDFAST_CHECK_SECONDS:-120}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

row() # what, yes or no, details
{
    printf '  %-52s %-4s %s\n' "$@"
    [ "$2" = yes ] || bad=1
}

yes_if() # command...
{
    if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi
}

published()
{
    local station
    for station in $STATIONS; do
        [ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' \
            "$(compose ps -a -q "${station/station/publisher}" 2>/dev/null ||
                compose ps -q "${station/station/publisher}")")" = 'exited 0' ] || return 1
    done
}

settled()
{
    local station
    for station in $STATIONS; do
        [ "$(edge_field "$station" pending_entries)" = 0 ] || return 1
    done
}

digest() # edge or cloud, its arguments...
{
    "$@" --json | field digest
}

converged()
{
    local station wanted
    wanted=$(digest cloud track digest)
    for station in $STATIONS; do
        [ "$(digest edge "$station" track digest)" = "$wanted" ] || return 1
    done
    [ -n "$wanted" ]
}

config_is() # key, value: in the cloud and everywhere
{
    local station
    [ "$(cloud config get "$1" --scope fleet --json | field value)" = "$2" ] || return 1
    for station in $STATIONS; do
        [ "$(edge "$station" config get "$1" --json | field value)" = "$2" ] || return 1
    done
}

# A line "sha256" for each report of the scenario, as the publishers' image holds it.
hand_in_hashes()
{
    docker run --rm --network none --entrypoint sh holdfast-publisher -c '
        for node in station-1 station-2 station-3; do
            while IFS= read -r line; do printf "%s" "$line" | sha256sum; done </scenario/$node.jsonl
        done' | cut -c 1-64 | sort
}

cloud_hashes()
{
    cloud evidence list --json --limit 1000000 |
        sed -nE 's/.*"type": ?"[a-z][^"]*".*"payload_hash": ?"([0-9a-f]{64})".*/\1/p
            s/.*"payload_hash": ?"([0-9a-f]{64})".*"type": ?"[a-z][^"]*".*/\1/p' | sort
}

verified()
{
    local station
    cloud evidence verify && for station in $STATIONS; do edge "$station" verify || return 1; done
}

sound()
{
    [ "$(cloud status --json | field frozen_logs)" = 0 ] &&
        [ "$(cloud status --json | field alarms)" = 0 ]
}

echo "check: the promises"
row "every publisher got every receipt" "$(yes_if within "$wait_s" published)" ""
row "nothing waits at any station" "$(yes_if within "$wait_s" settled)" ""
hand_in_hashes >"$work/in" && cloud_hashes >"$work/stored"
comm -23 "$work/in" "$work/stored" >"$work/missing"
row "accepted = stored" "$(yes_if test -s "$work/in" -a ! -s "$work/missing")" \
    "$(wc -l <"$work/in") reports, $(wc -l <"$work/missing") missing"
row "nothing is stored twice, nothing else is" "$(yes_if cmp "$work/in" "$work/stored")" \
    "$(wc -l <"$work/stored") entries"
row "all four replicas of the tracks are equal" "$(yes_if within "$wait_s" converged)" \
    "digest $(digest cloud track digest | cut -c 1-16)"
if [ "${1:-}" = after-story ]; then
    row "the later config write won, everywhere" \
        "$(yes_if within "$wait_s" eval 'config_is sensitivity 0.7 && config_is zoom 9')" \
        "sensitivity 0.7, zoom 9"
fi
row "every log verifies, at its station and in the cloud" "$(yes_if verified)" ""
row "no alarm, no frozen log" "$(yes_if sound)" ""
exit $bad
