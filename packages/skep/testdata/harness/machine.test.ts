import { equal, MachineInUseError, machine, packet, test } from "skep/test";
import * as program from "./probe.ts";

const { first, opt, perCpu, recent, second, seen, sizes, state } = program;
const refused = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
  throw new Error("nothing was refused");
};
const exec = (m: ReturnType<typeof machine>, filename = "/bin/true") =>
  m.tracepoint("sched:sched_process_exec", { filename });

test("task, thread, CPU, clock and text arrive", () => {
  using m = machine(program, { cpus: 4 });
  m.task({ pid: 42, tid: 43, uid: 1000, comm: "worker", cpu: 3 });
  m.advance(5n);
  exec(m, "/bin/é");
  m.advance(7n);
  exec(m);
  const [a, b] = seen.drain();
  equal([a?.pid, a?.tid, a?.uid, a?.cpu, a?.comm, a?.text], [42, 43, 1000, 3, "worker", "/bin/é"]);
  equal(b!.at - a!.at, 7n);
  equal(perCpu.cpus(1), [0n, 0n, 0n, 2n]);
});

test("the clock is the same each time", () => {
  const at = () => {
    using m = machine(program);
    exec(m);
    return seen.drain()[0]?.at;
  };
  equal(at(), at());
});

test("each machine begins anew, and handles follow", () => {
  for (let i = 0; i < 2; i++) {
    using m = machine(program);
    exec(m);
    equal(state.runs, 1n);
    equal(sizes.size, 0);
    sizes.set(1, 2n);
    equal(sizes.get(1), 2n);
  }
});

test("options by name, as the user half has them", () => {
  using m = machine(program, { options: { min: 5n, quiet: true, comm: "ls", dev: "eth7" } });
  exec(m);
  equal(seen.drain(), []);
  equal([opt.min, opt.quiet, opt.comm, opt.dev], [5n, true, "ls", "eth7"]);
});

test("options that are none, and values that do not fit", () => {
  equal(refused(() => machine(program, { options: { mim: 5n } })).message.includes("has no option mim"), true);
  equal(refused(() => machine(program, { options: { min: -1n } })).message.includes("from 0"), true);
  using _ = machine(program);
});

test("one machine a module at a time", () => {
  using _ = machine(program);
  equal(refused(() => machine(program)) instanceof MachineInUseError, true);
  exec(_);
  equal(seen.drain().length, 1);
});

test("a handle without a machine says so", () => {
  equal(refused(() => sizes.size).message.includes("no machine has its module now"), true);
});

test("the right one of several programs gets the packet", () => {
  using m = machine(program);
  const bytes = packet.eth().ipv4().tcp({ syn: true }).bytes();
  equal([m.packet(first, bytes).verdict, m.packet(second, bytes).verdict, m.packet("second", bytes).verdict], [2, 3, 3]);
  equal(m.packet(second, bytes.subarray(0, 14)).verdict, 0);
  equal(m.packet(first, bytes).bytes, bytes);
  equal(refused(() => m.packet(first, bytes.subarray(0, 13))).message.includes("13 bytes"), true);
});

test("a full ring buffer loses, a full map keeps what it has", () => {
  using m = machine(program);
  m.fill(seen);
  exec(m);
  equal(seen.lost, 1n);
  equal(seen.drain(), []);
  exec(m);
  equal(seen.drain().length, 1);
  sizes.set(77_777, 1n);
  m.fill(sizes);
  equal([sizes.size, sizes.get(77_777), sizes.set(88_888, 1n)], [16, 1n, -7]);
  m.fill(perCpu);
  equal(perCpu.set(99_999, 1n), -7);
  equal(refused(() => m.fill(recent)).message.includes("never full"), true);
});

test("fields that are none, and values that do not fit", () => {
  using m = machine(program);
  const raw = m.tracepoint as (name: string, fields: object) => void;
  const of = (name: string, fields: object) => refused(() => raw.call(m, name, fields)).message;
  equal(of("sched:sched_process_exec", { filenam: "x" }).includes("no field filenam; its fields: filename"), true);
  equal(of("sched:sched_process_exec", { pid: 2 ** 33 }).includes("field pid: a number of 32 bits"), true);
  equal(of("sched:sched_process_exec", { filename: 7 }).includes("text or bytes"), true);
  equal(of("sched:sched_switch", { prev_comm: "far too long a name" }).includes("at most 16 bytes"), true);
  equal(of("sched:sched_proces_exec", {}).includes("did you mean sched:sched_process_exec"), true);
});

test("negative numbers of 64 bits, and 32", () => {
  using m = machine(program);
  m.tracepoint("sched:sched_switch", { prev_comm: "a", prev_pid: 9, prev_state: 0x1_0000_0002n });
  equal(sizes.get(9), 0x1_0000_0002n);
});
