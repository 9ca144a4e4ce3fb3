# replicas.sh - the parts of bench.sh that measure tracks and config; sourced by it.
#
# BENCH_UPDATES=N is how many updates an outage holds (default 1000000), on 1,000 tracks;
# BENCH_EDGES=N how many edges a config value goes to (default 100).

UPDATES=${BENCH_UPDATES:-1000000}
EDGES=${BENCH_EDGES:-100}
TRACKS=1000

# ---- joins: one core, no store ----

part_joins()
{
    local line writers
    local -a joins bytes
    "$BIN/bench/bench_tracks" >"$SCRATCH/joins.out"
    while read -r line; do
        writers=$(field writers <<<"$line")
        joins=() bytes=()
        if [ "$writers" = 2 ]; then joins=(">=" 3000000) bytes=("<=" 70); fi
        result joins "joins that change nothing, $writers writers" \
            "$(field joins_per_second <<<"$line")" "joins/s" "${joins[@]}"
        result joins "joins that change the state, $writers writers" \
            "$(field changed_joins_per_second <<<"$line")" "joins/s"
        result joins "a track of $writers writers in a batch" \
            "$(field bytes_per_track <<<"$line")" "bytes" "${bytes[@]}"
    done <"$SCRATCH/joins.out"
}

# ---- tracks: an outage with many updates of few tracks ----

observations() # count: round after round over all tracks
{
    awk -v count="$1" -v tracks=$TRACKS 'BEGIN {
        for (i = 0; i < count; i++) {
            track = i % tracks; round = int(i / tracks)
            printf "{\"track\":\"ship-%d\",\"position\":{\"lat\":%.6f,\"lon\":%.6f},", \
                track, 55 + track / 1000 + round / 1e6, 10 + track / 1000
            printf "\"position_confidence\":0.9,\"sensor\":\"ais\",\"classification\":\"cargo\","
            printf "\"classification_confidence\":0.5}\n"
        } }'
}

outage() # updates
{
    local updates=$1 node=outage started ended before bytes
    say "tracks: an outage with $updates updates on $TRACKS tracks"
    fresh_rig $node 0
    edge_start $node
    started=${EPOCHREALTIME/./}
    observations "$updates" | "$EDGE" track put --dir "$SCRATCH/$node" --lines - \
        >"$SCRATCH/observe.out" 2>&1 || die "track put: $(tail -n 2 "$SCRATCH/observe.out")"
    ended=${EPOCHREALTIME/./}
    result tracks "local updates taken, $updates" \
        "$(per "$updates" $((ended - started))e-6 %.0f)" "updates/s"
    before=$(edge_field $node bytes_up)
    started=${EPOCHREALTIME/./}
    broker_start cloud-broker
    cloud_start cloud-broker
    within 60 test_field $node tracks_pending 0 || die "the tracks were not acknowledged"
    ended=${EPOCHREALTIME/./}
    bytes=$(($(edge_field $node bytes_up) - before))
    result tracks "$updates updates: cloud back to all joined" $(((ended - started) / 1000)) "ms"
    result tracks "$updates updates: bytes sent" "$bytes" "bytes"
    result tracks "$updates updates: bytes sent per track" "$(per $bytes $TRACKS)" "bytes"
    result tracks "$updates updates: edge peak memory" "$(peak_mib $node)" "MiB"
    stop $node
    stop cloud
    stop cloud-broker
}

part_tracks()
{
    outage $((UPDATES / 100))
    outage "$UPDATES"
}

# ---- config: from the operator to the applications on many edges ----

part_config()
{
    local i out
    local -a ports=()
    say "config: from the cloud to $EDGES edges, each with a local broker of its own"
    fresh_rig e-1 0
    for ((i = 2; i <= EDGES; i++)); do edge_init "e-$i"; done
    broker_start cloud-broker
    cloud_start cloud-broker
    for ((i = 1; i <= EDGES; i++)); do
        broker_start "local-$i"
        ports+=(--port "${PORT_OF[local-$i]}")
        edge_links "e-$i" cloud-broker "local-$i"
        edge_start "e-$i"
    done
    for ((i = 1; i <= EDGES; i++)); do
        within 60 test_field "e-$i" cloud_consumer online || die "e-$i did not connect"
        within 60 test_field "e-$i" local_link online || die "e-$i has no local broker"
    done
    out=$("$BIN/bench/bench_config" --cloud "$SCRATCH/cloud" "${ports[@]}" --edges "$EDGES")
    result config "cloud to $EDGES edges, p50" "$(field p50_ms <<<"$out")" "ms"
    result config "cloud to $EDGES edges, p99" "$(field p99_ms <<<"$out")" "ms"
    result config "cloud peak memory, $EDGES edges" "$(peak_mib cloud)" "MiB"
    for ((i = 1; i <= EDGES; i++)); do
        stop "e-$i"
        stop "local-$i"
    done
    stop cloud
    stop cloud-broker
}
