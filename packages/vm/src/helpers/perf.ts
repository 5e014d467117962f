import { VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu } from "#machine";
import { slotOf } from "#maps";
import { give, high, mapOf, readable, u32, u64 } from "./arguments.ts";
import type { Environment, PerfRing } from "./environment.ts";

/** Family: records to the rings of perf events, laid out as perf_event_open(2) says. */
const CURRENT_CPU = 0xffff_ffff;
const SAMPLE = 9;
const LOST = 2;
const HEADER = 8;
/** In a ring's first page. */
const DATA_HEAD = 1024;
const DATA_TAIL = 1032;

/** perf_event_output(context, map, flags, data, size). Of packets, bits 32 to 51 of flags say how much of one follows. */
export function perfOutput(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 2);
	if (map.type !== "perf_event_array")
		throw new VmFault("reference", cpu.pc, `argument 2 of helper is a map of type ${map.type}, not perf_event_array`);
	const size = u64(cpu, 5);
	const from = readable(env, cpu, 4, size);
	const more = high(cpu, 3) >>> 0;
	if (more > 0xf_ffff) return give(cpu, -ERRNO.EINVAL);
	const packet = packetPart(env, cpu, more);
	if (packet === undefined) return give(cpu, more !== 0 && env.run.packetEnd === 0 ? -ERRNO.EINVAL : -ERRNO.EFAULT);
	const index = u32(cpu, 3) === CURRENT_CPU ? cpu.id : u32(cpu, 3);
	if (index >= map.maxEntries) return give(cpu, -ERRNO.E2BIG);
	const event = env.events.get(slotOf(map, env.memory, index));
	if (!event) return give(cpu, -ERRNO.ENOENT);
	if (!event.isOutput) return give(cpu, -ERRNO.EINVAL);
	if (event.cpu !== cpu.id) return give(cpu, -ERRNO.EOPNOTSUPP);
	const { u8 } = env.memory;
	const record = new Uint8Array(Math.ceil((HEADER + 4 + size + more) / 8) * 8);
	const view = new DataView(record.buffer);
	view.setUint32(0, SAMPLE, true);
	view.setUint16(6, record.length, true);
	view.setUint32(HEADER, record.length - HEADER - 4, true);
	record.set(u8.subarray(from, from + size), HEADER + 4);
	record.set(u8.subarray(packet, packet + more), HEADER + 4 + size);
	give(cpu, record.length > 0xffff ? -ERRNO.E2BIG : write(env, event, record));
}

/** Where the packet is that `length` bytes are wanted of; undefined: there is none, or it is shorter. */
function packetPart(env: Environment, cpu: Cpu, length: number): number | undefined {
	if (length === 0) return 0;
	if (env.run.packetEnd === 0) return undefined;
	const { view } = env.memory;
	const context = readable(env, cpu, 1, 8);
	const field = env.run.program === "xdp" ? 0 : 76;
	const data = view.getUint32(context + field, true);
	return data + length <= view.getUint32(context + field + 4, true) ? data : undefined;
}

/** Appends a record, and before it how many found no room. 0, -ENOENT, -ENOSPC. */
function write(env: Environment, event: PerfRing, record: Uint8Array): number {
	if (!event.enabled || event.paused || event.ring === 0) return -ERRNO.ENOENT;
	const { view, u8 } = env.memory;
	const head = Number(view.getBigUint64(event.ring + DATA_HEAD, true));
	const tail = Number(view.getBigUint64(event.ring + DATA_TAIL, true));
	const note = event.lost === 0 ? new Uint8Array(0) : new Uint8Array(24);
	const length = note.length + record.length;
	if (event.ringSize - 1 - (head - tail) < length) {
		event.lost++;
		return -ERRNO.ENOSPC;
	}
	if (event.lost > 0) {
		const lost = new DataView(note.buffer);
		lost.setUint32(0, LOST, true);
		lost.setUint16(6, note.length, true);
		lost.setBigUint64(16, BigInt(event.lost), true);
		event.lost = 0;
	}
	const data = event.ring + 4096;
	let at = head;
	for (const part of [note, record]) {
		for (const byte of part) u8[data + (at++ % event.ringSize)] = byte;
	}
	// What was written is there before whoever reads is told.
	if (env.memory.shared) Atomics.store(env.memory.longs, (event.ring + DATA_HEAD) >> 3, BigInt(at));
	else view.setBigUint64(event.ring + DATA_HEAD, BigInt(at), true);
	return 0;
}
