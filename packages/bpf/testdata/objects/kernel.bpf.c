// What an object asks of the kernel: its configuration, its functions and variables.
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig;
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig __weak;
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern enum libbpf_tristate CONFIG_NET __kconfig;
extern char CONFIG_BPF_JIT __kconfig;
extern unsigned long CONFIG_HZ __kconfig;
extern const char CONFIG_DEFAULT_HOSTNAME[8] __kconfig;
extern int CONFIG_NO_SUCH_THING __kconfig __weak;
extern bool LINUX_HAS_NO_SUCH_THING __kconfig __weak;

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym __weak;
extern int bpf_no_such_kfunc(int x) __ksym __weak;
extern const void vfs_unlink __ksym;
extern const void no_such_symbol __ksym __weak;
extern const int no_such_variable __ksym __weak;

struct {
	__u64 version, cookie, wrapper, syscall, net, jit, hz, name, missing, address, absent, variable, kfunc, lacking;
} seen;

SEC("raw_tp/sys_enter")
int look(void *ctx)
{
	seen.version = LINUX_KERNEL_VERSION;
	seen.cookie = LINUX_HAS_BPF_COOKIE;
	seen.wrapper = LINUX_HAS_SYSCALL_WRAPPER;
	seen.syscall = CONFIG_BPF_SYSCALL;
	seen.net = CONFIG_NET;
	seen.jit = CONFIG_BPF_JIT;
	seen.hz = CONFIG_HZ;
	seen.name = CONFIG_DEFAULT_HOSTNAME[0] << 8 | CONFIG_DEFAULT_HOSTNAME[7];
	seen.missing = CONFIG_NO_SUCH_THING + LINUX_HAS_NO_SUCH_THING;
	seen.address = (__u64)&vfs_unlink;
	seen.absent = (__u64)&no_such_symbol;
	seen.variable = (__u64)&no_such_variable;
	if (bpf_rcu_read_unlock) {
		bpf_rcu_read_lock();
		bpf_rcu_read_unlock();
		seen.kfunc = 1;
	}
	seen.lacking = 2;
	if (bpf_no_such_kfunc)
		seen.lacking = bpf_no_such_kfunc(1);
	return 0;
}

char _license[] SEC("license") = "GPL";
