// A table of functions for the kernel: one attached by a link, one by writing the map, one that is made only when asked for.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sock;
struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
	void *owner;
};
struct no_such_ops {
	int (*run)(void);
};

__u64 calls;

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(skep_ssthresh, struct sock *sk)
{
	__sync_fetch_and_add(&calls, 1);
	return 2;
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(skep_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	__sync_fetch_and_add(&calls, 1);
}

SEC("struct_ops")
__u32 BPF_PROG(skep_undo_cwnd, struct sock *sk)
{
	return 2;
}

SEC("struct_ops/run")
int BPF_PROG(never)
{
	return 0;
}

SEC(".struct_ops.link")
struct tcp_congestion_ops linked = {
	.ssthresh = (void *)skep_ssthresh,
	.cong_avoid = (void *)skep_cong_avoid,
	.undo_cwnd = (void *)skep_undo_cwnd,
	.name = "skep_test_link",
};

SEC(".struct_ops")
struct tcp_congestion_ops written = {
	.ssthresh = (void *)skep_ssthresh,
	.cong_avoid = (void *)skep_cong_avoid,
	.undo_cwnd = (void *)skep_undo_cwnd,
	.name = "skep_test",
};

SEC("?.struct_ops")
struct no_such_ops absent = { .run = (void *)never };

char _license[] SEC("license") = "GPL";
