#!/usr/bin/env bash
# test_openssl_agrees.sh - anybody can check evidence without this project: the golden vectors hold
# under openssl, sha256sum and base64 alone. Speaks TAP; run from the root of the repository.
set -u

vectors=${HOLDFAST_VECTORS:-tests/vectors}
work=$(mktemp -d "${TMPDIR:-/tmp}/openssl.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

count=0 failed=0
check() # what should hold, command...
{
    local what=$1
    shift
    count=$((count + 1))
    if "$@" >"$work/said" 2>&1; then
        echo "ok $count - $what"
    else
        echo "not ok $count - $what"
        sed 's/^/# /' "$work/said"
        failed=$((failed + 1))
    fi
}

refuses()
{
    ! "$@"
}

sections() # file
{
    sed -n 's/^\[\(.*\)\]$/\1/p' "$vectors/$1"
}

# The hex of a field, its lines joined, glosses dropped.
field() # file, section, field
{
    awk -v section="[$2]" -v name="$3:" '
        /^\[/ { inside = $0 == section; reading = 0; next }
        /^#/ { next }
        inside && /^[^ ]/ { reading = $1 == name; if (reading) printf "%s", $2; next }
        inside && reading && /^  / { printf "%s", $1 }' "$vectors/$1"
}

# Hex on stdin, bytes on stdout.
unhex()
{
    local hex
    read -r hex || true
    printf '%b' "$(printf '%s' "$hex" | sed 's/../\\x&/g')"
}

write() # hex, file name
{
    printf '%s\n' "$1" | unhex >"$work/$2"
}

sha256() # hex
{
    printf '%s\n' "$1" | unhex | sha256sum | cut -d ' ' -f 1
}

# An Ed25519 public key is 12 fixed bytes of DER in front of the 32 of the key.
write_key() # hex of the public key
{
    write "302a300506032b6570032100$1" key.der
    openssl pkey -pubin -inform DER -in "$work/key.der" -out "$work/key.pem"
}

verifies() # hex of the message, hex of the signature
{
    write "$1" message
    write "$2" signature
    openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$work/message" \
        -sigfile "$work/signature"
}

same() # expected, seen
{
    if [ -n "$1" ] && [ "$1" = "$2" ]; then return 0; fi
    echo "expected $1, saw $2"
    return 1
}

# The last digit of a hex text replaced by another.
spoilt()
{
    case $1 in
    *0) echo "${1%?}1" ;;
    *) echo "${1%?}0" ;;
    esac
}

check_entries()
{
    local section header signature hash previous=
    previous=$(printf '0%.0s' {1..64})
    check "the key of the entries is a key" write_key "$(field evidence.txt key public_key)"
    for section in $(sections evidence.txt); do
        [ "$section" = key ] && continue
        header=$(field evidence.txt "$section" header)
        signature=$(field evidence.txt "$section" signature)
        hash=$(field evidence.txt "$section" hash)
        check "$section: a header is 192 bytes" same 384 "${#header}"
        check "$section: the header names the hash of the payload" same \
            "${header:256:64}" "$(sha256 "$(field evidence.txt "$section" payload)")"
        check "$section: the header names the hash of the entry before" same \
            "$previous" "${header:320:64}"
        check "$section: the hash is that of the header" same "$hash" "$(sha256 "$header")"
        check "$section: the signature is that of the header" verifies "$header" "$signature"
        check "$section: another header does not verify" refuses \
            verifies "$(spoilt "$header")" "$signature"
        check "$section: the leaf covers header and signature" same \
            "$(field evidence.txt "$section" leaf)" "$(sha256 "00$header$signature")"
        previous=$hash
    done
}

# The root over leaf hashes, as RFC 6962 defines it.
root_of()
{
    [ $# -eq 0 ] && { sha256 "" && return; }
    [ $# -eq 1 ] && { echo "$1" && return; }
    local split=1
    while [ $((2 * split)) -lt $# ]; do split=$((2 * split)); done
    sha256 "01$(root_of "${@:1:split}")$(root_of "${@:split+1}")"
}

check_checkpoints()
{
    local section text root leaves=()
    check "the key of the checkpoints is a key" write_key "$(field checkpoint.txt key public_key)"
    for section in empty five; do
        text=$(field checkpoint.txt "$section" text)
        root=$(field checkpoint.txt "$section" root)
        check "checkpoint $section: the text is signed" verifies \
            "$text" "$(field checkpoint.txt "$section" signature)"
        check "checkpoint $section: another text does not verify" refuses verifies \
            "$(spoilt "$text")" "$(field checkpoint.txt "$section" signature)"
        check "checkpoint $section: the third line is the root" same \
            "$root" "$(write "$text" text && sed -n 3p "$work/text" | base64 -d | od -An -tx1 |
                tr -d ' \n')"
        [ "$section" = empty ] || leaves=("$(field checkpoint.txt log leaf_1)"
            "$(field checkpoint.txt log leaf_2)" "$(field checkpoint.txt log leaf_3)"
            "$(field checkpoint.txt log leaf_4)" "$(field checkpoint.txt log leaf_5)")
        check "checkpoint $section: the root is that of the leaves" same \
            "$root" "$(root_of ${leaves[@]+"${leaves[@]}"})"
    done
}

hex_of_text()
{
    printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

hex_of_base64()
{
    printf '%s' "$1" | base64 -d | od -An -v -tx1 | tr -d ' \n'
}

check_key_lines()
{
    local section line word name key proof message
    for section in node cloud; do
        line=$(field key_line.txt "$section" line | unhex)
        read -r word name key proof <<<"$line"
        key=$(hex_of_base64 "$key")
        check "key line $section: it carries the key" same \
            "$(field key_line.txt key public_key)" "$key"
        check "key line $section: the key is a key" write_key "$key"
        message=$(hex_of_text "HOLDFAST-KEY-LINE-1")00$(hex_of_text "$word")00
        message=$message$(hex_of_text "$name")00$key
        check "key line $section: the proof verifies" verifies \
            "$message" "$(hex_of_base64 "$proof")"
    done
    key=$(sha256 "$(hex_of_text HOLDFAST-KEY-ID-1)00$(field key_line.txt key public_key)")
    check "a key id is the start of a hash" same \
        "$(field key_line.txt key key_id)" "${key:0:16}"
}

check_entries
check_checkpoints
check_key_lines
echo "1..$count"
[ "$failed" -eq 0 ]
