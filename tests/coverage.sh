#!/bin/sh
# coverage.sh - line coverage of each file and room after a run of the coverage variant.
#
# usage: coverage.sh FOLDER
#
# Prints the least covered files last, so that they stand above the prompt.
set -u
folder=$1
notes=$(find "$folder/obj/common" "$folder/obj/topics" "$folder/obj/edge-bridge" \
    "$folder/obj/cloud-consumer" -name '*.gcno' 2>/dev/null)
if [ -z "$notes" ]; then
    echo "coverage: nothing was built with VARIANT=coverage in $folder" >&2
    exit 1
fi
gcov -n $notes 2>/dev/null | awk '
    /^File / { file = $2; gsub(/\047/, "", file); next }
    /^Lines executed:/ && file !~ /^\/usr\// && file ~ /[.]c$/ {
        split($2, part, ":"); percent = part[2]; sub(/%.*/, "", percent)
        total[file] = $4; hit[file] = percent * $4 / 100
        file = "/usr/"
    }
    END {
        for (file in total) {
            printf "%6.1f %%  %5d lines  %s\n", 100 * hit[file] / total[file], total[file], file
            room = file; sub(/\/[^\/]*$/, "", room)
            room_total[room] += total[file]; room_hit[room] += hit[file]
        }
        for (room in room_total)
            printf "%6.1f %%  %5d lines  %s/ in all\n", 100 * room_hit[room] / room_total[room],
                room_total[room], room
    }' | sort -rn
