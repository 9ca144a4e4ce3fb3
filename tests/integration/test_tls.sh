#!/usr/bin/env bash
# test_tls.sh - TLS 1.3 with certificates on both sides: what is refused, in which words, and how
# each refusal ends once the files are mended, without a restart. A clock that is wrong does not
# keep a node from the cloud, which tells it the time.
set -u
. "$(dirname "$0")/lib.sh"

certs() # arguments of certs.sh...
{
    "$ROOT/compose/certs.sh" "$SCRATCH/certs" "$@"
}

renew() # arguments of certs.sh...
{
    HOLDFAST_CERT_RENEW=1 certs "$@"
}

# The configuration as it ships, with this folder's files.
tls_broker_start() # name
{
    free_port
    PORT_OF[$1]=$PORT
    mkdir "$SCRATCH/$1"
    "$BIN/topics" acl hf/v1 >"$SCRATCH/acl"
    {
        echo "user $(id -un)"
        sed "s|/mosquitto/certs/|$SCRATCH/certs/|; s|/mosquitto/config/mosquitto.acl|$SCRATCH/acl|
            s|/mosquitto/data/|$SCRATCH/$1/|; s|^listener 8883|listener $PORT 127.0.0.1|" \
            "$ROOT/compose/mosquitto.conf"
    } >"$SCRATCH/$1.conf"
    broker_start "$1"
}

# The settings' environment of one program.
tls_env() # prefix, client's name
{
    TLS_ENV=("$1_BROKER_CA=$SCRATCH/certs/ca.crt" "$1_BROKER_CERT=$SCRATCH/certs/$2.crt"
        "$1_BROKER_KEY=$SCRATCH/certs/$2.key")
}

node_start() # node, [more environment...]
{
    tls_env EDGE_BRIDGE "$1"
    edge_start "$1" "${TLS_ENV[@]}" "${@:2}"
}

online() { test_field "$1" cloud_link online; } # node

# The node cannot connect, and its status says why.
refused_for() # node, pattern
{
    edge_field "$1" cloud_link_reason | grep -qE "$2" && ! online "$1"
}

# The reason stays the same while the node tries again and again.
tell_reason() # node
{
    edge_field "$1" cloud_link_reason
    tail -n 3 "$SCRATCH/$1.log"
    return 1
}

is_refused() # node, pattern
{
    within 15 refused_for "$@" || tell_reason "$1"
}

comes_back() # node
{
    within 15 online "$1" || tell_reason "$1"
}

store_one() # node, text
{
    printf '%s' "$2" >"$SCRATCH/payload"
    "$EDGE" append --dir "$SCRATCH/$1" --type note "$SCRATCH/payload" && within 15 edge_settled "$1"
}

# Whole days: one more within the second in which the certificate was made.
days_are() # node, days
{
    local days
    days=$(edge_field "$1" tls_certificate_expires_days)
    [ "$days" = "$2" ] || [ "$days" = $(($2 + 1)) ]
}

cloud_days_are() # days
{
    local days
    days=$("$CLOUD" status --dir "$SCRATCH/cloud" --json | json tls_certificate_expires_days)
    [ "$days" = "$1" ] || [ "$days" = $(($1 + 1)) ]
}

new_connection() # the old one would live on
{
    stop cloud-broker
    broker_start cloud-broker
}

rig_begin
certs broker 127.0.0.1,localhost
for NAME in one two three cloud; do certs client "$NAME"; done
is "keys are for their owner alone" "$(stat -c %a "$SCRATCH"/certs/*.key | sort -u)" 600
BEFORE=$(cat "$SCRATCH"/certs/* | sha256sum)
certs broker localhost && certs client one
is "certificates that are good are kept" "$(cat "$SCRATCH"/certs/* | sha256sum)" "$BEFORE"
tls_broker_start cloud-broker
cloud_init
edge_init one
edge_init two
edge_init three
edge_links one cloud-broker -
edge_links two cloud-broker -
edge_links three cloud-broker -
tls_env CLOUD_CONSUMER cloud
daemon_start cloud env CLOUD_CONSUMER_BROKER_HOST=127.0.0.1 \
    "CLOUD_CONSUMER_BROKER_PORT=${PORT_OF[cloud-broker]}" "${TLS_ENV[@]}" \
    "$CLOUD" run --dir "$SCRATCH/cloud"
node_start one
ok "a node connects with its certificate" comes_back one
ok "and what it accepts is stored" store_one one first
ok "the broker takes its name from the certificate" grep -q "as one .*u'one'" \
    "$SCRATCH/cloud-broker.log"
KERNEL_IS_SURE=$(edge_field one clock_trusted)
ok "status shows the days of the certificate" days_are one 364
ok "the cloud's too" cloud_days_are 364
ok "the broker speaks no TLS 1.2" not_zero_and_says 'alert protocol version' openssl s_client \
    -tls1_2 -connect "127.0.0.1:${PORT_OF[cloud-broker]}" -CAfile "$SCRATCH/certs/ca.crt"

# Renewal while the node runs and is connected.
HOLDFAST_CERT_DAYS=700 renew client one
kill -HUP "${PID_OF[one]}"
ok "a renewed certificate is used without a restart" within 15 days_are one 699
ok "which the log tells" grep -q 'certificate was renewed' "$SCRATCH/one.log"
ok "and the node is back" comes_back one
HOLDFAST_CERT_DAYS=20 renew client one
kill -HUP "${PID_OF[one]}"
ok "so is one that ends soon" within 15 days_are one 19
stop one
node_start one
ok "of which the log warns" within 5 grep -qE 'warning our certificate expires in (19|20) days' \
    "$SCRATCH/one.log"

# Ours has expired: the broker says so.
HOLDFAST_CERT_DAYS=-1 renew client one
kill -HUP "${PID_OF[one]}"
ok "our expired certificate is refused in these words" is_refused one 'our certificate has expired'
renew client one
ok "and its renewal heals" comes_back one

# The broker's has expired: judged by the time that the cloud has told this node.
HOLDFAST_CERT_DAYS=-1 renew broker 127.0.0.1
new_connection
ok "the broker's expired certificate is refused" is_refused one "broker's certificate.* expired at"
renew broker b.example,10.0.0.1
new_connection
ok "a broker of another name is refused" is_refused one 'does not name 127.0.0.1, but b.example, 10'
renew broker 127.0.0.1,localhost
new_connection
ok "the right name heals it" comes_back one
ok "and again what it accepts is stored" store_one one second

# An authority that is not ours.
stop one
"$ROOT/compose/certs.sh" "$SCRATCH/other" ca
"$ROOT/compose/certs.sh" "$SCRATCH/other" client one
cp "$SCRATCH/other/ca.crt" "$SCRATCH/one/ca.crt"
node_start one "EDGE_BRIDGE_BROKER_CA=$SCRATCH/one/ca.crt"
ok "a broker of another authority is refused" is_refused one 'not from an authority'
cp "$SCRATCH/certs/ca.crt" "$SCRATCH/one/ca.crt"
ok "the right authority heals it" comes_back one
cp "$SCRATCH/certs/one.crt" "$SCRATCH/one.crt.good"
cp "$SCRATCH/certs/one.key" "$SCRATCH/one.key.good"
cp "$SCRATCH/other/one.key" "$SCRATCH/certs/one.key"
kill -HUP "${PID_OF[one]}"
ok "half a renewal changes nothing" online one
cp "$SCRATCH/other/one.crt" "$SCRATCH/certs/one.crt"
kill -HUP "${PID_OF[one]}"
ok "a certificate of another authority is refused by the broker" is_refused one \
    'does not know the authority of our certificate'
cp "$SCRATCH/one.key.good" "$SCRATCH/certs/one.key"
cp "$SCRATCH/one.crt.good" "$SCRATCH/certs/one.crt"
ok "our own heals it" comes_back one

# No certificate at all.
stop one
node_start one EDGE_BRIDGE_BROKER_CERT= EDGE_BRIDGE_BROKER_KEY=
ok "without a certificate the broker refuses" is_refused one 'wants a certificate of ours'
stop one

# A broker that knows only older versions.
free_port
start old openssl s_server -quiet -no_tls1_3 -cert "$SCRATCH/certs/broker.crt" \
    -key "$SCRATCH/certs/broker.key" -accept "$PORT"
within 10 port_open "$PORT"
LINK_PORT[one]=$PORT
node_start one
ok "a broker without TLS 1.3 is refused" is_refused one 'does not speak TLS 1.3'
stop one
stop old

# A clock that is wrong does not keep a node from the cloud.
tls_env EDGE_BRIDGE two
edge_start_at "@1970-01-02 00:00:00" two "${TLS_ENV[@]}"
ok "a node in 1970 connects" comes_back two
ok "and what it accepts is stored" store_one two "from 1970"
stop two
if [ "$KERNEL_IS_SURE" = true ]; then
    skip "a node in 2099 connects" "this machine's kernel says that its clock is right"
else
    tls_env EDGE_BRIDGE three
    edge_start_at "@2099-01-01 00:00:00" three "${TLS_ENV[@]}"
    ok "a node in 2099 connects" comes_back three
fi
tap_end
