#include "twin.h"

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, __u8);
	__type(value, __u64);
} packets SEC(".maps");

struct vlan {
	__be16 tci, proto;
};

static __always_inline void count(__u8 proto)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(&packets, &proto);

	if (n) {
		*n += 1;
		return;
	}
	if (bpf_map_update_elem(&packets, &proto, &one, BPF_NOEXIST)) {
		n = bpf_map_lookup_elem(&packets, &proto);
		if (n)
			*n += 1;
	}
}

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *at = data;
	struct ethhdr *eth = at;
	struct udphdr *udp;
	__be16 l3;
	__u8 proto;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	l3 = eth->h_proto;
	at = eth + 1;
	for (int i = 0; i < 2; i++) {
		struct vlan *tag = at;

		if (l3 != bpf_htons(ETH_VLAN) && l3 != bpf_htons(ETH_QINQ))
			break;
		if ((void *)(tag + 1) > end)
			return XDP_PASS;
		l3 = tag->proto;
		at = tag + 1;
	}
	if (l3 == bpf_htons(ETH_IPV4)) {
		struct iphdr *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		proto = ip->protocol;
		at += ip->ihl * 4;
	} else if (l3 == bpf_htons(ETH_IPV6)) {
		struct ipv6hdr *ip = at;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		proto = ip->nexthdr;
		at = ip + 1;
	} else {
		return XDP_PASS;
	}
	count(proto);
	if (proto != 17)
		return XDP_PASS;
	udp = at;
	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	return udp->dest == bpf_htons(53) ? XDP_DROP : XDP_PASS;
}
