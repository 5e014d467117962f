// Reaches for what no kernel has: in a branch that is never taken, and in one that is.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct___skep {
	int no_such_field;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} spare SEC(".maps");

extern void bpf_no_such_kfunc(void) __ksym __weak;

SEC("raw_tp/sys_enter")
int dead(void *ctx)
{
	struct task_struct___skep *task = (void *)bpf_get_current_task();
	if (bpf_core_field_exists(task->no_such_field)) {
		bpf_no_such_kfunc();
		return BPF_CORE_READ(task, no_such_field);
	}
	return 0;
}

SEC("?raw_tp/sys_enter")
int live(void *ctx)
{
	struct task_struct___skep *task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, no_such_field);
}

SEC("?raw_tp/sys_enter")
int unmapped(void *ctx)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&spare, &key) != 0;
}

SEC("?freplace/hidden")
int stand_in(const char *text)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
