import { encode } from "@skep/bpf/isa";
import { BpfMap, Program } from "@skep/bpf/live";
import { VirtualKernel } from "@skep/vm";
import { assemble } from "../packages/vm/src/engine/cases.test-support.ts";
import { type Bench, print } from "./measure.ts";

const ROUNDS = 15;
const TIMES = 100_000;
const NOTHING = encode(assemble("r0 = 2\nexit"));

/** Least nanoseconds of one call, in CPU time of this process: the machine is shared. */
function each(once: () => void): string {
	let best = Number.POSITIVE_INFINITY;
	for (let round = 0; round < ROUNDS; round++) {
		const before = process.cpuUsage();
		for (let i = 0; i < TIMES; i++) once();
		const { user, system } = process.cpuUsage(before);
		best = Math.min(best, ((user + system) * 1000) / TIMES);
	}
	return best.toFixed(0);
}

/** What an event, a packet and an element of a map cost on the virtual kernel, from JavaScript, over the program's body. */
export default function benchEvents(_: Bench): void {
	const kernel = new VirtualKernel();
	using xdp = Program.load(kernel, { name: "xdp", type: "xdp", insns: NOTHING, license: "GPL" });
	using raw = Program.load(kernel, { name: "raw", type: "raw_tracepoint", insns: NOTHING, license: "GPL" });
	using point = Program.load(kernel, { name: "point", type: "tracepoint", insns: NOTHING, license: "GPL" });
	const attached = kernel.bpf("RAW_TRACEPOINT_OPEN", { name: "sched_switch", prog_fd: raw.fd.number });
	const id = BigInt(kernel.tracepointId("sched", "sched_process_exec"));
	const event = kernel.perfEventOpen({ type: 2, config: id }, -1, 0, -1, 0);
	kernel.perfEventIoctl(event, "SET_BPF", point.fd.number);
	const args = [1, 2n, 3];
	const record = new Uint8Array(64);
	const packet = new Uint8Array(64);
	const fd = xdp.fd.number;
	using hash = BpfMap.create(kernel, { name: "hash", type: "hash", keySize: 4, valueSize: 8, maxEntries: 1024 });
	using array = BpfMap.create(kernel, { name: "array", type: "array", keySize: 4, valueSize: 8, maxEntries: 1024 });
	const keys = Array.from({ length: 512 }, (_, i) => new Uint8Array(Uint32Array.of(i).buffer));
	const value = new Uint8Array(8);
	for (const key of keys) hash.update(key, value);
	let turn = 0;
	const key = (): Uint8Array<ArrayBuffer> => keys[turn++ & 511]!;
	print("The virtual kernel from JavaScript, ns (aim: 100 over the program's body, hash lookup 150)", [
		["", "ns"],
		["packet()", each(() => void kernel.packet(fd, packet))],
		["verdict()", each(() => void kernel.verdict(fd, packet))],
		["raise(), raw tracepoint", each(() => void kernel.raise({ tracepoint: "sched:sched_switch", args }))],
		["raise(), tracepoint", each(() => void kernel.raise({ tracepoint: "sched:sched_process_exec", record }))],
		["raise(), nobody listens", each(() => void kernel.raise({ tracepoint: "sched:sched_wakeup", record }))],
		["hash, lookup", each(() => void hash.lookupInto(key(), value))],
		["hash, update", each(() => hash.update(key(), value))],
		["array, lookup", each(() => void array.lookupInto(key(), value))],
	]);
	kernel.close(attached);
	kernel.close(event);
}
