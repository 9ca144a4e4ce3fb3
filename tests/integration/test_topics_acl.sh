#!/usr/bin/env bash
# test_topics_acl.sh - a real Mosquitto with the printed ACL lets each user do its part, no more: a
# stolen node's certificate gives no other node's topics.
set -u

work=$(mktemp -d "${TMPDIR:-/tmp}/acl.XXXXXX") || exit 1
broker=
stop()
{
    [ -n "$broker" ] && kill "$broker" 2>/dev/null && wait "$broker" 2>/dev/null
    rm -rf "$work"
}
trap stop EXIT

"${HOLDFAST_BUILD:-build/release}/topics" acl site/a >"$work/acl" || exit 1
mosquitto_passwd -c -b "$work/passwords" cloud c && mosquitto_passwd -b "$work/passwords" e1 c &&
    mosquitto_passwd -b "$work/passwords" e2 c || exit 1

# A port that nobody else has: the broker itself says whether it is.
for try in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 20000))
    printf '%s\n' "listener $port 127.0.0.1" "allow_anonymous false" \
        "user $(id -un)" "password_file $work/passwords" "acl_file $work/acl" >"$work/broker.conf"
    mosquitto -c "$work/broker.conf" 2>"$work/log" &
    broker=$!
    for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -q ' running$' "$work/log" && break 2
        kill -0 "$broker" 2>/dev/null || break
        sleep 0.1
    done
done

grep -q ' running$' "$work/log" || { cat "$work/log" >&2 && exit 1; }

echo 1..10
number=0
ok() # exit code, name
{
    number=$((number + 1))
    [ "$1" -eq 0 ] || printf 'not '
    echo "ok $number - $2"
}

# What mosquitto_pub says: nothing when the broker took the message, and it exits with 0 when the
# broker denied it.
publish() # user, topic
{
    mosquitto_pub -V 5 -p "$port" -u "$1" -P c -q 1 -r -t "site/a/$2" -m "$1" 2>&1 ||
        echo "failed"
}
each_gives() # pattern, user, topics...
{
    local pattern=$1 user=$2 topic said && shift 2
    for topic in "$@"; do
        said=$(publish "$user" "$topic")
        [[ $said == $pattern ]] || { echo "# $user to $topic: $said" && return 1; }
    done
}
all_pass()
{
    each_gives '' "$@"
}
none_pass()
{
    each_gives '*Not authorized.' "$@"
}
seen_by() # user: the retained topics that the broker gives it, in one line
{
    mosquitto_sub -V 5 -p "$port" -u "$1" -P c -q 1 -t '#' -F %t -W 1 2>/dev/null |
        sed 's|^site/a/||' | sort | tr '\n' ' '
}

all_pass e1 e1/up/evidence e1/up/sync e1/status e1/mesh/tracks
ok $? "a node writes its own topics"
none_pass e1 e2/up/evidence e2/status e1/down/ack cloud/status cloud/roster config/fleet/k \
    config/node/e1/k models/m/manifest/fleet e1/other other
ok $? "a node writes nothing else, not even its own acknowledgement"
all_pass cloud e1/down/ack e2/down/ack config/fleet/k config/group/g/k config/node/e2/k \
    models/m/manifest/node/e1 models/m/chunk/abc cloud/status cloud/roster
ok $? "the cloud writes its topics"
none_pass cloud e1/up/evidence e2/status other
ok $? "the cloud does not speak for a node"

reads() # user, topics
{
    local seen
    seen=$(seen_by "$1")
    [ "$seen" = "$2 " ] || { echo "# $1 reads: $seen" && return 1; }
}
reads e1 "cloud/roster cloud/status config/fleet/k config/group/g/k e1/down/ack models/m/chunk/abc \
models/m/manifest/node/e1"
ok $? "a node reads what is for it and for all, and nothing of another node"
# What is for all nodes is open to every user that has a password, the cloud too.
reads cloud "cloud/roster cloud/status config/fleet/k config/group/g/k e1/mesh/tracks e1/status \
e1/up/evidence e1/up/sync models/m/chunk/abc"
ok $? "the cloud reads what nodes write, and nothing that is for one node"

# ---- a thief with the certificate of e1 tries everything ----

# Every topic of the table, as the cloud or as the node e2 would use it.
foreign="e2/up/evidence e2/up/tracks e2/up/config e2/up/sync e2/status e2/mesh/tracks e2/down/ack \
e2/down/sync e2/down/tracks e1/down/ack e1/down/sync e1/down/tracks config/fleet/k \
config/group/g/k config/node/e1/k config/node/e2/k models/m/manifest/fleet \
models/m/manifest/group/g \
models/m/manifest/node/e1 models/m/manifest/node/e2 models/m/chunk/abc cloud/status cloud/roster \
cloud/up/sync"
none_pass e1 $foreign
ok $? "a stolen node writes no topic of another node, of the cloud or of the config"

# What comes to a listener while everybody writes to every topic, what all may hear last. Nothing
# retained: what is old helps nobody.
heard() # user, filters...
{
    local user=$1 filter topic options=() && shift
    for filter in "$@"; do options+=(-t "$filter"); done
    stdbuf -oL mosquitto_sub -V 5 -d -p "$port" -u "$user" -P c -q 1 -R "${options[@]}" -F %t \
        -W 30 >"$work/heard" 2>/dev/null &
    local listener=$!
    for wait in {1..100}; do grep -q SUBACK "$work/heard" && break || sleep 0.1; done
    for topic in e2/up/evidence e2/up/tracks e2/up/config e2/up/sync e2/status e2/mesh/tracks; do
        mosquitto_pub -V 5 -p "$port" -u e2 -P c -q 1 -t "site/a/$topic" -m x
    done
    for topic in e2/down/ack e2/down/sync e2/down/tracks config/node/e2/k \
        models/m/manifest/node/e2 cloud/status; do
        mosquitto_pub -V 5 -p "$port" -u cloud -P c -q 1 -t "site/a/$topic" -m x
    done
    for wait in {1..100}; do
        grep -q '^site/a/cloud/status' "$work/heard" && break || sleep 0.1
    done
    kill "$listener"
    wait "$listener" 2>/dev/null
    grep '^site/' "$work/heard" | sort -u | tr '\n' ' '
}
reaches() # what may be heard, user, filters...
{
    local wanted=$1 got && shift
    got=$(heard "$@")
    [ "$got" = "$wanted" ] || { echo "# $* hears: $got" && return 1; }
}
reaches "site/a/cloud/status " e1 '#' 'site/a/+/up/#' 'site/a/e2/#' 'site/a/+/down/+' \
    'site/a/config/node/+/+' 'site/a/models/+/manifest/node/+' 'site/a/+/mesh/tracks'
ok $? "whatever it subscribes to, it hears nothing that is not for it"
seen=$(mosquitto_sub -V 5 -p "$port" -u e1 -P c -q 1 -t '$SYS/#' -t '$SYS/broker/clients/+' -F %t \
    -W 2 2>/dev/null)
[ -z "$seen" ] || { echo "# $seen" && false; }
ok $? "and nothing of the broker's own topics"
sys_seen()
{
    mosquitto_sub -V 5 -p "$port" -u "$1" -P c -q 1 -t '$SYS/#' -F %t -W 2 2>/dev/null | sort -u
}
seen=$(sys_seen cloud)
[ "$seen" = '$SYS/broker/publish/messages/dropped' ] || { echo "# $seen" && false; }
ok $? "the cloud reads one of them: how many messages the broker had to drop"
