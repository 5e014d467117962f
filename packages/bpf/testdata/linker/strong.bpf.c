// Strong definitions of what values.bpf.c has as weak ones.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int knob = 77;
const volatile int constant = 10;
long sum = 1;

static long add(__u32 i, void *x)
{
	sum += i;
	return 0;
}

SEC("socket")
int adds(struct __sk_buff *ctx)
{
	bpf_printk("sum %ld", sum);
	bpf_loop(4, add, 0, 0);
	return sum + knob;
}

char LICENSE[] SEC("license") = "GPL";
