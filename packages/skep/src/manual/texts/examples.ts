// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the examples are source text
import type { LATER } from "./later.ts";

/**
 * Files of the language that show words: each is compiled by a test. Those with words that this version does not compile yet
 * stand in `later.ts`.
 */
export const EXAMPLES = {
	numbers: `
import { current, i16, i32, i64, i8, ktime, printk, tracepoint, u16, u32, u64, u8 } from "skep";
tracepoint("sched:sched_process_exec", (ctx) => {
	const n = current.pid;                              // u32: number is the 32-bit ALU
	printk(\`\${u8(n)} \${u16(n)} \${i8(n)} \${i16(n)}\`);    // narrowing is always written
	printk(\`\${u64(n) << 32n} \${i64(ctx.pid)}\`);         // 64 bits: bigint
	printk(\`\${u32(ktime())} \${i32(n)}\`);
});`,
	order: `
import { htonl, htons, ntohl, ntohs, type be16, type be32, XDP, xdp } from "skep";
import type { iphdr, udphdr } from "skep/net";
const DNS: be16 = htons(53);                        // folded
const NET: be32 = htonl(0x0a000000);
export const filter = xdp({ attach: false }, (packet) => {
	const ip = packet.at<iphdr>(14);
	const udp = packet.at<udphdr>(34);
	if (!ip || !udp || ip.saddr === NET) return XDP.PASS;
	if (ntohl(ip.daddr) > 0xe0000000) return XDP.PASS;
	return udp.dport === DNS || ntohs(udp.sport) < 1024 ? XDP.DROP : XDP.PASS;
});`,
	order64: `
import { be64ToCpu, cpuToBe64, hash, ktime, tracepoint, type be64, type u64 } from "skep";
const sent = hash<be64, u64>(1024);                 // keys as they stand on the wire
tracepoint("sched:sched_process_exec", () => {
	const id = cpuToBe64(ktime());
	sent.set(id, be64ToCpu(id));
});`,
	durations: `
import { current, hash, ktime, ms, printk, seconds, tracepoint, type u32, type u64, us } from "skep";
const last = hash<u32, u64>(1024);
tracepoint("sched:sched_process_exec", () => {
	const before = last.get(current.uid) ?? 0n;
	const gap = ktime() - before;
	if (gap < us(500)) printk("at once");
	else if (gap < ms(20)) printk("soon");
	else if (gap > seconds(60)) printk("long ago");
	last.set(current.uid, ktime());
});`,
	records: `
import { type arr, type chars, current, type packed, ringbuf, tracepoint, type u16, type u32, type u8 } from "skep";
interface Exec {
	pid: u32;
	comm: chars<16>;                                   // text: padded with NUL, a string in the user half
	marks: arr<u8, 4>;                                 // a fixed array, in place
	wire: packed<{ kind: u8; length: u16 }>;           // no padding between the members
}
const events = ringbuf<Exec>(64 * 1024);
tracepoint("sched:sched_process_exec", () => {
	events.emit((e) => {
		e.pid = current.pid;
		e.comm = current.comm;
		e.marks[0] = 1;
		e.wire.length = 7;
	});
});
for await (const e of events) console.log(e.pid, e.comm, e.marks);`,
	cut: `
import { chars, ringbuf, tracepoint } from "skep";
const events = ringbuf<{ kind: chars<8> }>(4096);
tracepoint("sched:sched_process_exec", () => {
	events.emit((e) => {
		e.kind = chars("a text that is too long", 8);   // cut to 7 characters and a NUL
	});
});`,
	inPlace: `
import { current, hash, type Ref, tracepoint, type u32, type u64 } from "skep";
interface Stat { runs: u64; last: u32 }
const stats = hash<u32, Stat>(1024);
const count = (s: Ref<Stat>) => {
	s.runs += 1n;                                      // in the map itself, atomic
	s.last = current.tid;
};
tracepoint("sched:sched_process_exec", () => {
	const s = stats.refOrInsert(current.uid, { runs: 0n, last: 0 });
	if (s) count(s);
});`,
	kernelText: `
import { type cstr, printk, rawTracepoint } from "skep";
const first = (s: cstr) => s.readString(16);       // char * in the kernel
rawTracepoint("sched_process_exec", (_task, _old, bprm) => {
	printk(\`\${first(bprm.filename)}\`);
});`,
	fieldText: `
import { type dynstr, printk, tracepoint } from "skep";
const short = (s: dynstr) => s.readString(64);     // a __data_loc field of the tracepoint
tracepoint("sched:sched_process_exec", (ctx) => {
	printk(\`\${short(ctx.filename)}\`);
});`,
	userMemory: `
import { printk, tracepoint, type u8, type UserPtr, userPtr } from "skep";
const at = (p: UserPtr<u8>) => p.tryRead();         // undefined: not there
tracepoint("syscalls:sys_enter_write", (ctx) => {
	const first = at(ctx.buf);
	if (first !== undefined) printk(\`\${first} \${ctx.buf.at(1)}\`);
	printk(\`\${userPtr<u8>(ctx.buf.addr).read()}\`);
});`,
	kernelPointer: `
import { iter, type KernelPtr, type u64 } from "skep";
const word = (p: KernelPtr<u64>) => p.at(0);        // probed: zero where it is not there
iter("task_file", (ctx) => {
	if (ctx.task && ctx.fd === 0) ctx.seq.print(\`\${ctx.task.pid} \${word(ctx.task.numa_faults)}\\n\`);
});`,
	paths: `
import { dPath, iter } from "skep";
export const files = iter("task_file", (ctx) => {
	if (ctx.task && ctx.file) ctx.seq.print(\`\${ctx.task.pid} \${ctx.fd} \${dPath(ctx.file.f_path, 256)}\\n\`);
});
console.log(files.lines());`,
	guards: `
import { exists, i64, printk, sizeOf, tpBtf, typeExists } from "skep";
import type { bpf_map, task_struct } from "skep/kernel";
const state = (t: task_struct) => exists(t.__state) ? i64(t.__state) : exists(t.state) ? t.state : 0n;
tpBtf("sched_process_exit", (task) => {
	printk(\`\${state(task)}\`);                          // one object for kernels before and after 5.14
	if (typeExists<bpf_map>()) printk(\`\${sizeOf<bpf_map>()}\`);
});`,
	layout: `
import { addressOf, containerOf, offsetOf, printk, tpBtf } from "skep";
import type { task_struct } from "skep/kernel";
tpBtf("sched_process_exit", (task) => {
	const back = containerOf<task_struct>(task.thread_pid, "thread_pid");
	printk(\`\${addressOf(task)} \${addressOf(back)} \${offsetOf<task_struct>("comm")}\`);
});`,
	cast: `
import { cast, printk, tpBtf } from "skep";
import type { task_struct } from "skep/kernel";
tpBtf("sched_process_exit", (task) => {
	const t = cast<task_struct>(task.group_leader);    // a pointer of a type that you know better
	printk(\`\${t.pid}\`);
});`,
	tryRead: `
import { printk, rawTracepoint, tryRead } from "skep";
rawTracepoint("sched_process_exec", (task) => {
	const inode = tryRead(task.mm.exe_file.f_inode.i_ino);   // undefined where a read in the chain faulted
	if (inode !== undefined) printk(\`\${inode}\`);
});`,
	bytes: `
import { current, equals, hash, ktime, tracepoint, type u32, type u64, zero } from "skep";
interface Point { uid: u32; at: u64 }
const seen = hash<u32, Point>(64);
tracepoint("sched:sched_process_exec", () => {
	const fresh: Point = { uid: current.uid, at: ktime() };
	const old = seen.get(current.pid) ?? zero<Point>();
	if (!equals(old, fresh)) seen.set(current.pid, fresh);
});`,
	enums: `
import { enums, printk, tracepoint } from "skep";
tracepoint("sock:inet_sock_set_state", (ctx) => {
	if (ctx.newstate === enums.tcp_state.TCP_ESTABLISHED) printk("established");   // the running kernel's number
});`,
	current: `
import { cpu, current, printk, tracepoint } from "skep";
tracepoint("sched:sched_process_exec", () => {
	printk(\`\${current.comm} \${current.pid}/\${current.tid} of uid \${current.uid}\`);
	printk(\`parent \${current.task.real_parent.tgid}, cgroup \${current.cgroupId}, cpu \${cpu.id}\`);
});`,
	clocks: `
import { bootTime, jiffies, ktime, printk, random, tracepoint } from "skep";
tracepoint("sched:sched_process_exec", () => {
	if (random() % 100 !== 0) return;                  // one of a hundred
	printk(\`\${ktime()} \${bootTime()} \${jiffies()}\`);
});`,
	loops: `
import { current, printk, range, tracepoint, unroll } from "skep";
tracepoint("sched:sched_process_exec", () => {
	let t = current.task;
	for (const i of range(8)) {                        // a plain bounded loop
		if (t.tgid <= 1) break;
		printk(\`\${i} \${t.tgid}\`);
		t = t.real_parent;
	}
	for (const i of unroll(2)) printk(\`\${i}\`);         // two copies, no loop
});`,
	shared: `
import { current, shared, tracepoint, type u64 } from "skep";
const state = shared<{ execs: u64; paused: boolean }>({ execs: 0n, paused: false });
tracepoint("sched:sched_process_exec", () => {
	if (!state.paused) state.execs += 1n;
});
process.once("SIGUSR1", () => {
	state.paused = !state.paused;                      // the same memory, in the user half
	console.log(state.execs);
});`,
	options: `
import { current, options, printk, tracepoint } from "skep";
const opt = options({
	uid: { type: "u32", help: "only this user" },
	slack: { type: "duration", default: 10_000_000n, help: "e.g. 10ms" },
});
tracepoint("sched:sched_process_exec", () => {
	if (opt.uid !== undefined && current.uid !== opt.uid) return;   // a constant for the verifier
	printk(\`\${current.comm} \${opt.slack}\`);
});`,
	hash: `
import { current, hash, tracepoint, type u32, type u64 } from "skep";
const execs = hash<u32, u64>(1024);
tracepoint("sched:sched_process_exec", () => {
	execs.add(current.uid, 1n);                        // atomic, inserted where it is missing
});
process.on("exit", () => console.table(execs.entries()));`,
	entries: `
import { current, hash, tracepoint, type u32, type u64 } from "skep";
const counts = hash<u32, u64>(1024);
tracepoint("sched:sched_process_exec", () => {
	const n = counts.ref(current.uid);                 // in place; undefined: no such key
	if (n) n.value += 1n;                              // atomic
	else counts.set(current.uid, 1n);
	if (counts.get(0) !== undefined) counts.delete(0); // get copies
	if (counts.take(1) === undefined) counts.add(2, 1n);
});
counts.pin("/sys/fs/bpf/counts");
console.log(counts.fd, counts.size, counts.keys(), counts.entries());
counts.clear();`,
	cpus: `
import { cpu, current, perCpuHash, tracepoint, type u32, type u64 } from "skep";
const runs = perCpuHash<u32, u64>(1024);
tracepoint("sched:sched_process_exec", () => {
	const mine = runs.refOrInsert(current.uid, 0n);    // this CPU's value
	if (mine) mine.value += 1n;
	const other = runs.refOn(cpu.id ^ 1, current.uid); // another CPU's
	if (other && other.value > 1000n) runs.delete(current.uid);
});
console.log(runs.cpus(0), runs.sum(0), runs.sums());`,
	ringMembers: `
import { current, printk, ringbuf, tracepoint, type u32 } from "skep";
const events = ringbuf<{ pid: u32 }>(64 * 1024);
tracepoint("sched:sched_process_exec", () => {
	const sent = events.emit((e) => {                  // false: the ring is full, the record is lost
		e.pid = current.pid;
		if (current.uid === 0) return false;              // discards it
	});
	if (!sent && events.pending > 1000n) printk("slow reader");
});
for await (const batch of events.batches({ max: 100 })) console.log(batch.length, events.lost);
for await (const { event, lostBefore } of events.withLoss()) console.log(event.pid, lostBefore);
console.log(events.drain());`,
	lruHash: `
import { current, ktime, lruHash, tracepoint, type u32, type u64 } from "skep";
const start = lruHash<u32, u64>(10_000);            // forgets what was not used for long
tracepoint("sched:sched_process_exec", () => void start.set(current.pid, ktime()));
tracepoint("sched:sched_process_exit", () => void start.delete(current.pid));`,
	array: `
import { array, current, tracepoint, type u64 } from "skep";
const buckets = array<u64>(16);
tracepoint("sched:sched_process_exec", () => {
	const n = buckets.ref(current.pid & 15);
	if (n) n.value += 1n;
});
process.on("exit", () => console.log(buckets.length, buckets.entries()));`,
	perCpu: `
import { current, perCpuArray, perCpuHash, tracepoint, type u32, type u64 } from "skep";
const runs = perCpuHash<u32, u64>(1024);
const total = perCpuArray<u64>(1);
tracepoint("sched:sched_process_exec", () => {
	runs.add(current.uid, 1n);                         // this CPU's value: no atomics
	const n = total.ref(0);
	if (n) n.value += 1n;
});
process.on("exit", () => console.log(runs.sums(), total.sum(0)));`,
	ringbuf: `
import { type chars, current, ringbuf, tracepoint, type u32 } from "skep";
interface Exec { pid: u32; comm: chars<16> }
const events = ringbuf<Exec>(256 * 1024);
tracepoint("sched:sched_process_exec", () => {
	events.emit((e) => {                               // reserve, fill in place, submit
		e.pid = current.pid;
		e.comm = current.comm;
	});
});
for await (const e of events) console.log(e.pid, e.comm);
console.log(events.lost, "lost");`,
	histogram: `
import { current, histogram, ktime, lruHash, tracepoint, type u32, type u64 } from "skep";
const start = lruHash<u32, u64>(10_000);
const latency = histogram();                        // log2 buckets
tracepoint("syscalls:sys_enter_read", () => void start.set(current.tid, ktime()));
tracepoint("syscalls:sys_exit_read", () => {
	const t = start.take(current.tid);
	if (t !== undefined) latency.add(ktime() - t);
});
process.on("exit", () => latency.print("read, ns"));`,
	tracepoint: `
import { printk, tracepoint } from "skep";
tracepoint("sched:sched_process_exec", (ctx) => {
	printk(\`\${ctx.pid} \${ctx.filename.readString(64)}\`);   // fields of the event's format file
});`,
	rawTracepoint: `
import { printk, rawTracepoint } from "skep";
rawTracepoint("sched_process_exec", (task, _old, bprm) => {
	printk(\`\${task.tgid} \${bprm.filename.readString(64)}\`);   // the kernel's own arguments, probed reads
});`,
	tpBtf: `
import { printk, tpBtf } from "skep";
tpBtf("sched_process_fork", (parent, child) => {
	printk(\`\${parent.comm} \${parent.pid} -> \${child.pid}\`);   // direct loads, checked by BTF
});`,
	iter: `
import { iter } from "skep";
export const tasks = iter("task", (ctx) => {        // ctx.seq: SeqFile
	if (ctx.task) ctx.seq.print(\`\${ctx.task.pid} \${ctx.task.comm}\\n\`);
});
console.log(tasks.text());                          // IterProgram`,
	xdp: `
import { options, perCpuHash, type u64, type u8, XDP, xdp } from "skep";
import { ETH, IPPROTO, type ethhdr, type iphdr } from "skep/net";
const opt = options({ dev: { type: "interface", help: "the device" } });
const packets = perCpuHash<u8, u64>(256);
export const filter = xdp({ dev: opt.dev }, (packet) => {
	const c = packet.cursor();                         // a moving offset; next() checks the bounds
	const eth = c.next<ethhdr>();
	if (!eth || eth.proto !== ETH.IPV4) return XDP.PASS;
	const ip = c.next<iphdr>();
	if (!ip) return XDP.DROP;
	packets.add(ip.proto, 1n);
	return ip.proto === IPPROTO.ICMP ? XDP.DROP : XDP.PASS;
});`,
	xdpTypes: `
import { type Cursor, XDP, type XdpAction, type XdpPacket, xdp } from "skep";
import type { ethhdr, ipv6hdr, tcphdr, udphdr, vlanhdr } from "skep/net";
const skipVlan = (c: Cursor): boolean => c.next<vlanhdr>() !== undefined;
function decide(packet: XdpPacket): XdpAction {
	const c = packet.cursor();
	if (!c.next<ethhdr>()) return XDP.DROP;
	if (!skipVlan(c)) return XDP.PASS;
	if (!c.next<ipv6hdr>()) return XDP.PASS;
	const tcp = c.peek<tcphdr>();
	const udp = c.peek<udphdr>();
	return (tcp && tcp.syn) || udp ? XDP.PASS : XDP.DROP;
}
export const filter = xdp({ attach: false }, (packet) => decide(packet));`,
	verdicts: `
import { printk, SK, TC, type TcAction, tracepoint } from "skep";
const verdict = (drop: boolean): TcAction => (drop ? TC.DROP : TC.NEXT);
tracepoint("sched:sched_process_exec", (ctx) => {
	printk(\`\${verdict(ctx.pid > 1)} \${SK.PASS}\`);
});`,
	addresses: `
import { XDP, xdp } from "skep";
import { formatIp4, formatIp6, type iphdr, ip4 } from "skep/net";
const GATEWAY = ip4("10.0.0.1");                    // a be32, folded
export const filter = xdp({ attach: false }, (packet) => {
	const ip = packet.at<iphdr>(14);
	return ip && ip.daddr === GATEWAY ? XDP.DROP : XDP.PASS;
});
console.log(formatIp4(GATEWAY), formatIp6);`,
	uapi: `
import { printk, tracepoint } from "skep";
import { AF_INET, AF_INET6, EACCES, EEXIST, ENOENT, EPERM, O_CREAT, O_RDWR, O_WRONLY, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from "skep/uapi";
tracepoint("syscalls:sys_exit_openat", (ctx) => {
	if (ctx.ret === BigInt(-ENOENT)) printk("no such file");
});
console.log(AF_INET, AF_INET6, EACCES, EEXIST, EPERM, O_CREAT, O_RDWR, O_WRONLY);
console.log(S_IFMT, S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO);`,
	userHalf: `
import { every, formatErrno, hash, stopped, table, tracepoint, current, type u32, type u64 } from "skep";
const failures = hash<u32, u64>(1024);
tracepoint("syscalls:sys_exit_openat", (ctx) => {
	if (ctx.ret < 0n) failures.add(current.pid, 1n);
});
for await (const _ of every(1000))
	table([...failures].map(([pid, n]) => ({ pid, n })), { sort: "n", limit: 10, clear: true });
await stopped();
console.log(formatErrno(-2));`,
	load: `
import { current, hash, load, tracepoint, type u32, type u64 } from "skep";
const execs = hash<u32, u64>(16);
tracepoint("sched:sched_process_exec", () => execs.add(current.uid, 1n));
using loaded = await load(import.meta, { maxEntries: { execs: 65_536 } });   // nothing runs before this line
console.log(loaded.kernel, Object.keys(loaded.programs));`,
	programMembers: `
import { current, hash, tracepoint, type u32, type u64 } from "skep";
const counts = hash<u32, u64>(1024);
const onExec = tracepoint("sched:sched_process_exec", { attach: false }, () => counts.add(current.uid, 1n));
counts.set(0, 0n);
onExec.attach();                                    // not before the map is ready
console.log(onExec.name, onExec.links.length, onExec.stats.runs);`,
	handles: `
import { type AnyProgram, type Link, type MapOptions, type Program, tracepoint, hash, type u32, type u64 } from "skep";
const counts = hash<u32, u64>(1024, { pin: "counts" });   // MapOptions
const onExec = tracepoint("sched:sched_process_exec", { attach: false }, () => counts.add(0, 1n));   // ProgramOptions
function report(p: AnyProgram): void {
	console.log(p.name, p.stats.runs);
}
using link: Link = onExec.attach();
const program: Program = onExec;
const options: MapOptions = { noPrealloc: true };
report(program);
console.log(link.target, options);`,
} as const;

export type ExampleName = keyof typeof EXAMPLES | keyof typeof LATER;
