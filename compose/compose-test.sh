#!/usr/bin/env bash
# compose-test.sh - builds the rig, runs the chaos on it and checks the promises; or says
# "skipped: no engine".
#
# Takes a Docker engine that answers; else starts dockerd when it is installed and we are root, and
# stops it at the end. When no registry can be reached, the base image comes from debootstrap with
# this machine's own mirror and apt settings. The rig has a project name of its own, and is taken
# down with its volumes at the end (KEEP=1 leaves it).
set -u
export HOLDFAST_PROJECT=${HOLDFAST_PROJECT:-holdfast-test-$$}
. "$(dirname "$0")/rig.sh"

base_image=debian:bookworm-slim
work=$(mktemp -d "${TMPDIR:-/var/tmp}/compose-test.XXXXXX")
engine_pid= rig_up=

finish()
{
    trap - EXIT
    if [ -n "$rig_up" ] && [ "${KEEP:-0}" != 1 ]; then
        compose down --volumes --timeout 5 >"$work/down.log" 2>&1 || tail -n 5 "$work/down.log" >&2
    fi
    if [ -n "$engine_pid" ]; then
        kill "$engine_pid" && wait "$engine_pid"
        rm -rf "/run/holdfast-test-$$"
    fi
    [ "${KEEP:-0}" = 1 ] && echo "kept: $work, project $PROJECT" >&2 || rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

skip()
{
    echo "skipped: no engine ($*)"
    exit 0
}

engine_start()
{
    docker info >/dev/null 2>&1 && return 0
    [ -z "${DOCKER_HOST:-}" ] || skip "none answers at DOCKER_HOST"
    command -v dockerd >/dev/null || skip "dockerd is not installed: apt-get install docker.io"
    [ "$(id -u)" = 0 ] || skip "only root can start dockerd"
    export DOCKER_HOST=unix://$work/docker.sock
    dockerd --data-root "$work/data" --exec-root "/run/holdfast-test-$$" \
        --pidfile "$work/pid" -H "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
    engine_pid=$!
    within 30 docker info && return 0
    skip "dockerd does not run here: $(tail -n 1 "$work/dockerd.log")"
}

# The mirror and the settings of apt are this machine's own.
base_image_make()
{
    local mirror
    docker image inspect $base_image >/dev/null 2>&1 && return 0
    docker pull -q $base_image >"$work/pull.log" 2>&1 && return 0
    command -v debootstrap >/dev/null && [ "$(id -u)" = 0 ] ||
        skip "$base_image cannot be pulled, and debootstrap is not installed"
    mirror=$(apt-get indextargets --format '$(SITE)$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk '/bookworm / && !/security/ { print $2; exit }')
    echo "compose-test: making $base_image by debootstrap"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" $mirror \
        >"$work/debootstrap.log" 2>&1 || skip "no base image: $(tail -n 1 "$work/debootstrap.log")"
    cp -r /etc/apt/apt.conf.d/. "$work/base/etc/apt/apt.conf.d/"
    rm -rf "$work/base/var/cache/apt/archives"/*.deb
    tar -C "$work/base" -c . | docker import - $base_image >/dev/null || skip "no base image"
    rm -rf "$work/base"
}

command -v docker >/dev/null || skip "docker is not installed"
compose version >/dev/null 2>&1 || skip "docker compose is not installed"
engine_start
base_image_make
echo "compose-test: building the images"
compose build >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" >&2 && die "no images"; }
rig_up=yes
compose up -d >"$work/up.log" 2>&1 || { tail -n 15 "$work/up.log" >&2 && die "does not start"; }
bash "$ROOT/compose/chaos.sh" story || die "the chaos failed"
bash "$ROOT/compose/check.sh" after-story
code=$?
[ $code = 0 ] || compose logs --no-color --tail 20 >&2
exit $code
