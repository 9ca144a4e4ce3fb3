#!/usr/bin/env bash
# test_process.sh - how the programs behave as processes: files for their owner alone, no image of
# the memory after a crash, and what a service manager hears.
set -u
. "$(dirname "$0")/lib.sh"

heard() # line
{
    grep -qx "$1" "$SCRATCH/one.log"
}

heard_often() # line, times
{
    [ "$(grep -cx "$1" "$SCRATCH/one.log")" -ge "$2" ]
}

daemon_pid() # the child of the manager
{
    cat "/proc/${PID_OF[one]}/task/${PID_OF[one]}/children"
}

core_limit() # soft limit of the daemon, in bytes
{
    awk '/^Max core file size/ { print $5 }' "/proc/$(daemon_pid | tr -d ' ')/limits"
}

one_start() # [environment...]
{
    daemon_start one env WATCHDOG_USEC=400000 EDGE_BRIDGE_BROKER_HOST= "$@" \
        "$BIN/integration/notify" "$SCRATCH/notify" "$EDGE" run --dir "$SCRATCH/one"
}

rig_begin
umask 000
cloud_init
edge_init one
umask 022
ok "started" one_start
# The name and the cloud's key are for everybody who may look into the directory: nobody else.
is "what init and run make is for its owner alone, whatever the umask" \
    "$(find "$SCRATCH/one" "$SCRATCH/cloud" -perm /077 ! -name node ! -name cloud.key)" ""
ok "the service manager hears when it is ready" within 10 heard READY=1
ok "and that it lives" within 10 heard_often WATCHDOG=1 3
kill -STOP "$(daemon_pid | tr -d ' ')"
sleep 0.3
BEFORE=$(grep -cx WATCHDOG=1 "$SCRATCH/one.log")
sleep 1
is "a process that does not go on is silent" "$(grep -cx WATCHDOG=1 "$SCRATCH/one.log")" "$BEFORE"
kill -CONT "$(daemon_pid | tr -d ' ')"
ok "until it goes on" within 10 heard_often WATCHDOG=1 $((BEFORE + 1))
is "the kernel writes no image of it" "$(core_limit)" \
    "$(ulimit -Hc | awk '{ print $1 == "0" ? 0 : 1 }')"
stop one
is "it ends well" "$EXIT_CODE" 0
ok "and says so first" heard STOPPING=1
one_start EDGE_BRIDGE_PROCESS_CORE_DUMPS=true
is "unless the setting allows it" "$(core_limit)" \
    "$(ulimit -Sc | awk '{ print $1 == "unlimited" ? $1 : $1 * 1024 }')"
stop one
tap_end
