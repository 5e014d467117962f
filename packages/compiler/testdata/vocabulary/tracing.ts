import { type arr, array, bootTime, type chars, cpu, current, exists, hash, histogram, i64, jiffies, ktime, options, perCpuArray, printk, random, rawTracepoint, ringbuf, tpBtf, tracepoint, type i32, u32, u64, type u16, type u8, type be16, type be32, ntohs, htons } from "skep";
import type { task_struct } from "skep/kernel";
const opt = options({
  uid: { type: "u32", help: "x" }, slack: { type: "duration", default: 5n, help: "y" }, verbose: { type: "boolean", default: false, help: "z" },
  level: { type: "u8", default: 2, help: "l" }, name: { type: "string", max: 32, help: "n" }, port: { type: "port", default: 53, help: "p" }, addr: { type: "ip4", help: "a" }, delta: { type: "i64", default: -5n, help: "d" },
});
interface Ev { pid: u32; comm: chars<16>; next: chars<32>; args: arr<u64, 6>; flag: boolean; b: u64; st: i32; path: chars<64>; when: u64; addr: be32; port: be16 }
const events = ringbuf<Ev>(64 * 1024);
const lat = histogram<u32>({ max: 100 });
const lin = histogram({ scale: { from: 10, to: 100, step: 5 } });
const own = perCpuArray<u64>(4);
const seen = hash<u32, Ev>(8);
const state = (t: task_struct) => (exists(t.__state) ? i64(t.__state) : exists(t.state) ? t.state : 0n);

tracepoint("sched:sched_switch", (ctx) => {
  if (ctx.prev_comm === "swapper/0" || ctx.next_comm.startsWith("kwork")) return;
  const sent = events.emit((e) => {
    e.pid = u32(ctx.prev_pid);
    e.comm = ctx.prev_comm;
    e.next = ctx.next_comm;
    e.flag = ctx.prev_pid > ctx.next_pid;
    e.when = ktime() + bootTime() + jiffies() + u64(random()) + u64(cpu.id) + u64(cpu.numaNode);
    if (ctx.prev_pid === 0) return false;
  });
  if (!sent) printk("full");
  if (events.pending > 1000n) printk(`pending ${events.pending} ${ctx.prev_pid} ${ctx.next_pid} ${current.comm} ${sent}`);
  lat.add(u64(ctx.prev_pid), current.pid);
  lin.add(u64(current.tid));
});
tracepoint("raw_syscalls:sys_enter", (ctx) => {
  let sum = 0n;
  for (const a of ctx.args) sum += a;
  if (opt.uid !== undefined && current.uid !== opt.uid) return;
  if (opt.name && current.comm === opt.name) return;
  if (opt.addr === undefined) sum += 1n;
  if (sum > opt.slack && opt.verbose && opt.level > 1 && i64(sum) > opt.delta) printk(`${sum} ${opt.level} ${current.gid}`);
  const o = own.refOn(cpu.id, 1);
  if (o) o.value += current.cgroupId;
});
tracepoint(["syscalls:sys_enter_read", "syscalls:sys_enter_write"], (ctx) => {
  const first = ctx.buf.read();
  const second = ctx.buf.at(3);
  const t = ctx.buf.tryRead();
  if (t === undefined) return;
  printk(`${first} ${second} ${t} ${ctx.count} ${ctx.buf.addr}`);
});
tracepoint("syscalls:sys_enter_execve", (ctx) => {
  const arg0 = ctx.argv.read();
  const s = arg0.readString(32);
  const s1 = ctx.argv.at(1).readString(16);
  printk(`${s} ${s1}`);
});
tracepoint("sock:inet_sock_set_state", (ctx) => {
  events.emit((e) => { e.addr = ctx.saddr; e.st = ctx.newstate; });
});
rawTracepoint("sched_process_exec", (task, old, bprm) => {
  const s = bprm.filename.readString(64);
  const name = task.mm.exe_file.f_path.dentry.d_name.name.readString(64);
  if (s === name) return;
  if (task.real_parent === task.group_leader) return;
  if (!task.mm) return;
  events.emit((e) => { e.comm = task.comm; e.pid = u32(task.tgid + old); e.path = name; e.b = task.cpus_mask.bits[0]; e.when = u64(task.in_execve); });
});
tpBtf("sched_switch", (preempt, prev, next) => {
  if (preempt) return;
  if (prev === next) return;
  if (prev.mm && next.comm === "bash") printk(`${prev.pid} ${state(prev)} ${next.comm} ${prev.in_execve}`);
  const { pid, tgid } = next;
  let t = prev;
  let depth = 0;
  for (let i = 0; i < 20; i++) {
    if (t.tgid <= 1) break;
    t = t.real_parent;
    depth++;
  }
  seen.delete(u32(pid));
  const was = seen.take(u32(tgid));
  if (was) printk(`${was.comm} ${was.path} ${depth}`);
  const cred = t.cred;
  if (cred.uid.val === 0) printk(`root ${cred.euid.val}`);
});
