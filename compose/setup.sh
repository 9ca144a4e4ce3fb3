#!/bin/sh
# setup.sh - runs once in the rig: makes the cloud, the nodes, their certificates and enrolments.
# What is there already is kept, so it may run at every start.
set -eu

nodes='station-1 station-2 station-3'
certs=/usr/local/bin/certs.sh

key_line() # file
{
    grep -oE 'holdfast-(node|cloud)-1 [^ ]+ [^ ]+ [^ ]+' "$1"
}

# A certificate and the authority's, as FOLDER/tls/{ca.crt,NAME.crt,NAME.key}.
hand_out() # folder, name
{
    mkdir -p "$1"
    cp "/authority/ca.crt" "/authority/$2.crt" "/authority/$2.key" "$1/"
}

sh $certs /authority broker broker,localhost
hand_out /volumes/broker broker
sh $certs /authority client cloud
hand_out /volumes/cloud/tls cloud

cloud=/volumes/cloud/state
[ -e $cloud/cloud.line ] || {
    cloud-consumer init --dir $cloud >/tmp/cloud.line
    for key in sensitivity zoom gain; do
        cloud-consumer config rule --dir $cloud $key --writer any
    done
    key_line /tmp/cloud.line >$cloud/cloud.line
}
for node in $nodes; do
    state=/volumes/$node/state
    sh $certs /authority client $node
    hand_out /volumes/$node/tls $node
    [ -e $state/enrolled ] && continue
    edge-bridge init --dir $state --node $node >/tmp/$node.line
    edge-bridge trust --dir $state "$(cat $cloud/cloud.line)"
    cloud-consumer node add --dir $cloud "$(key_line /tmp/$node.line)"
    touch $state/enrolled
done
echo "setup: cloud, broker and $nodes are ready"
