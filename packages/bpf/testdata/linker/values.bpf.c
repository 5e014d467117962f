// Weak variables that strong.bpf.c defines anew, and maps that hold maps and programs from the start.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
} leaf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, int);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { (void *)0, &leaf } };

int called(struct __sk_buff *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__array(values, int(struct __sk_buff *));
} programs SEC(".maps") = { .values = { [1] = (void *)&called } };

__weak int knob = 4;
__weak const volatile int constant = 9;

SEC("socket")
int called(struct __sk_buff *ctx)
{
	bpf_printk("knob %d", knob);
	return constant + knob;
}

SEC("socket")
int calls(struct __sk_buff *ctx)
{
	int one = 1;

	if (bpf_map_lookup_elem(&outer, &one))
		bpf_tail_call(ctx, &programs, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
