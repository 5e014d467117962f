#include "twin.h"

struct start {
	__u64 at;
	char path[128];
};
struct event {
	__u32 pid;
	__s32 ret;
	__u64 us;
	char comm[16];
	char path[128];
};

const volatile char only_comm[16];
const volatile _Bool only_failed;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	struct start s = {};
	__u32 tid;

	if (only_comm[0]) {
		char comm[16];

		bpf_get_current_comm(comm, sizeof(comm));
		for (int i = 0; i < 16; i++) {
			if (comm[i] != only_comm[i])
				return 0;
			if (!comm[i])
				break;
		}
	}
	s.at = bpf_ktime_get_ns();
	bpf_probe_read_user_str(s.path, sizeof(s.path), (void *)ctx->args[1]);
	tid = bpf_get_current_pid_tgid();
	bpf_map_update_elem(&starts, &tid, &s, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int leave(struct trace_event_raw_sys_exit *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct start *found = bpf_map_lookup_elem(&starts, &tid), s;
	struct event *e;

	if (!found)
		return 0;
	s = *found;
	bpf_map_delete_elem(&starts, &tid);
	if (only_failed && ctx->ret >= 0)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		count_loss();
		return 0;
	}
	e->pid = id >> 32;
	e->ret = ctx->ret;
	e->us = (bpf_ktime_get_ns() - s.at) / 1000;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	__builtin_memcpy(e->path, s.path, sizeof(e->path));
	bpf_ringbuf_submit(e, 0);
	return 0;
}
