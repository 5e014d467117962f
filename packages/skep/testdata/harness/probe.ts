import { type arr, type chars, cpu, current, hash, ktime, lruHash, options, perCpuHash, ringbuf, shared, tracepoint, type u32, type u64, XDP, xdp } from "skep";

interface Seen { pid: u32; tid: u32; uid: u32; cpu: u32; at: u64; comm: chars<16>; text: chars<32> }
export const opt = options({
  dev: { type: "interface", help: "where", positional: true },
  min: { type: "u64", default: 0n, help: "at least" },
  quiet: { type: "boolean", default: false, help: "no records" },
  comm: { type: "comm", help: "only this" },
});
export const state = shared<{ runs: u64 }>({ runs: 0n });
export const seen = ringbuf<Seen>(4096);
export const sizes = hash<u32, u64>(16);
export const recent = lruHash<u32, u64>(16);
export const perCpu = perCpuHash<u32, u64>(16);

tracepoint("sched:sched_process_exec", (ctx) => {
  state.runs += 1n;
  perCpu.add(1, 1n);
  if (opt.quiet) return;
  if (opt.comm && current.comm !== opt.comm) return;
  seen.emit((e) => {
    e.pid = current.pid;
    e.tid = current.tid;
    e.uid = current.uid;
    e.cpu = cpu.id;
    e.at = ktime();
    e.comm = current.comm;
    e.text = ctx.filename.readString(32);
  });
});

tracepoint("sched:sched_switch", (ctx) => {
  sizes.set(ctx.prev_pid, ctx.prev_state);
});

export const first = xdp({ dev: opt.dev }, () => XDP.PASS);
export const second = xdp({ attach: false }, (packet) => {
  const bytes = packet.at<{ bytes: arr<u32, 4> }>(0);
  return bytes ? XDP.TX : XDP.ABORTED;
});
