#!/usr/bin/env bash
# test_bad_input.sh - wrong settings, keys, directories, databases and clocks: one sentence that
# names the thing and the mend, a documented exit code, and nothing lost.
set -u
. "$(dirname "$0")/lib.sh"

settings_file() { find "$SCRATCH/$1" -maxdepth 1 -name '*.ini' | head -n 1; }
database() { find "$SCRATCH/$1" -maxdepth 1 -name '*.db' | head -n 1; }

with_setting() # folder, program, lines of settings...: runs the program with them
{
    local folder=$1 program=$2 file
    shift 2
    file=$(settings_file "$folder")
    cp "$file" "$SCRATCH/settings.saved"
    printf '%s\n' "$@" >>"$file"
    timeout 10 "$program" run --dir "$SCRATCH/$folder"
    local code=$?
    cp "$SCRATCH/settings.saved" "$file"
    return $code
}

run_for() # seconds, command...: 0 when it ran on until it was told to end
{
    local seconds=$1
    shift
    timeout --preserve-status -s TERM "$seconds" "$@"
}

copy_of() # folder: a copy to spoil
{
    rm -rf "$SCRATCH/spoilt"
    cp -r "$SCRATCH/$1" "$SCRATCH/spoilt"
}

rig_begin
broker_start cloud-broker
cloud_init
edge_init one
edge_links one cloud-broker -
free_port
NOBODY=$PORT
printf 'hello' >"$SCRATCH/small"
"$EDGE" append --dir "$SCRATCH/one" --type note "$SCRATCH/small" >/dev/null

# ---- settings ----
for program in "$EDGE" "$CLOUD"; do
    name=${program##*/} folder=one prefix=EDGE_BRIDGE
    [ "$program" = "$CLOUD" ] && folder=cloud prefix=CLOUD_CONSUMER
    refuses "$name: an unknown key is named with file and line" 78 "hots|||:[0-9]+|line [0-9]+" \
        with_setting $folder "$program" "[broker]" "hots = example"
    refuses "$name: an unknown section is named" 78 "borker" \
        with_setting $folder "$program" "[borker]" "host = example"
    refuses "$name: a bad value is named with what is allowed" 78 "port|||99999" \
        with_setting $folder "$program" "[broker]" "port = 99999"
    refuses "$name: a word where a number should be" 78 "port|||many" \
        with_setting $folder "$program" "[broker]" "port = many"
    refuses "$name: a bad environment variable is named" 78 "${prefix}_BROKER_PORT" \
        env "${prefix}_BROKER_PORT=x" timeout 10 "$program" run --dir "$SCRATCH/$folder"
    refuses "$name: an unknown environment variable of ours is named" 78 "${prefix}_BROKER_PROT" \
        env "${prefix}_BROKER_PROT=1" timeout 10 "$program" run --dir "$SCRATCH/$folder"
done

# ---- directory and key ----
refuses "a directory that is not there" 3 "nowhere|||init" "$EDGE" run --dir "$SCRATCH/nowhere"
mkdir "$SCRATCH/empty"
ok "a directory without a node is refused" not_zero_and_says "init" \
    "$EDGE" run --dir "$SCRATCH/empty"
ok "a file in place of a directory is refused" not_zero_and_says "directory" \
    "$EDGE" run --dir "$SCRATCH/small"
ok "a cloud's directory is not an edge's" not_zero_and_says "$SCRATCH/cloud" \
    "$EDGE" run --dir "$SCRATCH/cloud"
copy_of one
rm "$SCRATCH/spoilt/key"
refuses "a missing key file" 78 "spoilt/key" "$EDGE" run --dir "$SCRATCH/spoilt"
copy_of one
chmod 644 "$SCRATCH/spoilt/key"
refuses "a key that others can read" 78 "spoilt/key|||chmod" "$EDGE" run --dir "$SCRATCH/spoilt"
copy_of one
echo "not a key" >"$SCRATCH/spoilt/key"
refuses "a key file that holds no key" 78 "spoilt/key" "$EDGE" run --dir "$SCRATCH/spoilt"
refuses "a node name that is none" 2 "Bad Name" "$EDGE" init --dir "$SCRATCH/x" --node "Bad Name"
refuses "a reserved node name" 2 "cloud" "$EDGE" init --dir "$SCRATCH/x" --node cloud
ok "and no directory was made for them" test ! -e "$SCRATCH/x"
ok "a key line that is none is refused" not_zero_and_says "key" \
    "$EDGE" trust --dir "$SCRATCH/one" "holdfast-cloud-1 cloud abc def"
ok "a node's line is not a cloud's" not_zero_and_says "cloud" \
    "$EDGE" trust --dir "$SCRATCH/one" "$(key_line "$SCRATCH/one.key")"
ok "an enrolment line with a changed key is refused" not_zero_and_says "line|key" \
    "$CLOUD" node add --dir "$SCRATCH/cloud" "$(key_line "$SCRATCH/one.key" | tr 'AB' 'BA')"

# ---- database ----
copy_of one
printf 'this is no database, it only has the name of one, and it is long enough' \
    >"$(database spoilt)"
rm -f "$(database spoilt)"-*
refuses "a file that is no database" 80 "$(basename "$(database spoilt)")" \
    "$EDGE" run --dir "$SCRATCH/spoilt"
copy_of one
dd if=/dev/urandom of="$(database spoilt)" bs=4096 seek=1 count=8 conv=notrunc 2>/dev/null
ok "a database with random pages is refused or found" not_zero_and_says "" \
    "$EDGE" verify --dir "$SCRATCH/spoilt"
ok "nor does it crash the daemon" no_signal run_for 2 "$EDGE" run --dir "$SCRATCH/spoilt"
copy_of one
# The schema's version stands in bytes 60 to 63 of the file.
printf '\x00\x00\x27\x0f' | dd of="$(database spoilt)" bs=1 seek=60 conv=notrunc 2>/dev/null
refuses "a database of a newer version" 79 "newer" "$EDGE" run --dir "$SCRATCH/spoilt"
copy_of cloud
printf '\x00\x00\x27\x0f' | dd of="$(database spoilt)" bs=1 seek=60 conv=notrunc 2>/dev/null
refuses "of the cloud too" 79 "newer" "$CLOUD" run --dir "$SCRATCH/spoilt"

# ---- two at once, broker away ----
edge_start one
refuses "a second daemon in one directory" 16 "$SCRATCH/one" "$EDGE" run --dir "$SCRATCH/one"
ok "which does not disturb the first" "$EDGE" status --dir "$SCRATCH/one"
stop one
cloud_start cloud-broker
refuses "a second consumer in one directory" 16 "$SCRATCH/cloud" "$CLOUD" run --dir "$SCRATCH/cloud"
LINK_PORT[one]=$NOBODY
edge_start one
ok "with the broker away the edge runs and takes evidence" \
    "$EDGE" append --dir "$SCRATCH/one" --type note "$SCRATCH/small"
ok "and says why nothing is sent" within 5 test_field_not one cloud_link_reason ""
ok "in words" grep -qiE 'refused|broker|connect' <(edge_field one cloud_link_reason)
ok "and its log names host and port" within 5 grep -q "$NOBODY" "$SCRATCH/one.log"
stop one
is "and it stops with exit code 0" "$EXIT_CODE" 0

# ---- what is handed in ----
head -c $((16 * 1024 * 1024 + 1)) /dev/zero >"$SCRATCH/huge"
refuses "a payload over 16 MiB" 66 "16" "$EDGE" append --dir "$SCRATCH/one" --type film \
    "$SCRATCH/huge"
refuses "a file that is not there" 3 "absent" "$EDGE" append --dir "$SCRATCH/one" --type film \
    "$SCRATCH/absent"
refuses "a type that is no name" 2 "bad type" "$EDGE" append --dir "$SCRATCH/one" \
    --type "bad type" "$SCRATCH/small"
refuses "a priority that is none" 2 "priority" "$EDGE" append --dir "$SCRATCH/one" --type note \
    --priority 6 "$SCRATCH/small"
head -c 70000 /dev/zero | tr '\0' x >"$SCRATCH/long-line"
printf 'first\n%s\nlast\n' "$(cat "$SCRATCH/long-line")" >"$SCRATCH/lines"
ok "a line over 63 KiB is taken or refused with its number" \
    taken_or_says "2" "$EDGE" append --dir "$SCRATCH/one" --type note --lines "$SCRATCH/lines"

# ---- the clock ----
# A program with the address sanitizer cannot run under faketime.
if faketime '2001-01-01 00:00:00' "$EDGE" --version >/dev/null 2>&1; then
    ok "a clock before the build date is no reason to refuse evidence" \
        faketime '2001-01-01 00:00:00' \
        "$EDGE" append --dir "$SCRATCH/one" --type note --json "$SCRATCH/small"
    "$EDGE" append --dir "$SCRATCH/one" --type note --json "$SCRATCH/small" >"$SCRATCH/receipt"
    OLD=$(($(json sequence <"$SCRATCH/receipt") - 1))
    edge_links one cloud-broker -
    edge_start one
    ok "all of it is acknowledged" within 20 edge_settled one
    "$CLOUD" evidence list --dir "$SCRATCH/cloud" --json |
        json sequence time_untrusted time type >"$SCRATCH/marks"
    ok "but the entry carries the mark" grep -q $'\ttrue\t2001-' "$SCRATCH/marks"
    ok "the log still verifies" "$CLOUD" evidence verify --dir "$SCRATCH/cloud"
    stop one
else
    skip "a clock before the build date" "faketime is not installed, or cannot run this program"
fi

# ---- no room on the disk ----
mkdir "$SCRATCH/tiny"
if mount -t tmpfs -o size=1500k tmpfs "$SCRATCH/tiny" 2>/dev/null; then
    trap 'umount -l "$SCRATCH/tiny" 2>/dev/null; rig_end' EXIT
    "$EDGE" init --dir "$SCRATCH/tiny/node" --node tiny >/dev/null
    "$BIN/demo/scenario" generate --lines 20000 >"$SCRATCH/many"
    refuses "a full disk is named" 28 "room|full|space" env EDGE_BRIDGE_DISK_RESERVE_BYTES=256K \
        "$EDGE" append --dir "$SCRATCH/tiny/node" --type ais --lines "$SCRATCH/many"
    ok "what was accepted before is whole" "$EDGE" verify --dir "$SCRATCH/tiny/node"
    umount "$SCRATCH/tiny"
else
    skip "a full disk is named" "this user may not mount a tmpfs"
fi
tap_end
