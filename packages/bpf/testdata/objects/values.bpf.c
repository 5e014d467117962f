// Maps that hold maps and programs from the start, and every attribute that a definition may have.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifndef __ulong
#define __ulong(name, val) enum { unique_##name = val } name
#endif

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [0] = &first, [3] = &second } };

int tail(struct xdp_md *ctx);
int entry(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, sizeof(__u32));
	__array(values, int (struct xdp_md *));
} jumps SEC(".maps") = { .values = { [2] = &tail } };

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 16);
	__type(value, __u32);
	__ulong(map_extra, 3);
	__uint(numa_node, 0);
	__uint(map_flags, BPF_F_NUMA_NODE);
} bloom SEC(".maps");

SEC("xdp")
int tail(struct xdp_md *ctx)
{
	return 42;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 key = 3, zero = 0;
	void *inner = bpf_map_lookup_elem(&outer, &key);
	if (inner) {
		__u64 *value = bpf_map_lookup_elem(inner, &zero);
		if (value)
			*value += 5;
	}
	bpf_tail_call(ctx, &jumps, 2);
	return 7;
}

char _license[] SEC("license") = "GPL";
