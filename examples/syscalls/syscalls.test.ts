import type { chars, HashMap, u32, u64 } from "skep";
import { equal, machine, test } from "skep/test";

interface Key { nr: u32; comm: chars<16> }
const program = new URL("./syscalls.ts", import.meta.url);

test("counts by number and command", () => {
  using m = machine(program);
  const counts = m.map<HashMap<Key, u64>>("counts");
  m.task({ pid: 42, comm: "cat" });
  for (const id of [0n, 0n, 1n]) m.tracepoint("raw_syscalls:sys_enter", { id });
  m.task({ pid: 43, comm: "ls" });
  m.tracepoint("raw_syscalls:sys_enter", { id: 0n });
  equal(counts.get({ nr: 0, comm: "cat" }), 2n);
  equal(counts.get({ nr: 1, comm: "cat" }), 1n);
  equal(counts.get({ nr: 0, comm: "ls" }), 1n);
  equal(counts.size, 3);
});

test("a full map goes on with the keys that it has", () => {
  using m = machine(program);
  const counts = m.map<HashMap<Key, u64>>("counts");
  m.task({ pid: 42, comm: "cat" });
  m.tracepoint("raw_syscalls:sys_enter", { id: 0n });
  m.fill(counts);
  m.tracepoint("raw_syscalls:sys_enter", { id: 0n });
  m.tracepoint("raw_syscalls:sys_enter", { id: 1n });
  equal(counts.get({ nr: 0, comm: "cat" }), 2n);
  equal(counts.get({ nr: 1, comm: "cat" }), undefined);
});
