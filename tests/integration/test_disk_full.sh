#!/usr/bin/env bash
# test_disk_full.sh - a node on a small disk that other files fill up: who is refused and when, that
# acknowledgements still commit, that it goes on by itself, and that nothing accepted is lost.
set -u
. "$(dirname "$0")/lib.sh"

DISK_KIB=45056

unmount_and_end()
{
    rig_kill_all 2>/dev/null
    umount "$SCRATCH/small" 2>/dev/null
    rig_end
}

append() # priority, payloads of 20 KB
{
    local i
    for ((i = 0; i < $2; i++)); do
        head -c 20000 /dev/urandom >"$SCRATCH/payload"
        "$EDGE" append --dir "$SCRATCH/small" --type film --priority "$1" --quiet \
            "$SCRATCH/payload" || return
        sha256sum <"$SCRATCH/payload" | cut -c 1-64 >>"$SCRATCH/accepted"
    done
}

append_until_full() # priority
{
    local code=0
    while [ $code = 0 ]; do
        append "$1" 10 2>/dev/null
        code=$?
    done
    [ $code = 28 ] || { echo "ended with $code" && return 1; }
}

# All the room that there is. The disk is looked at once a second.
fill()
{
    dd if=/dev/zero of="$SCRATCH/small/filler" bs=4096 2>/dev/null
}

disk_state_is() # pattern
{
    edge_field small disk_state | grep -xE "$1" || { edge_field small disk_state && return 1; }
}

dropped_some()
{
    [ "$(edge_field small retained_dropped_entries)" -gt 0 ]
}

# A quiet node looks with its next heartbeat; a verb is a commit as well.
reserved_again()
{
    edge_field small time && [ -e "$SCRATCH/small/reserve" ]
}

nothing_accepted_is_lost()
{
    cloud_hashes --limit 100000 >"$SCRATCH/arrived"
    sort "$SCRATCH/accepted" | cmp - "$SCRATCH/arrived"
}

rig_begin
if ! mkdir "$SCRATCH/small" || ! mount -t tmpfs -o size=${DISK_KIB}k tmpfs "$SCRATCH/small"; then
    skip "a node on a disk that fills up" "a small tmpfs cannot be mounted here"
    tap_end
    exit
fi 2>/dev/null
trap unmount_and_end EXIT
chmod 700 "$SCRATCH/small"
broker_start cloud-broker
cloud_init
edge_init small
edge_links small cloud-broker -
settings=(EDGE_BRIDGE_DISK_RESERVE_BYTES=6M EDGE_BRIDGE_DISK_RESERVE_FILE_BYTES=5M)
edge_start small "${settings[@]}"
ok "room is reserved" test "$(du -k "$SCRATCH/small/reserve" | cut -f 1)" -ge 5120

# Without a cloud nothing may give way.
ok "P5 is refused first" append_until_full 5
ok "the status says who is refused" within 3 disk_state_is "full below P[0-4]"
ok "P0 is still taken" append 0 1
ok "nothing was dropped" test_field small retained_dropped_entries 0
head -c 20000 /dev/urandom >"$SCRATCH/payload"
fill
ok "on a disk without any room the status says so" within 3 disk_state_is full
refuses "P0 is refused last" 28 "" "$EDGE" append --dir "$SCRATCH/small" --type film \
    --priority 0 "$SCRATCH/payload"

# A new start needs room for the log of the database, and writes a BOOT entry.
stop small
rm "$SCRATCH/small/filler"
ok "the stopped node puts its files in order" "$EDGE" status --dir "$SCRATCH/small"
fill
edge_start small "${settings[@]}"
ok "the reserved room was given up" within 5 test ! -e "$SCRATCH/small/reserve"
cloud_start cloud-broker
ok "on a full disk acknowledgements commit" within 60 edge_settled small
ok "and what the cloud has gives way" within 60 dropped_some
ok "until all are taken again" within 60 disk_state_is "giving way|ok"
ok "P5 too, though the disk is as full as before" append 5 3
ok "verify finds no damage" "$EDGE" verify --dir "$SCRATCH/small"
rm -f "$SCRATCH/small/filler"
ok "with room on the disk it is reserved again" within 20 reserved_again
ok "all is acknowledged" within 30 edge_settled small
ok "nothing that was accepted is lost" nothing_accepted_is_lost
ok "the cloud verifies" "$CLOUD" evidence verify --dir "$SCRATCH/cloud"
stop small
ok "the stopped node verifies" "$EDGE" verify --dir "$SCRATCH/small"
tap_end
