# Run by net-overview.test.ts in a mount and a network namespace of its own (`unshare -mn`): all of it goes with them.
# SKEP: the command; OBJECT: an object with programs that any hook takes.
set -e
F=$(mktemp -d)
mount -t bpf bpf "$F"
mount -t tmpfs tmpfs /run
ip netns add skep-blue
ip link set lo up
ip link add v0 type veth peer name v1
tc qdisc add dev lo clsact
tc qdisc add dev v0 root handle 1: htb default 10
tc class add dev v0 parent 1: classid 1:10 htb rate 1mbit
tc qdisc add dev v0 parent 1:10 handle 20: htb
$SKEP prog load "$OBJECT" "$F/tc" type tc > /dev/null
$SKEP prog load "$OBJECT" "$F/tc2" type tc > /dev/null
$SKEP prog load "$OBJECT" "$F/xdp" type xdp > /dev/null
tc filter add dev lo egress bpf da pinned "$F/tc"
tc filter add dev lo egress prio 3 bpf da pinned "$F/tc"
for parent in 1: 1:10 20:; do tc filter add dev v0 parent $parent bpf da pinned "$F/tc"; done
$SKEP net attach xdpgeneric pinned "$F/xdp" dev lo
$SKEP net attach tcx_ingress pinned "$F/tc" dev v1
$SKEP net attach tcx_ingress pinned "$F/tc2" dev v1
nsenter --net=/run/netns/skep-blue $SKEP net attach xdpgeneric pinned "$F/xdp" dev lo
unshare -n bash -c "tc qdisc add dev lo clsact; tc filter add dev lo ingress bpf da pinned $F/tc; touch $F.ready; exec sleep 30" &
while [ ! -e "$F.ready" ] || ! grep -qx sleep "/proc/$!/comm"; do sleep 0.05; done
$SKEP -j net overview
$SKEP net overview
kill $!
umount "$F"
rm -f "$F.ready"
rmdir "$F"
