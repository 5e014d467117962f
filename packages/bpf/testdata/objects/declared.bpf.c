// What is declared and not defined: a struct of a kfunc's signature, variables that the kernel has no address of; and
// buffers whose definitions say what goes through them.
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

struct task_struct;
extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern const int no_such_variable __ksym __weak;
extern const struct rq runqueues __ksym __weak;

struct record {
	__u32 pid;
	__u64 time;
};
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct record);
} ring SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(value, struct record);
} samples SEC(".maps");

int found, absent;

SEC("syscall")
int ask(void *ctx)
{
	struct task_struct *task = bpf_task_from_pid(2);

	if (task) {
		found = 1;
		bpf_task_release(task);
	}
	if (!&no_such_variable)
		absent = 1;
	return &runqueues ? 1 : 2;
}

SEC("?tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	struct record record = {.pid = 1, .time = 2};

	bpf_ringbuf_output(&ring, &record, sizeof record, 0);
	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &record, sizeof record);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
