#!/bin/sh
# deps.sh - installs the Debian packages that are missing, and starts no service by it.
#
# usage: deps.sh [all]      all: the tools of check, fuzz and valgrind too
#
# Installing mosquitto would start a broker on port 1883. The tests start brokers of their own on
# ports of their own, so while we install, a policy refuses that one service, unless this machine
# has a policy already. A broker that was there before is never touched: then the package is not
# missing, and this script does nothing with it.
set -u

packages='gcc libc6-dev make libpaho-mqtt-dev libmsgpack-dev libsodium-dev libsqlite3-dev
    libzstd-dev libssl-dev libinih-dev libcmocka-dev libjansson-dev
    libmosquitto-dev mosquitto mosquitto-clients sqlite3 openssl procps faketime'
[ "${1:-}" = all ] && packages="$packages clang clang-format libclang-rt-14-dev valgrind"

if ! command -v dpkg-query >/dev/null; then
    echo "deps: this is not Debian; install what stands for these packages by hand:" $packages >&2
    exit 0
fi

missing=
for package in $packages; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: these packages are missing, and only root can install them:$missing" >&2
        echo "deps: run as root: apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    exec sudo sh "$0" "$@"
fi

policy=/usr/sbin/policy-rc.d
our_policy=
remove_policy()
{
    [ -n "$our_policy" ] && rm -f "$policy"
}
case " $missing " in
*' mosquitto '*)
    if [ ! -e "$policy" ]; then
        our_policy=yes
        trap remove_policy EXIT
        trap 'exit 130' INT TERM
        printf '%s\n' '#!/bin/sh' 'case $1 in mosquitto*) exit 101 ;; esac' 'exit 0' >"$policy"
        chmod 755 "$policy"
    fi
    ;;
esac

echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp) || exit 1
if ! { apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } \
    >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    echo "deps: apt-get could not install$missing" >&2
    exit 1
fi
rm -f "$log"

# The service was not on this machine a minute ago, so it is ours to keep from the next boot.
case " $missing " in
*' mosquitto '*)
    if [ -d /run/systemd/system ]; then
        systemctl --quiet disable --now mosquitto.service 2>/dev/null
    elif [ -z "$our_policy" ] && [ -e /run/mosquitto/mosquitto.pid ]; then
        /etc/init.d/mosquitto stop >/dev/null 2>&1
    elif command -v update-rc.d >/dev/null; then
        update-rc.d mosquitto disable >/dev/null 2>&1
    fi
    ;;
esac
exit 0
