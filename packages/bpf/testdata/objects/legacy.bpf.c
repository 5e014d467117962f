// As objects were before BTF: no -g, maps as struct bpf_map_def, a version.
#include <linux/bpf.h>
#include <linux/version.h>
#define SEC(name) __attribute__((section(name), used))
static void *(*lookup)(void *map, const void *key) = (void *)1;

struct bpf_map_def {
	unsigned int type, key_size, value_size, max_entries, map_flags;
#ifdef SAMPLES
	unsigned int inner_map_idx, numa_node;
#endif
#ifdef IPROUTE2
	unsigned int id, pinning, inner_id, inner_idx;
#endif
};

struct bpf_map_def SEC("maps") counts = {
	.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 2,
};
struct bpf_map_def SEC("maps") seen = {
	.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 4, .max_entries = 16, .map_flags = BPF_F_NO_PREALLOC,
#ifdef IPROUTE2
	.pinning = 2,
#endif
};

SEC("xdp")
int prog(struct xdp_md *ctx)
{
	int key = 1;
	__u64 *n = lookup(&counts, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	key = 9;
	return lookup(&seen, &key) ? 1 : 2;
}

char _license[] SEC("license") = "GPL";
unsigned int _version SEC("version") = 0x60102;
