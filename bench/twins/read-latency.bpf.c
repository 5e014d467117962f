#include "twin.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 65);
	__type(key, __u32);
	__type(value, __u64);
} latency SEC(".maps");

/* Without branches, as tools of this kind do it: the verifier walks one path. */
static __always_inline __u32 log2_bucket(__u64 v)
{
	__u32 r, s;

	if (!v)
		return 0;
	r = (v > 0xffffffff) << 5;
	v >>= r;
	s = (v > 0xffff) << 4;
	v >>= s, r |= s;
	s = (v > 0xff) << 3;
	v >>= s, r |= s;
	s = (v > 0xf) << 2;
	v >>= s, r |= s;
	s = (v > 0x3) << 1;
	v >>= s, r |= s;
	return (r | (v >> 1)) + 1;
}

SEC("tracepoint/syscalls/sys_enter_read")
int enter(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&starts, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_read")
int leave(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), bucket;
	__u64 *found = bpf_map_lookup_elem(&starts, &tid), start, *n;

	if (!found)
		return 0;
	start = *found;
	bpf_map_delete_elem(&starts, &tid);
	bucket = log2_bucket((bpf_ktime_get_ns() - start) / 1000);
	n = bpf_map_lookup_elem(&latency, &bucket);
	if (n)
		*n += 1;
	return 0;
}
