// A variable that libbpf fills in from the kernel's configuration: refused.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;

SEC("xdp")
int version(void *ctx)
{
	return LINUX_KERNEL_VERSION > 5 ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
