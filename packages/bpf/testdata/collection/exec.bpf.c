// One object that walks the whole way: options, variables, ring buffer, loss counter, kinds of attachment, refusals.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u64 time;
	__u32 pid;
	__u32 mark;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

const volatile __u32 opt_mark = 1;
const volatile __u8 opt_mark_set = 0;
const volatile char opt_name[16] = "";
__u64 seen;
__u32 verdict = XDP_PASS;

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_no_such_kfunc(int) __ksym __weak;

static __noinline int fill(struct event *e)
{
	e->time = bpf_ktime_get_ns();
	e->mark = opt_mark_set ? opt_mark : 0;
	return e->mark;
}

SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	__sync_fetch_and_add(&seen, 1);
	if (!e) {
		__u32 key = 0;
		__u64 *n = bpf_map_lookup_elem(&lost, &key);

		if (n)
			*n += 1;
		return 0;
	}
	e->pid = bpf_get_current_pid_tgid() >> 32;
	fill(e);
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int on_raw(void *ctx)
{
	__sync_fetch_and_add(&seen, 1 << 16);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int on_typed(void *ctx)
{
	bpf_rcu_read_lock();
	__sync_fetch_and_add(&seen, 1ull << 32);
	bpf_rcu_read_unlock();
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int weak(void *ctx)
{
	return bpf_no_such_kfunc(1);
}

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	return verdict;
}

SEC("?fentry/do_unlinkat")
int on_unlink(void *ctx)
{
	return 0;
}

SEC("?tp_btf/no_such_tracepoint")
int nowhere(void *ctx)
{
	return 0;
}

SEC("?tracepoint/sched/no_such_event")
int no_event(void *ctx)
{
	return 0;
}

SEC("?tracepoint/sched/sched_process_exec")
int unchecked(void *ctx)
{
	__u32 key = bpf_get_prandom_u32();
	__u64 *n = bpf_map_lookup_elem(&counts, &key);

	return *n;
}

char LICENSE[] SEC("license") = "GPL";
