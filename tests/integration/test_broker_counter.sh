#!/usr/bin/env bash
# test_broker_counter.sh - a broker that drops messages says so in $SYS; status and log pass it on.
set -u
. "$(dirname "$0")/lib.sh"

dropped() { "$CLOUD" status --dir "$SCRATCH/cloud" --json | json broker_dropped; }
dropped_is() { [ "$(dropped)" = "$1" ]; }
dropped_some() { [ "$(dropped)" -ge 1 ]; }

# The counter is told each second here, not every ten, and a queue holds five messages, which the
# configuration as it ships would never do.
broker_of_five()
{
    broker_conf cloud-broker
    sed -i 's/^sys_interval .*/sys_interval 1/; s/^max_queued_messages .*/max_queued_messages 5/' \
        "$SCRATCH/cloud-broker.conf"
}

flood() # messages for a reader that is away
{
    local i
    mosquitto_sub -V 5 -c -i absent -x 3600 -q 1 -p "${PORT_OF[cloud-broker]}" -t absent -E
    for ((i = 0; i < 200; i++)); do echo "$i"; done |
        mosquitto_pub -V 5 -q 1 -p "${PORT_OF[cloud-broker]}" -t absent -l
}

rig_begin
free_port
PORT_OF[cloud-broker]=$PORT
broker_of_five
broker_start cloud-broker
cloud_init
cloud_start cloud-broker
ok "the counter is 0 at a broker that drops nothing" within 15 dropped_is 0
flood
ok "what the broker drops shows in the status" within 15 dropped_some
ok "and in the log" within 5 grep -q 'warning the broker has dropped' "$SCRATCH/cloud.log"
is "nothing of it counts as refused" \
    "$("$CLOUD" status --dir "$SCRATCH/cloud" --json | json refused)" 0
stop cloud
is "without a connection it is unknown" "$(dropped)" null
tap_end
