// A callback that no instruction refers to, global functions of all visibilities.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;
#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

__noinline int caught(__u64 cookie)
{
	return cookie + 1;
}

__attribute__((visibility("hidden"))) __noinline int hidden(const char *text)
{
	return text[0];
}

__weak __noinline int weak(int x)
{
	return x + 1;
}

static __noinline int quiet(int x)
{
	asm volatile("" : "+r"(x));
	return x * 2;
}

SEC("tc")
__exception_cb(caught) int thrower(struct __sk_buff *skb)
{
	char text[4] = "abc";
	int n = hidden(text) + weak(quiet(skb->len));
	if (n > 0)
		bpf_throw(32);
	return n;
}

char _license[] SEC("license") = "GPL";
