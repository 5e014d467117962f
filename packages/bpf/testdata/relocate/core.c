// Every kind of CO-RE relocation against the running kernel's types. Built by build.sh. What libbpf makes of each is
// compared with what we make: see relocate.test.ts.
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
#define core __attribute__((preserve_access_index))
#define SEC(x) __attribute__((section(x), used))

struct list_head { struct list_head *next, *prev; } core;
struct qstr { union { struct { __u32 hash; __u32 len; }; __u64 hash_len; }; const unsigned char *name; } core;
struct inode { unsigned short i_mode; __u64 i_ino; } core;
struct dentry { struct qstr d_name; struct dentry *d_parent; struct inode *d_inode; } core;
struct vfsmount;
struct path { struct vfsmount *mnt; struct dentry *dentry; } core;
struct file { struct path f_path; __u32 f_flags; } core;
struct mm_struct { struct file *exe_file; __u64 total_vm; } core;
struct upid { int nr; } core;
struct pid { int level; struct upid numbers[1]; } core;
struct sched_entity { __u64 sum_exec_runtime; } core;
struct task_struct {
	int pid, tgid;
	char comm[16];
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct sched_entity se;
	struct pid *thread_pid;
	unsigned in_execve : 1;
	unsigned in_iowait : 1;
	__u64 start_time;
	int exit_code;
	__u32 no_such_member;
	struct list_head children;
} core;
struct task_struct___old { long state; } core;
struct task_struct___new { __u32 __state; } core;
struct sock_common { unsigned short skc_family; } core;
struct sock { struct sock_common __sk_common; unsigned short sk_protocol; unsigned sk_no_check_tx : 1; } core;
// narrower and wider than the kernel's
struct inode___narrow { __u32 i_ino; } core;
struct task_struct___wide { __u64 flags; } core;
struct no_such_struct { int x; } core;
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID = 9, PIDTYPE_NEVER = 77 };
enum pid_type___x { PIDTYPE_SID___x = 5 };
typedef int pid_t;
typedef struct { int counter; } atomic_t;
typedef __u64 no_such_typedef;
struct list_head___mismatch { int next; };
union bpf_attr { int dummy; };

__u64 out[64];
#define offset_of(t, f) __builtin_preserve_field_info(((struct t *)0)->f, 0)
#define size_of(t, f) __builtin_preserve_field_info(((struct t *)0)->f, 1)
#define exists(t, f) __builtin_preserve_field_info(((struct t *)0)->f, 2)
#define signed_(t, f) __builtin_preserve_field_info(((struct t *)0)->f, 3)
#define lshift(t, f) __builtin_preserve_field_info(((struct t *)0)->f, 4)
#define rshift(t, f) __builtin_preserve_field_info(((struct t *)0)->f, 5)
#define type_local(t) __builtin_btf_type_id(*(t *)0, 0)
#define type_target(t) __builtin_btf_type_id(*(t *)0, 1)
#define type_exists(t) __builtin_preserve_type_info(*(t *)0, 0)
#define type_size(t) __builtin_preserve_type_info(*(t *)0, 1)
#define type_matches(t) __builtin_preserve_type_info(*(t *)0, 2)
#define enum_exists(t, v) __builtin_preserve_enum_value(*(t *)v, 0)
#define enum_value(t, v) __builtin_preserve_enum_value(*(t *)v, 1)

SEC("raw_tp/sys_enter") int facts(void *ctx)
{
	out[0] = offset_of(task_struct, pid);
	out[1] = offset_of(task_struct, comm[3]);
	out[2] = size_of(task_struct, comm);
	out[3] = size_of(task_struct, pid);
	out[4] = exists(task_struct, mm);
	out[5] = exists(task_struct, no_such_member);
	out[6] = exists(task_struct___old, state);
	out[7] = exists(task_struct___new, __state);
	out[8] = signed_(task_struct, exit_code);
	out[9] = signed_(task_struct, in_execve);
	out[10] = lshift(task_struct, in_execve);
	out[11] = rshift(task_struct, in_execve);
	out[12] = lshift(task_struct, in_iowait);
	out[13] = offset_of(task_struct, in_iowait);
	out[14] = size_of(task_struct, in_iowait);
	out[15] = lshift(sock, sk_no_check_tx);
	out[16] = offset_of(sock, sk_no_check_tx);
	out[17] = offset_of(dentry, d_name.len);
	out[18] = offset_of(task_struct, se.sum_exec_runtime);
	out[19] = exists(no_such_struct, x);
	out[20] = offset_of(pid, numbers[0].nr);
	out[21] = lshift(task_struct, pid);
	out[22] = rshift(task_struct, pid);
	return 0;
}
SEC("raw_tp/sys_enter") int types(void *ctx)
{
	out[0] = type_target(struct task_struct);
	out[1] = type_target(pid_t);
	out[2] = type_exists(struct no_such_struct);
	out[3] = type_exists(struct task_struct);
	out[4] = type_size(struct task_struct);
	out[5] = type_size(atomic_t);
	out[6] = type_exists(no_such_typedef);
	out[7] = type_size(struct no_such_struct);
	out[8] = type_matches(struct list_head);
	out[9] = type_matches(struct list_head___mismatch);
	out[10] = type_matches(struct task_struct___new);
	out[11] = type_matches(struct task_struct___old);
	out[12] = type_exists(union bpf_attr);
	out[13] = type_target(struct no_such_struct);
	out[14] = type_exists(enum pid_type);
	out[15] = type_matches(atomic_t);
	return 0;
}
SEC("raw_tp/sys_enter") int enums(void *ctx)
{
	out[0] = enum_exists(enum pid_type, PIDTYPE_TGID);
	out[1] = enum_value(enum pid_type, PIDTYPE_TGID);
	out[2] = enum_exists(enum pid_type, PIDTYPE_NEVER);
	out[3] = enum_value(enum pid_type___x, PIDTYPE_SID___x);
	return 0;
}
SEC("tp_btf/sched_process_exec") int loads(__u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	out[0] = t->pid;
	out[1] = t->real_parent->tgid;
	out[2] = t->mm->exe_file->f_path.dentry->d_inode->i_ino;
	out[3] = t->se.sum_exec_runtime;
	out[4] = ((struct task_struct___wide *)t)->flags;
	out[5] = ((struct inode___narrow *)t->mm->exe_file->f_path.dentry->d_inode)->i_ino;
	out[6] = t->comm[2];
	return 0;
}
SEC("tp_btf/sched_process_exec") int poisoned(__u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	out[0] = t->no_such_member;
	out[1] = offset_of(no_such_struct, x);
	out[2] = enum_value(enum pid_type, PIDTYPE_NEVER);
	return 0;
}
__attribute__((noinline)) static __u64 deep(struct task_struct *t) { return t->tgid; }
__attribute__((noinline)) static __u64 shallow(struct task_struct *t) { return deep(t) + t->start_time; }
static long (*loop)(__u32, void *, void *, __u64) = (void *)181;
static long each(__u32 i, void *c) { out[i & 7] = i; return 0; }
SEC("tp_btf/sched_process_exec") int calls(__u64 *ctx)
{
	struct task_struct *t = (void *)ctx[0];
	out[0] = shallow(t) + deep(t->real_parent);
	loop(4, each, 0, 0);
	return 0;
}
char _license[] SEC("license") = "GPL";
