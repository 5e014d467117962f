// What only modules have: types and functions of 9pnet, a function for programs of nf_conntrack.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

struct p9_fid;
struct p9_client {
	unsigned int msize;
} __attribute__((preserve_access_index));
struct nf_conn {
	unsigned long status;
} __attribute__((preserve_access_index));
struct bpf_sock_tuple;
struct bpf_ct_opts___local {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};
extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts___local *opts, __u32 opts_size) __ksym;
extern void bpf_ct_release(struct nf_conn *ct) __ksym;

__u64 walks, size, found;

SEC("?fentry/9pnet:p9_client_walk")
int BPF_PROG(walked)
{
	__sync_fetch_and_add(&walks, 1);
	return 0;
}

SEC("?fexit/p9_client_walk")
int BPF_PROG(unnamed)
{
	__sync_fetch_and_add(&walks, 1000);
	return 0;
}

SEC("?raw_tp/sys_enter")
int types(void *ctx)
{
	size = bpf_core_type_size(struct p9_client);
	found = bpf_core_field_exists(struct p9_client, msize) + bpf_core_field_offset(struct p9_client, msize) * 2;
	return 0;
}

SEC("?xdp")
int lookup(struct xdp_md *ctx)
{
	struct bpf_ct_opts___local opts = { .netns_id = -1, .l4proto = 6 };
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *ct = bpf_xdp_ct_lookup(ctx, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
	if (ct)
		bpf_ct_release(ct);
	return ct ? 1 : 2;
}

char _license[] SEC("license") = "GPL";
