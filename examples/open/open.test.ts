import type { chars, i32, Ringbuf, u32, u64 } from "skep";
import { equal, type Machine, type MachineOptions, machine, test } from "skep/test";

interface Open { pid: u32; ret: i32; us: u64; comm: chars<16>; path: chars<128> }
const program = new URL("./open.ts", import.meta.url);
const opened = (options: MachineOptions["options"] = {}) => {
  const m = machine(program, { options });
  m.task({ pid: 42, comm: "cat" });
  return m;
};

function open(m: Machine, path: string, ret: bigint) {
  m.tracepoint("syscalls:sys_enter_openat", { filename: path });
  m.advance(25_000n);
  m.tracepoint("syscalls:sys_exit_openat", { ret });
}

test("path, result and time of an open", () => {
  using m = opened();
  open(m, "/etc/passwd", 3n);
  equal(m.map<Ringbuf<Open>>("events").drain(), [{ pid: 42, ret: 3, us: 25n, comm: "cat", path: "/etc/passwd" }]);
});

test("--failed leaves out what succeeded", () => {
  using m = opened({ failed: true });
  open(m, "/etc/passwd", 3n);
  open(m, "/nothing/here", -2n);
  equal(m.map<Ringbuf<Open>>("events").drain().map((e) => [e.path, e.ret]), [["/nothing/here", -2]]);
});

test("--comm leaves out other commands", () => {
  using m = opened({ comm: "cat" });
  m.task({ pid: 43, comm: "ls" });
  open(m, "/tmp", 3n);
  m.task({ pid: 42 });
  open(m, "/etc/passwd", 3n);
  equal(m.map<Ringbuf<Open>>("events").drain().map((e) => e.path), ["/etc/passwd"]);
});

test("threads do not mix", () => {
  using m = opened();
  m.task({ pid: 42, tid: 43 });
  m.tracepoint("syscalls:sys_enter_openat", { filename: "/a" });
  m.task({ pid: 42, tid: 44 });
  m.tracepoint("syscalls:sys_enter_openat", { filename: "/b" });
  m.advance(1_000n);
  m.tracepoint("syscalls:sys_exit_openat", { ret: 4n });
  m.task({ pid: 42, tid: 43 });
  m.tracepoint("syscalls:sys_exit_openat", { ret: 5n });
  equal(m.map<Ringbuf<Open>>("events").drain().map((e) => [e.path, e.ret, e.comm]), [["/b", 4, "cat"], ["/a", 5, "cat"]]);
});
