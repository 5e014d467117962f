// Maps, variables, subprograms, callbacks, several programs a section, CO-RE: what `readObject` must understand.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct key {
	__u32 pid;
	char comm[16];
};

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

enum hue { HUE_RED = 3 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct key);
	__type(value, __u64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 262144);
} events SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

const volatile __u32 limit = 7;
const volatile char motto[] SEC(".rodata.motto") = "more";
__u64 total = 5;
static __u64 hidden;

static __noinline int twice(int x)
{
	hidden += x;
	return x * 2;
}

__noinline int thrice(int x)
{
	return twice(x) + x;
}

static long step(__u32 index, void *ctx)
{
	total += index;
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_write")
int first(void *ctx)
{
	struct key k = {};
	struct task_struct *t = (void *)bpf_get_current_task();
	__u64 one = 1, *v;

	k.pid = BPF_CORE_READ(t, real_parent, tgid);
	bpf_get_current_comm(k.comm, sizeof(k.comm));
	v = bpf_map_lookup_elem(&counts, &k);
	if (v)
		__sync_fetch_and_add(v, one);
	else
		bpf_map_update_elem(&counts, &k, &one, BPF_ANY);
	if (bpf_core_field_exists(t->pid))
		total += limit + motto[1];
	return thrice(total);
}

SEC("tracepoint/syscalls/sys_enter_write")
int second(void *ctx)
{
	bpf_loop(limit, step, (void *)0, 0);
	return twice(3) + bpf_core_enum_value(enum hue, HUE_RED);
}

SEC("?xdp.frags")
int third(struct xdp_md *ctx)
{
	__u32 *e = bpf_ringbuf_reserve(&events, 8, 0);

	if (!e)
		return XDP_PASS;
	e[0] = hidden;
	bpf_ringbuf_submit(e, 0);
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &hidden, 8);
	return bpf_map_lookup_elem(&outer, &(__u32){ 0 }) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
