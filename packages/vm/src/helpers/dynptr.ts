import { VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu } from "#machine";
import { finishRecord, isReserved, reserveRecord, ringOfRecord } from "#maps";
import { give, giveUnsigned, low, readable, u32, u64, wide, writable } from "./arguments.ts";
import type { Environment } from "./environment.ts";
import { ringOf } from "./ring-buffer.ts";

/**
 * Family: dynptrs, sixteen bytes on a program's stack that say where bytes are and how many: address, kind, size, offset
 * (32 bits each). Kind 0: it points nowhere. Programs without a verifier may write there: each access looks again.
 */
const ROOM = 16;
const KIND = 4;
const SIZE = 8;
const OFFSET = 12;
const LOCAL = 1;
const RECORD = 2;
/** Added to the kind of those that nobody may write through. */
const READ_ONLY = 0x100;
/** Most bytes that one reaches. */
export const MOST_DYNPTR = 2 ** 24 - 1;

export function setDynptr(env: Environment, at: number, address: number, kind: number, size: number, offset = 0): void {
	const { view } = env.memory;
	view.setUint32(at, address, true);
	view.setUint32(at + KIND, kind, true);
	view.setUint32(at + SIZE, size, true);
	view.setUint32(at + OFFSET, offset, true);
}
export const LOCAL_DYNPTR = LOCAL;
export const READ_ONLY_DYNPTR = LOCAL | READ_ONLY;
export const DYNPTR_ROOM = ROOM;

interface Dynptr {
	readonly address: number;
	readonly kind: number;
	readonly size: number;
	readonly offset: number;
	readonly isWritable: boolean;
}

/** Argument `n` as a dynptr. @throws VmFault where none can be */
export function dynptrOf(env: Environment, cpu: Cpu, n: number): Dynptr {
	const at = readable(env, cpu, n, ROOM);
	const { view } = env.memory;
	const kind = view.getUint32(at + KIND, true);
	return {
		address: view.getUint32(at, true),
		kind,
		size: view.getUint32(at + SIZE, true),
		offset: view.getUint32(at + OFFSET, true),
		isWritable: (kind & READ_ONLY) === 0,
	};
}

/** Whether [offset, offset + length) is within. */
export const isWithin = (of: Dynptr, offset: number, length: number): boolean =>
	length <= of.size && offset <= of.size - length;

/** The address of that part. @throws VmFault where the program made the dynptr up */
export function reach(env: Environment, cpu: Cpu, of: Dynptr, offset: number, length: number): number {
	const address = of.address + of.offset + offset;
	if (length > 0 && !env.memory.find(address, length))
		throw new VmFault("access", cpu.pc, `dynptr to ${length} bytes where nothing is`, BigInt(address));
	return address;
}

/** from_mem(address, size, flags, dynptr). */
export function fromMemory(env: Environment, cpu: Cpu): undefined {
	const to = writable(env, cpu, 4, ROOM);
	const size = u32(cpu, 2);
	setDynptr(env, to, 0, 0, 0);
	if (size > MOST_DYNPTR) return give(cpu, -ERRNO.E2BIG);
	if (wide(cpu, 3) !== 0n) return give(cpu, -ERRNO.EINVAL);
	setDynptr(env, to, readable(env, cpu, 1, size), LOCAL, size);
	give(cpu, 0);
}

/** read(to, length, dynptr, offset, flags). */
export function readDynptr(env: Environment, cpu: Cpu): undefined {
	const length = u64(cpu, 2);
	const of = dynptrOf(env, cpu, 3);
	const offset = u64(cpu, 4);
	if (of.kind === 0 || wide(cpu, 5) !== 0n) return give(cpu, -ERRNO.EINVAL);
	if (!isWithin(of, offset, length)) return give(cpu, -ERRNO.E2BIG);
	const to = writable(env, cpu, 1, length);
	const from = reach(env, cpu, of, offset, length);
	env.memory.u8.copyWithin(to, from, from + length);
	give(cpu, 0);
}

/** write(dynptr, offset, from, length, flags). */
export function writeDynptr(env: Environment, cpu: Cpu): undefined {
	const of = dynptrOf(env, cpu, 1);
	const offset = u64(cpu, 2);
	const length = u64(cpu, 4);
	if (of.kind === 0 || !of.isWritable) return give(cpu, -ERRNO.EINVAL);
	if (!isWithin(of, offset, length)) return give(cpu, -ERRNO.E2BIG);
	if (wide(cpu, 5) !== 0n) return give(cpu, -ERRNO.EINVAL);
	const from = readable(env, cpu, 3, length);
	const to = reach(env, cpu, of, offset, length);
	env.memory.u8.copyWithin(to, from, from + length);
	give(cpu, 0);
}

/** data(dynptr, offset, length): the address of that part, or 0. */
export function dynptrData(env: Environment, cpu: Cpu): undefined {
	const of = dynptrOf(env, cpu, 1);
	const offset = u64(cpu, 2);
	const length = u64(cpu, 3);
	if (of.kind === 0 || !of.isWritable || !isWithin(of, offset, length)) return give(cpu, 0);
	giveUnsigned(cpu, reach(env, cpu, of, offset, length));
}

/** reserve(map, size, flags, dynptr): where it fails the dynptr points nowhere, and must be submitted or discarded all the same. */
export function reserveDynptr(env: Environment, cpu: Cpu): undefined {
	const map = ringOf(env, cpu);
	const size = u32(cpu, 2);
	const to = writable(env, cpu, 4, ROOM);
	setDynptr(env, to, 0, 0, 0);
	if (wide(cpu, 3) !== 0n) return give(cpu, -ERRNO.EINVAL);
	if (size > MOST_DYNPTR) return give(cpu, -ERRNO.E2BIG);
	const record = reserveRecord(map, env.memory, size);
	if (record === 0) return give(cpu, -ERRNO.EINVAL);
	env.run.reserved.push(record);
	setDynptr(env, to, record, RECORD, size);
	give(cpu, 0);
}

function finish(env: Environment, cpu: Cpu, discard: boolean): undefined {
	const of = dynptrOf(env, cpu, 1);
	if (of.kind === 0) return give(cpu, 0);
	const { memory, run } = env;
	const map = memory.find(of.address - 8, 8) ? env.maps.get(ringOfRecord(memory, of.address)) : undefined;
	if (map?.type !== "ringbuf" || !isReserved(map, memory, of.address))
		throw new VmFault(
			"reference",
			cpu.pc,
			"argument 1 of helper is no dynptr to a reserved record",
			BigInt(low(cpu, 1)),
		);
	const at = run.reserved.indexOf(of.address);
	if (at >= 0) run.reserved.splice(at, 1);
	finishRecord(map, memory, of.address, discard);
	setDynptr(env, u32(cpu, 1), 0, 0, 0);
	give(cpu, 0);
}
export const submitDynptr = (env: Environment, cpu: Cpu): undefined => finish(env, cpu, false);
export const discardDynptr = (env: Environment, cpu: Cpu): undefined => finish(env, cpu, true);

// What kernel functions add: parts of a dynptr, and what it is.

/** adjust(dynptr, start, end): only [start, end) of it is left. */
export function adjustDynptr(env: Environment, cpu: Cpu): undefined {
	const of = dynptrOf(env, cpu, 1);
	const start = u32(cpu, 2);
	const end = u32(cpu, 3);
	if (of.kind === 0 || start > end) return give(cpu, -ERRNO.EINVAL);
	if (start > of.size || end > of.size) return give(cpu, -ERRNO.ERANGE);
	setDynptr(env, writable(env, cpu, 1, ROOM), of.address, of.kind, end - start, of.offset + start);
	give(cpu, 0);
}

export const dynptrIsNull = (env: Environment, cpu: Cpu): undefined =>
	give(cpu, dynptrOf(env, cpu, 1).kind === 0 ? 1 : 0);
export function dynptrIsReadOnly(env: Environment, cpu: Cpu): undefined {
	const of = dynptrOf(env, cpu, 1);
	give(cpu, of.kind !== 0 && !of.isWritable ? 1 : 0);
}
export function dynptrSize(env: Environment, cpu: Cpu): undefined {
	const of = dynptrOf(env, cpu, 1);
	give(cpu, of.kind === 0 ? -ERRNO.EINVAL : of.size);
}
export function cloneDynptr(env: Environment, cpu: Cpu): undefined {
	const of = dynptrOf(env, cpu, 1);
	const to = writable(env, cpu, 2, ROOM);
	if (of.kind === 0) {
		setDynptr(env, to, 0, 0, 0);
		return give(cpu, -ERRNO.EINVAL);
	}
	setDynptr(env, to, of.address, of.kind, of.size, of.offset);
	give(cpu, 0);
}

/** slice(dynptr, offset, buffer or 0, length): the address of that part; the buffer is for bytes that are not in one piece. */
function slice(env: Environment, cpu: Cpu, isForWriting: boolean): undefined {
	const of = dynptrOf(env, cpu, 1);
	const offset = u32(cpu, 2);
	const length = u32(cpu, 4);
	if (of.kind === 0 || (isForWriting && !of.isWritable) || !isWithin(of, offset, length)) return give(cpu, 0);
	giveUnsigned(cpu, reach(env, cpu, of, offset, length));
}
export const dynptrSlice = (env: Environment, cpu: Cpu): undefined => slice(env, cpu, false);
export const dynptrSliceWritable = (env: Environment, cpu: Cpu): undefined => slice(env, cpu, true);

/** A dynptr of the packet: from_xdp and from_skb(context, flags, dynptr). */
export function fromPacket(env: Environment, cpu: Cpu): undefined {
	const to = writable(env, cpu, 3, ROOM);
	setDynptr(env, to, 0, 0, 0);
	if (wide(cpu, 2) !== 0n) return give(cpu, -ERRNO.EINVAL);
	const context = readable(env, cpu, 1, 8);
	const { view } = env.memory;
	const isXdp = env.run.program === "xdp";
	const data = view.getUint32(context + (isXdp ? 0 : 76), true);
	const end = view.getUint32(context + (isXdp ? 4 : 80), true);
	setDynptr(env, to, data, isXdp ? LOCAL : READ_ONLY_DYNPTR, end - data);
	give(cpu, 0);
}
