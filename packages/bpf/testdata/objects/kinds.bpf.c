// One program of each kind of section that traces, judges or replaces the kernel's functions: loaded one at a time.
// Signatures of kernel functions differ between versions, so these take none: they count, for one process.
#define __TARGET_ARCH_x86
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1

volatile const __u32 me;
/* Runs of whatever is attached; what a program returned or saw; whether it refuses. */
__u64 runs, ended, seen;
__u32 refuse;

static __always_inline int mine(void)
{
	return bpf_get_current_pid_tgid() >> 32 == me;
}

#define COUNTS(section, name)                            \
	SEC("?" section)                                 \
	int name(void *ctx)                              \
	{                                                \
		if (mine())                              \
			__sync_fetch_and_add(&runs, 1);  \
		return 0;                                \
	}

/* Says no where it is told to. */
#define JUDGES(section, name)                            \
	SEC("?" section)                                 \
	int name(void *ctx)                              \
	{                                                \
		if (!mine())                             \
			return 0;                        \
		__sync_fetch_and_add(&runs, 1);          \
		return refuse ? -EPERM : 0;              \
	}

COUNTS("kprobe/vfs_unlink", kprobe)
COUNTS("kprobe.multi/vfs_unlin*", kprobe_multi)
COUNTS("kretprobe.multi/vfs_unlin*", kretprobe_multi)
COUNTS("kprobe.session/vfs_unlin*", kprobe_session)
COUNTS("ksyscall/getppid", ksyscall)
COUNTS("kretsyscall/getppid", kretsyscall)
COUNTS("uprobe/libc.so.6:getppid", uprobe)
COUNTS("uretprobe/libc.so.6:getppid", uretprobe)
COUNTS("uprobe.multi/libc.so.6:getppi*", uprobe_multi)
COUNTS("uprobe.session/libc.so.6:getppi*", uprobe_session)
COUNTS("fentry/vfs_unlink", fentry)
COUNTS("fexit/vfs_unlink", fexit)
COUNTS("fentry.s/__x64_sys_mkdir", fentry_sleepable)
COUNTS("fsession/vfs_unlink", fsession)
COUNTS("tp_btf/sys_enter", tp_btf)
COUNTS("raw_tp/sys_enter", raw_tp)
COUNTS("tp/syscalls/sys_enter_getppid", tp)
JUDGES("fmod_ret/security_inode_unlink", fmod_ret)
JUDGES("lsm/inode_unlink", lsm)
JUDGES("lsm.s/file_open", lsm_sleepable)

SEC("?kretprobe/vfs_unlink")
int BPF_KRETPROBE(kretprobe, int result)
{
	if (mine()) {
		__sync_fetch_and_add(&runs, 1);
		ended = result;
	}
	return 0;
}

/* In a cgroup 0 refuses and 1 lets pass; not only this process. */
SEC("?lsm_cgroup/socket_connect")
int lsm_cgroup(void *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	return !refuse;
}

struct task_struct;
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} own SEC(".maps");

/* The n-th time of this task. */
SEC("?tp_btf/sys_enter")
int task_storage(void *ctx)
{
	__u64 *times;

	if (!mine())
		return 0;
	times = bpf_task_storage_get(&own, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (times) {
		__sync_fetch_and_add(&runs, 1);
		seen = ++*times;
	}
	return 0;
}

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;

SEC("?tp_btf/sys_enter")
int kfunc(void *ctx)
{
	struct task_struct *task;

	if (!mine())
		return 0;
	task = bpf_task_from_pid(me);
	if (task) {
		__sync_fetch_and_add(&runs, 1);
		bpf_task_release(task);
	}
	return 0;
}

__attribute__((noinline)) int part(int number)
{
	seen = number;
	return number + 1;
}

/* What other programs replace a part of, and look at. */
SEC("?xdp")
int whole(struct xdp_md *ctx)
{
	return part(5);
}

SEC("?freplace/part")
int stand_in(int number)
{
	__sync_fetch_and_add(&runs, 1);
	return number * 10;
}

SEC("?fentry/whole")
int before_whole(void *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	return 0;
}

SEC("?fexit/part")
int after_part(__u64 *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	ended = (__u32)ctx[1];
	return 0;
}

char _license[] SEC("license") = "GPL";
