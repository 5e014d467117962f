// The other half of main.bpf.c.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct known_there {
	int z;
};
struct shared {
	int a;
	long b;
	struct shared *next;
};
struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

extern struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct shared);
} both SEC(".maps") __weak;

extern int LINUX_KERNEL_VERSION __kconfig;
extern const int no_such_symbol __ksym __weak;

long total = 5;
static int calls = 40;
int table[4] = { 1, 2, 3, 4 };

int maybe(int x)
{
	return x + 1;
}

static __noinline int helper(int x)
{
	calls += x;
	return x * 2;
}

__hidden int scale(int x, struct known_there *f)
{
	__u32 k = 2;
	__u64 *v;
	int y = helper(x);

	v = bpf_map_lookup_elem(&counts, &k);
	if (v)
		*v += calls;
	return y + (f ? f->z : 0);
}

SEC("socket")
int second(struct __sk_buff *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	struct shared s = {};
	__u32 k = 3;

	s.a = BPF_CORE_READ(t, tgid);
	bpf_map_update_elem(&both, &k, &s, 0);
	return helper(calls) + (LINUX_KERNEL_VERSION > 0);
}

SEC("socket")
int kernel_too(struct __sk_buff *ctx)
{
	return LINUX_KERNEL_VERSION > 0 ? 2 + !!&no_such_symbol : 0;
}

char LICENSE[] SEC("license") = "GPL";
