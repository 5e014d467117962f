import { type chars, dPath, iter, type be32, ntohs, type u32, type u64 } from "skep";
import { formatIp4, formatIp6 } from "skep/net";
import type { task_struct } from "skep/kernel";

interface Row { pid: u32; short: chars<2>; started: u64; comm: chars<16> }
const rowOf = (task: task_struct): Row => ({ pid: task.tgid, short: "r", started: task.start_boottime, comm: task.comm });

export const records = iter("task", ({ task, seq }) => {
  if (task) seq.write(rowOf(task));
});
export const lines = iter("task", { attach: false }, (ctx) => {
  if (!ctx.task) return;
  if (ctx.seq.num === 0n) ctx.seq.print("PID  COMM\n");
  const row = rowOf(ctx.task);
  ctx.seq.print(`${String(row.pid).padStart(7)} ${row.comm.padEnd(16)} ${row.started.toString(16).padStart(16, "0")}|${"x".padEnd(3)}|\n`);
});
export const files = iter("task_file", { sleepable: false }, ({ task, file, fd, seq }) => {
  if (!task || !file) return;
  seq.write<{ fd: u32; path: chars<128> }>({ fd, path: dPath(file.f_path, 128) });
});
export const areas = iter("task_vma", { optional: true }, ({ task, vma, seq }) => {
  if (!task || !vma) return;
  const path: chars<64> = dPath(vma.vm_file.f_path, 64);
  if (vma.vm_file) seq.print(`${path}\n`);
});
export const sockets = iter("tcp", ({ sk_common: sk, uid, seq }) => {
  if (!sk) return;
  const to: be32 = sk.skc_daddr;
  seq.print(`${formatIp4(sk.skc_rcv_saddr)} ${formatIp4(to)} ${formatIp6(sk.skc_v6_daddr.in6_u.u6_addr32)} ${ntohs(sk.skc_dport)} ${uid}\n`);
});
