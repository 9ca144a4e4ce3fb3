#!/bin/sh
# publish.sh - plays one station's part of the scenario over MQTT at its own broker: reports as
# evidence, each repeated with its id until it has a receipt, and what they say of ships as tracks.
#
# usage: publish.sh NODE BROKER REPORTS-PER-SECOND
set -eu
node=$1 broker=$2 rate=$3

tracks_publish()
{
    while IFS= read -r line; do
        track=$(printf '%s' "$line" | sed -nE 's/^\{"track": *"([^"]+)",? *.*/\1/p')
        printf '%s' "$line" | sed -E 's/^\{"track": *"[^"]+", */{/' |
            mosquitto_pub -V 5 -q 1 -h "$broker" -t "local/track/$track" -s
    done <"/scenario/$node.observations"
}

scenario publish --host "$broker" --port 1883 --node "$node" --per-second "$rate" \
    --id-prefix "$node-" "/scenario/$node.jsonl"
tracks_publish
echo "publish: all of $node has its receipt"
