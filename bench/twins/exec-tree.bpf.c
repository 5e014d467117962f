#include "twin.h"

struct ancestor {
	__s32 pid;
	char comm[16];
};
struct event {
	__s32 pid;
	__u64 inode, runtime;
	char file[64];
	__s32 depth;
	struct ancestor tree[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	struct task_struct *t;

	if (!e) {
		count_loss();
		return 0;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->pid = task->tgid;
	e->inode = bprm->file->f_inode->i_ino;
	e->runtime = task->se.sum_exec_runtime;
	bpf_probe_read_kernel_str(e->file, sizeof(e->file), bprm->file->f_path.dentry->d_name.name);
	t = task->real_parent;
	for (int i = 0; i < 8; i++) {
		if (t->tgid == 0)
			break;
		e->tree[i].pid = t->tgid;
		bpf_probe_read_kernel(e->tree[i].comm, sizeof(e->tree[i].comm), t->comm);
		e->depth = i + 1;
		t = t->real_parent;
	}
	bpf_ringbuf_submit(e, 0);
	return 0;
}
