import type { arr, chars, i32, Ringbuf, u64 } from "skep";
import { equal, machine, test } from "skep/test";

interface Ancestor { pid: i32; comm: chars<16> }
interface Exec { pid: i32; inode: u64; runtime: u64; file: chars<64>; depth: i32; tree: arr<Ancestor, 8> }

test("the chain of parents, and the file", () => {
  using m = machine(new URL("./exec-tree.ts", import.meta.url));
  m.task({ pid: 100, comm: "bash" });
  m.task({ pid: 4711, ppid: 100, comm: "true", struct: { se: { sum_exec_runtime: 123_456n } } });
  const file = { f_inode: { i_ino: 987n }, f_path: { dentry: { d_name: { name: "true" } } } };
  m.rawTracepoint("sched_process_exec", { task: 4711 }, 4711, { struct: "linux_binprm", value: { file } });
  const [e] = m.map<Ringbuf<Exec>>("events").drain();
  equal([e?.pid, e?.inode, e?.runtime, e?.file, e?.depth], [4711, 987n, 123_456n, "true", 2]);
  equal(e?.tree.slice(0, 2), [{ pid: 100, comm: "bash" }, { pid: 1, comm: "init" }]);
});
