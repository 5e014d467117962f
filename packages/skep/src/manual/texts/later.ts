// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the examples are source text
/** Files with words that this version does not compile yet: it answers SK1010. */
export const LATER = {
	fentry: `
import { fentry, fexit, printk } from "skep";
fentry("vfs_read", (file) => printk(\`\${file.f_flags}\`));
fexit("vfs_read", (_file, _buf, _n, _pos, ret) => printk(\`\${ret}\`));`,
	fmodRet: `
import { current, fmodRet } from "skep";
fmodRet("should_failslab", () => (current.comm === "victim" ? -12 : 0));   // typed by \`skep types\``,
	kprobe: `
import { kprobe, kprobeMulti, kretprobe, printk } from "skep";
kprobe("do_unlinkat", (dfd) => printk(\`\${dfd}\`));
kretprobe("do_unlinkat", (ret) => printk(\`\${ret}\`));
kprobeMulti("tcp_*", (ctx) => printk(\`\${ctx.ip} \${ctx.arg(0)}\`));   // ProbeContext`,
	lsm: `
import { current, lsm } from "skep";
import { EPERM } from "skep/uapi";
lsm("file_open", () => (current.comm === "untrusted" ? -EPERM : 0));`,
	uprobe: `
import { printk, uprobe, uretprobe } from "skep";
uprobe("/bin/bash:readline", (ctx) => printk(\`\${ctx.arg(0)}\`));        // ProbeContext; a UserTarget says binary, symbol, pid
uretprobe("/bin/bash:readline", (ctx) => printk(\`\${ctx.ret}\`));        // ReturnContext`,
	usdt: `
import { printk, usdt } from "skep";
usdt("/usr/bin/node", "node:gc__start", (ctx) => printk(\`\${ctx.arg(0)}\`));   // UsdtContext`,
	perfEvent: `
import { perfEvent, stackTrace, hash, type i32, type u64 } from "skep";
const stacks = stackTrace(4096);                    // StackTrace
const counts = hash<i32, u64>(4096);
perfEvent({ type: "software", config: "cpu-clock", frequency: 99 }, () => counts.add(stacks.kernel(), 1n));   // PerfEventConfig`,
	tc: `
import { TC, tc } from "skep";
import type { iphdr } from "skep/net";
export const filter = tc("ingress", (skb) => {      // Skb
	const ip = skb.at<iphdr>(14);
	return ip && ip.ttl < 2 ? TC.DROP : TC.NEXT;
});`,
	cgroup: `
import { cgroupConnect4, cgroupConnect6, cgroupSkb, htons } from "skep";
const SMTP = htons(25);
cgroupConnect4({ cgroup: "/sys/fs/cgroup" }, (ctx) => ctx.user_port !== SMTP);   // SockAddr4
cgroupConnect6({ cgroup: "/sys/fs/cgroup" }, (ctx) => ctx.user_port !== SMTP);   // SockAddr6
cgroupSkb("egress", { cgroup: "/sys/fs/cgroup" }, () => true);`,
	sockOps: `
import { printk, sockOps } from "skep";
sockOps({ cgroup: "/sys/fs/cgroup" }, (ctx) => {
	printk(\`\${ctx.op}\`);
	return true;
});`,
	skLookup: `
import { SK, skLookup, sockMap, type u32 } from "skep";
const servers = sockMap(1);                         // SockMap
skLookup((ctx) => {                                 // SkLookup
	using sk = servers.lookup(0);
	if (sk && ctx.local_port > 1024) ctx.assign(sk);
	return SK.PASS;
});`,
	sockHash: `
import { SK, skLookup, sockHash, type u32 } from "skep";
const servers = sockHash<u32>(64);
skLookup((ctx) => {
	using sk = servers.lookup(ctx.local_port);
	if (sk) ctx.assign(sk);
	return SK.PASS;
});`,
	structOps: `
import { structOps } from "skep";
structOps("tcp_congestion_ops", { name: "calm", ssthresh: () => 10 });`,
	syscall: `
import { syscall, type u32 } from "skep";
const add = syscall((args: { a: u32; b: u32 }) => args.a + args.b);
console.log(add.run({ a: 1, b: 2 }));`,
	firstOf: `
import { firstOf, kprobe, printk, tracepoint } from "skep";
const opened = firstOf(
	tracepoint("syscalls:sys_enter_openat2", () => printk("open")),
	kprobe("do_sys_openat2", () => printk("open")),
);
console.log(opened.chosen.name, opened.skipped);`,
	lpmTrie: `
import { type be32, lpmTrie, type u64, XDP, xdp } from "skep";
import { cidr4, type iphdr } from "skep/net";
const blocked = lpmTrie<be32, u64>(1024);           // LpmTrie
export const filter = xdp({ attach: false }, (packet) => {
	const ip = packet.at<iphdr>(14);
	return ip && blocked.ref(ip.saddr) ? XDP.DROP : XDP.PASS;
});
blocked.set(cidr4("10.0.0.0/8"), 0n);               // Prefix`,
	queue: `
import { current, queue, stack, tracepoint, type u32 } from "skep";
const first = queue<u32>(64);                       // Queue
const last = stack<u32>(64);
tracepoint("sched:sched_process_exec", () => {
	first.push(current.pid);
	last.push(current.pid);
});
console.log(first.pop(), last.pop());`,
	bloomFilter: `
import { bloomFilter, current, printk, tracepoint, type u32 } from "skep";
const seen = bloomFilter<u32>(10_000);              // BloomFilter
tracepoint("sched:sched_process_exec", () => {
	if (!seen.has(current.uid)) printk("surely new");
	seen.add(current.uid);
});`,
	userRingbuf: `
import { printk, tracepoint, type u32, userRingbuf } from "skep";
const commands = userRingbuf<{ pid: u32 }>(4096);   // UserRingbuf
tracepoint("sched:sched_process_exec", () => {
	commands.drain((c) => printk(\`\${c.pid}\`));
});
commands.send({ pid: 1 });`,
	perfEventArray: `
import { current, perfEventArray, tracepoint, type u32 } from "skep";
const events = perfEventArray<{ pid: u32 }>();      // PerfEventArray: as ringbuf, for kernels before 5.8
tracepoint("sched:sched_process_exec", () => {
	events.emit((e) => {
		e.pid = current.pid;
	});
});
for await (const e of events) console.log(e.pid);   // Records`,
	storage: `
import { cgroupStorage, inodeStorage, ktime, sockStorage, taskStorage, tpBtf, type u64 } from "skep";
const started = taskStorage<u64>();                 // Storage
const perCgroup = cgroupStorage<u64>();
const perInode = inodeStorage<u64>();
const perSocket = sockStorage<u64>();
tpBtf("sched_process_fork", (_parent, child) => {
	const t = started.refOrInsert(child);
	if (t) t.value = ktime();
});
console.log(perCgroup.fd, perInode.fd, perSocket.fd);`,
	devMap: `
import { devMap, XDP, xdp } from "skep";
const ports = devMap(8);                            // DevMap
export const forward = xdp({ attach: false }, (packet) => ports.redirect(packet.ingress_ifindex & 7, XDP.PASS));
ports.set(0, "eth1");`,
	progArray: `
import { progArray, XDP, xdp } from "skep";
const ipv4 = xdp(() => XDP.PASS);
const next = progArray({ ipv4 });                   // ProgArray
export const entry = xdp({ attach: false }, () => {
	next.tailCall("ipv4");                             // comes back only where the slot is empty
	return XDP.DROP;
});`,
	hashOf: `
import { current, hash, hashOf, tracepoint, type u32, type u64 } from "skep";
const perUser = hashOf(64, () => hash<u32, u64>(1024));
tracepoint("sched:sched_process_exec", () => {
	const inner = perUser.ref(current.uid);
	if (inner) inner.add(current.pid, 1n);
});`,
	loop: `
import { BREAK, loop, printk, tracepoint } from "skep";
tracepoint("sched:sched_process_exec", () => {
	loop(1000, (i) => {
		if (i > 10) return BREAK;
		printk(\`\${i}\`);
	});
});`,
	subprogram: `
import { printk, subprogram, tracepoint, type u32 } from "skep";
const twice = subprogram((n: u32) => n * 2);
tracepoint("sched:sched_process_exec", () => printk(\`\${twice(21)}\`));`,
	lock: `
import { hash, lock, type spinLock, tracepoint, type u32, type u64 } from "skep";
interface Pair { lock: spinLock; a: u64; b: u64 }
const pairs = hash<u32, Pair>(16);
tracepoint("sched:sched_process_exec", () => {
	const p = pairs.ref(0);
	if (!p) return;
	using _ = lock(p.lock);                            // given back at the end of the block
	p.a += 1n;
	p.b -= 1n;
});`,
	sections: `
import { preemptOff, printk, rcuReadLock, tracepoint } from "skep";
tracepoint("sched:sched_process_exec", () => {
	using _rcu = rcuReadLock();
	using _cpu = preemptOff();
	printk("alone on this CPU");
});`,
	timer: `
import { array, ms, printk, type timer, tracepoint, type workqueue } from "skep";
interface Slot { alarm: timer; work: workqueue }
const slots = array<Slot>(1);
tracepoint("sched:sched_process_exec", () => {
	const s = slots.ref(0);
	if (!s) return;
	s.alarm.start(ms(100), () => printk("later"));
	s.work.start(() => printk("may sleep"));
});`,
	kptr: `
import { array, kfunc, type kptr, type Owned, tpBtf } from "skep";
import type { task_struct } from "skep/kernel";
interface Kept { task: kptr<task_struct> }
const kept = array<Kept>(1);
tpBtf("sched_process_fork", (parent) => {
	const t: Owned<task_struct> | undefined = kfunc.bpf_task_from_pid(parent.tgid);
	const slot = kept.ref(0);
	if (slot && t) {
		using _old = slot.task.exchange(t);
	}
});`,
	calls: `
import { helper, kconfig, kfunc, ksym, printk, tpBtf } from "skep";
tpBtf("sched_process_fork", (parent) => {
	using leader = kfunc.bpf_task_from_pid(parent.tgid);   // released on every way out
	if (leader) printk(\`\${helper.bpf_get_smp_processor_id()} \${kconfig("CONFIG_HZ")} \${ksym("init_task")}\`);
});`,
} as const;
