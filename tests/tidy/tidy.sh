#!/bin/sh
# tidy.sh - style as a program: includes, lengths, banned calls, rooms, symbols.
#
# usage: tidy.sh [--root FOLDER] [--build FOLDER]
#   --root   the tree to look at, the one above this script when not given
#   --build  where its archives are, for the rules about symbols; skipped when there are none
#
# Prints one line for each breach, "path:line: rule: what to do"; exit code 1 when there is one.
set -u
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$here/../..
build=
while [ $# -gt 1 ]; do
    case $1 in
    --root) root=$2 ;;
    --build) build=$(cd "$2" 2>/dev/null && pwd) ;;
    *) break ;;
    esac
    shift 2
done
if [ $# -gt 0 ]; then
    echo "usage: tidy.sh [--root FOLDER] [--build FOLDER]" >&2
    exit 2
fi
cd "$root" || exit 2
failed=0

breach()
{
    echo "$1"
    failed=1
}

# Nothing of ours has blanks in its name, and a name that has some would escape the rules below.
odd=$(find . \( -name .git -o -path ./build \) -prune -o -name '*[!A-Za-z0-9._,+=@-]*' -print |
    grep -v '^[.]$' | head -n 1)
[ -n "$odd" ] && breach "$odd: name: letters, digits, and . _ - only"

files=$(find common edge-bridge cloud-consumer topics tests compose Makefile -type f \
    ! -path 'tests/vectors/*' ! -path 'tests/fuzz/corpus/*' ! -name '*[!A-Za-z0-9._,+=@-]*' \
    2>/dev/null)
allow=$here/allow.txt
[ -f tests/tidy/allow.txt ] && allow=$(pwd)/tests/tidy/allow.txt
breaches=$(awk -f "$here/tidy.awk" "$here/rules.txt" "$allow" $files 2>&1 |
    sort -t: -k1,1 -k2,2n)
[ -n "$breaches" ] && breach "$breaches"

# The top level is fixed.
for entry in *; do
    case $entry in
    Makefile | README.md | common | edge-bridge | cloud-consumer | topics | tests | compose) ;;
    build | '*') ;;
    *) breach "$entry: top: not one of the entries of the top level; put it in a room" ;;
    esac
done

# Every room has one README of at most 40 lines.
for room in common common/* topics edge-bridge cloud-consumer tests tests/* compose; do
    [ -d "$room" ] && [ -n "$(find "$room" -type f | head -n 1)" ] || continue
    if [ ! -f "$room/README.md" ]; then
        breach "$room: readme: a room has a README.md of at most 40 lines"
        continue
    fi
    count=$(wc -l <"$room/README.md")
    [ "$count" -le 40 ] || breach "$room/README.md:41: readme: $count lines, at most 40"
done
for readme in $(find common edge-bridge cloud-consumer topics tests compose -name 'README*' \
    2>/dev/null); do
    case $readme in
    common/*/*/* | tests/*/*/* | topics/*/* | edge-bridge/*/* | cloud-consumer/*/* | compose/*/*)
        breach "$readme: readme: one README a room, in the room itself"
        ;;
    esac
done

# Both engines are linked into the simulator: each symbol has one owner, and no engine has state
# outside what it opened. The shell lives in daemons only and may keep some.
rooms_built=
for room in base crypto data wire store port topics edge cloud; do
    [ -n "$build" ] && [ -f "$build/lib/lib$room.a" ] &&
        rooms_built="$rooms_built $build/lib/lib$room.a"
done
if [ -n "$rooms_built" ]; then
    symbols=$(nm -A -g --defined-only $rooms_built 2>/dev/null |
        awk '$NF !~ /^__/ { name = $NF; sub(/:[^:]*$/, "", $1); sub(/.*\//, "", $1)
            if (name in owner && owner[name] != $1)
                print name ": symbol: defined in " owner[name] " and in " $1
            owner[name] = $1 }')
    [ -n "$symbols" ] && breach "$symbols"
    state=$(objdump -t $rooms_built 2>/dev/null |
        awk '/file format/ { object = $1; sub(/:$/, "", object) }
            / O [.](data|bss|tdata|tbss)[ \t]/ && $NF !~ /^__/ { print object ": state: " $NF \
                " outlives its engine; make it a field of its struct" }')
    [ -n "$state" ] && breach "$state"
fi

exit $failed
