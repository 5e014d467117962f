// Variables in an arena. Wants -mcpu=v4 (address spaces).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ARENA __attribute__((address_space(1)))
#define BPF_MAP_TYPE_ARENA 33
#define BPF_F_MMAPABLE_ (1U << 10)

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE_);
	__uint(max_entries, 4);
} memory SEC(".maps");

__u64 ARENA number SEC(".addr_space.1") = 41;
__u32 ARENA list[4] SEC(".addr_space.1") = { 1, 2, 3, 4 };

SEC("syscall")
int count(void *ctx)
{
	// The verifier takes an arena from the program's references.
	asm volatile("r1 = %[m] ll" ::[m] "i"(&memory) : "r1");
	number += list[2];
	return 0;
}

char _license[] SEC("license") = "GPL";
