import type { chars, Ringbuf, u32 } from "skep";
import { equal, machine, test } from "skep/test";

interface Exec { pid: u32; ppid: u32; uid: u32; comm: chars<16>; filename: chars<256> }
// Its user half runs as soon as it is imported: the file is named instead.
const exec = new URL("./exec.ts", import.meta.url);

test("says who executed what", () => {
  using m = machine(exec);
  const events = m.map<Ringbuf<Exec>>("events");
  m.task({ pid: 42, ppid: 7, uid: 1000, comm: "ls" });
  m.tracepoint("sched:sched_process_exec", { filename: "/usr/bin/ls", pid: 42, old_pid: 42 });
  equal(events.drain(), [{ pid: 42, ppid: 7, uid: 1000, comm: "ls", filename: "/usr/bin/ls" }]);
  equal(events.drain(), []);
});

test("a full ring buffer loses, and counts", () => {
  using m = machine(exec);
  const events = m.map<Ringbuf<Exec>>("events");
  m.task({ pid: 42, comm: "ls" });
  m.fill(events);
  m.tracepoint("sched:sched_process_exec", { filename: "/usr/bin/ls" });
  equal(events.drain(), []);
  equal(events.lost, 1n);
  m.tracepoint("sched:sched_process_exec", { filename: "/usr/bin/ls" });
  equal(events.drain().length, 1);
});
