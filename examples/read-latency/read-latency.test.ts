import type { HashMap, Histogram, u32, u64 } from "skep";
import { equal, machine, test } from "skep/test";

const program = new URL("./read-latency.ts", import.meta.url);

test("every read lands in its bucket", () => {
  using m = machine(program);
  m.task({ pid: 42, comm: "cat" });
  for (const us of [0n, 1n, 5n, 5n, 6n]) {
    m.tracepoint("syscalls:sys_enter_read", { fd: 3n });
    m.advance(us * 1000n);
    m.tracepoint("syscalls:sys_exit_read", { ret: 512n });
  }
  const [[, buckets] = []] = m.map<Histogram<void>>("latency").entries();
  equal(buckets?.map(({ low, count }) => [low, count]), [[0n, 1n], [1n, 1n], [2n, 0n], [4n, 3n]]);
  equal(m.map<HashMap<u32, u64>>("starts").size, 0);
});

test("an exit without its entry is not counted", () => {
  using m = machine(program);
  m.tracepoint("syscalls:sys_exit_read", { ret: 512n });
  equal(m.map<Histogram<void>>("latency").entries(), []);
});
