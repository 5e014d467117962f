// One half of a program: what it calls and counts in stands in part.bpf.c. Beside part.bpf.o, the linker makes one object.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct shared {
	int a;
	long b;
	struct shared *next;
};
struct known_there;

struct {
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

extern int scale(int x, struct known_there *f);
extern long total;
extern int table[];
extern int LINUX_KERNEL_VERSION __kconfig;
extern const int no_such_symbol __ksym __weak;

static int calls;
const volatile int factor = 3;
char pad = 'x';

__weak int maybe(int x)
{
	return x - 1;
}

static __noinline int helper(int x)
{
	calls++;
	return x + pad;
}

static __noinline int other(int x)
{
	calls += 2;
	return x - pad;
}

static long step(__u32 i, int *sum)
{
	total += i;
	*sum += table[i & 3];
	return 0;
}

SEC("socket")
int first(struct __sk_buff *ctx)
{
	__u32 k = 1;
	__u64 *v = bpf_map_lookup_elem(&counts, &k);
	int sum = 0;

	if (v)
		*v += factor;
	bpf_loop(4, step, &sum, 0);
	// 7 → 14 by the other file's helper; the strong maybe adds.
	return scale(helper(other(7)), 0) * 1000 + maybe(10) * 100 + sum + calls;
}

SEC("socket")
int kernel(struct __sk_buff *ctx)
{
	return LINUX_KERNEL_VERSION > 0 ? 1 + !!&no_such_symbol : 0;
}

char LICENSE[] SEC("license") = "GPL";
