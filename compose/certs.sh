#!/bin/sh
# certs.sh - a private certificate authority, and certificates for a broker and its clients.
#
# usage: certs.sh FOLDER ca
#        certs.sh FOLDER broker NAME [FILE]     NAME...: host names and addresses, parted by commas
#        certs.sh FOLDER client NAME [FILE]     NAME: the node's name, or cloud
#
# Writes FOLDER/ca.crt and ca.key, FOLDER/FILE.crt and FILE.key (FILE is broker, or the client's
# NAME, unless given). What is there and still good for a third of its days is kept, so the script
# can run again at any time; HOLDFAST_CERT_RENEW=1 makes a certificate anew (the daemons and
# Mosquitto take it at SIGHUP, the daemons also by themselves within a minute).
#
# Certificates begin ten years ago and, unless HOLDFAST_CERT_DAYS says otherwise, last a year (the
# authority: ten). The early beginning is for brokers and other programs on machines whose clock
# starts in the past; the edge bridge judges no dates while it knows no certain time.
# Keep ca.key off the machines that run the broker and the nodes.
set -eu
umask 077

fail() # words...
{
    echo "certs.sh: $*" >&2
    exit 1
}

command -v openssl >/dev/null || fail "openssl is not installed: apt-get install openssl"
[ $# -ge 2 ] || fail "usage: certs.sh FOLDER ca | broker NAMES [FILE] | client NAME [FILE]"
folder=$1 kind=$2 names=${3:-} file=${4:-}
mkdir -p "$folder"
work=$(mktemp -d "$folder/.certs.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# GeneralizedTime of so many days from now.
day() # days
{
    date -u -d "$1 days" +%Y%m%d%H%M%SZ
}

key_new() # file
{
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
        fail "openssl makes no key"
}

# Good for a third of its days still, and from this authority?
is_good() # path without ending
{
    [ "${HOLDFAST_CERT_RENEW:-0}" != 1 ] && [ -s "$1.crt" ] && [ -s "$1.key" ] &&
        openssl x509 -in "$1.crt" -noout -checkend $((days * 86400 / 3)) >/dev/null 2>&1 &&
        openssl verify -no_check_time -CAfile "$folder/ca.crt" "$1.crt" >/dev/null 2>&1
}

has_names() # certificate
{
    for name in $(echo "$alternatives" | tr ',' ' '); do
        case $name in
        IP:*) openssl x509 -in "$1" -noout -checkip "${name#IP:}" ;;
        *) openssl x509 -in "$1" -noout -checkhost "${name#DNS:}" ;;
        esac | grep -q 'does match' || return 1
    done
}

# openssl ca is the one command that takes a beginning and an end.
sign() # request, certificate, extensions' section, days, more options...
{
    request=$1 certificate=$2 section=$3 last=$4
    shift 4
    : >"$work/index"
    openssl ca -config "$work/conf" -batch -notext -md sha256 -extensions "$section" \
        -startdate "$(day -3650)" -enddate "$(day "$last")" -in "$request" -out "$certificate" \
        "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2 && fail "openssl signs nothing"; }
}

# The key first: who looks at both meanwhile sees a pair that does not fit, and waits.
install_pair() # certificate, key, name
{
    chmod 600 "$2" && chmod 644 "$1"
    mv "$2" "$folder/$3.key"
    mv "$1" "$folder/$3.crt"
}

conf_write()
{
    cat >"$work/conf" <<EOF
[ca]
default_ca = here
[here]
new_certs_dir = $work
database = $work/index
unique_subject = no
rand_serial = yes
policy = any
[any]
commonName = supplied
[req]
distinguished_name = any_name
[any_name]
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[broker]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = ${alternatives:-DNS:localhost}
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
authorityKeyIdentifier = keyid
EOF
}

request_new() # common name
{
    key_new "$work/key"
    openssl req -new -config "$work/conf" -key "$work/key" -subj "/CN=$1" -out "$work/request" ||
        fail "openssl makes no request"
}

authority()
{
    days=3650
    HOLDFAST_CERT_RENEW=0 is_good "$folder/ca" && return 0
    [ ! -e "$folder/ca.key" ] || fail "$folder/ca.crt is missing or ends soon, ca.key is not"
    conf_write
    request_new "Holdfast authority"
    sign "$work/request" "$work/crt" authority "$days" -selfsign -keyfile "$work/key"
    install_pair "$work/crt" "$work/key" ca
}

leaf() # section, common name, file
{
    authority
    days=${HOLDFAST_CERT_DAYS:-365}
    is_good "$folder/$3" && has_names "$folder/$3.crt" && return 0
    conf_write
    request_new "$2"
    sign "$work/request" "$work/crt" "$1" "$days" -cert "$folder/ca.crt" -keyfile "$folder/ca.key"
    install_pair "$work/crt" "$work/key" "$3"
}

# "a.example,10.0.0.1" to "DNS:a.example, IP:10.0.0.1"
alternatives_of() # names
{
    echo "$1" | tr ',' '\n' | sed -E '/^$/d; s/^([0-9.]+|.*:.*)$/IP:&/; t; s/^/DNS:/' |
        paste -s -d , -
}

alternatives=
case $kind in
ca) authority ;;
broker)
    [ -n "$names" ] || fail "which names and addresses does the broker have?"
    alternatives=$(alternatives_of "$names")
    leaf broker "${names%%,*}" "${file:-broker}"
    ;;
client)
    echo "$names" | grep -qE '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' || fail "not a name: '$names'"
    leaf client "$names" "${file:-$names}"
    ;;
*) fail "ca, broker or client, not '$kind'" ;;
esac
