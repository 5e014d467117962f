import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu } from "#machine";
import { give, giveWide, high, low, readable, u32, writable } from "./arguments.ts";
import type { Environment } from "./environment.ts";

/** Family: packets. `struct xdp_md` and `struct __sk_buff` hold the packet's guest addresses themselves. */
const XDP = { data: 0, end: 4, meta: 8 } as const;
const SKB = { data: 76, end: 80 } as const;
const ETHERNET = 14;
/** Linux keeps its `struct xdp_frame` in the headroom. */
const FRAME_BYTES = 40;
/** Metadata before the packet: at most so many bytes, in fours. */
const MOST_META = 252;

const at = (env: Environment, field: number): number => env.memory.view.getUint32(env.run.context + field, true);
const put = (env: Environment, field: number, value: number): void =>
	env.memory.view.setUint32(env.run.context + field, value, true);

/** What the program may touch now goes from its metadata to its end. */
const narrow = (env: Environment): void => env.memory.narrow(env.run.packetStart, at(env, XDP.meta), at(env, XDP.end));

export function adjustHead(env: Environment, cpu: Cpu): undefined {
	if (env.run.program !== "xdp") return give(cpu, -ERRNO.EINVAL);
	const before = at(env, XDP.data);
	const meta = at(env, XDP.meta);
	const metaLength = before - meta;
	const data = before + low(cpu, 2);
	if (data < env.run.packetStart + FRAME_BYTES + metaLength || data > at(env, XDP.end) - ETHERNET) {
		return give(cpu, -ERRNO.EINVAL);
	}
	env.memory.u8.copyWithin(data - metaLength, meta, before);
	put(env, XDP.meta, data - metaLength);
	put(env, XDP.data, data);
	narrow(env);
	give(cpu, 0);
}

export function adjustTail(env: Environment, cpu: Cpu): undefined {
	if (env.run.program !== "xdp") return give(cpu, -ERRNO.EINVAL);
	const before = at(env, XDP.end);
	const end = before + low(cpu, 2);
	if (end > env.run.packetEnd || end < at(env, XDP.data) + ETHERNET) return give(cpu, -ERRNO.EINVAL);
	if (end > before) env.memory.u8.fill(0, before, end);
	put(env, XDP.end, end);
	narrow(env);
	give(cpu, 0);
}

export function adjustMeta(env: Environment, cpu: Cpu): undefined {
	if (env.run.program !== "xdp") return give(cpu, -ERRNO.EINVAL);
	const data = at(env, XDP.data);
	const meta = at(env, XDP.meta) + low(cpu, 2);
	if (meta < env.run.packetStart + FRAME_BYTES || meta > data) return give(cpu, -ERRNO.EINVAL);
	const length = data - meta;
	if (length > MOST_META || length % 4 !== 0) return give(cpu, -ERRNO.EACCES);
	put(env, XDP.meta, meta);
	narrow(env);
	give(cpu, 0);
}

const XDP_REDIRECT = 4;
/** XDP: the verdict that sends it elsewhere; where to is nobody's business in a machine without devices. */
export const redirect = (_env: Environment, cpu: Cpu): undefined => {
	if (high(cpu, 2) !== 0 || low(cpu, 2) !== 0) return give(cpu, 0);
	give(cpu, XDP_REDIRECT);
};

export function xdpLength(env: Environment, cpu: Cpu): undefined {
	give(cpu, at(env, XDP.end) - at(env, XDP.data));
}

/** Beyond that nobody looks whether a packet is so long. */
const MOST_XDP = 0xffff;

/** Bytes [offset, offset + size) of the packet, as an address; what is wrong with them otherwise, negative. */
function xdpBytes(env: Environment, offset: number, size: number): number {
	if (offset > MOST_XDP || size > MOST_XDP) return -ERRNO.EFAULT;
	const data = at(env, XDP.data);
	return data + offset + size > at(env, XDP.end) ? -ERRNO.EINVAL : data + offset;
}

export function loadXdp(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 4);
	const to = writable(env, cpu, 3, size);
	const from = xdpBytes(env, u32(cpu, 2), size);
	if (from < 0) return give(cpu, from);
	env.memory.u8.copyWithin(to, from, from + size);
	give(cpu, 0);
}

export function storeXdp(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 4);
	const from = readable(env, cpu, 3, size);
	const to = xdpBytes(env, u32(cpu, 2), size);
	if (to < 0) return give(cpu, to);
	env.memory.u8.copyWithin(to, from, from + size);
	give(cpu, 0);
}

/** Unlike XDP's, it clears what it cannot fill. */
export function loadSkb(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 4);
	const to = writable(env, cpu, 3, size);
	const data = at(env, SKB.data);
	const offset = u32(cpu, 2);
	const { u8 } = env.memory;
	if (data + offset + size > at(env, SKB.end)) {
		u8.fill(0, to, to + size);
		return give(cpu, -ERRNO.EFAULT);
	}
	u8.copyWithin(to, data + offset, data + offset + size);
	give(cpu, 0);
}

/** LD_ABS and LD_IND: 1, 2 or 4 bytes of the packet in network order, into r0. False: outside. */
export function loadAbsolute(env: Environment, offset: number, size: 1 | 2 | 4, cpu: Cpu): boolean {
	if (env.run.packetEnd === 0 || env.run.program === "xdp") return false;
	const address = at(env, SKB.data) + offset;
	if (offset < 0 || address + size > at(env, SKB.end)) return false;
	const { view } = env.memory;
	cpu.registers[0] =
		size === 1 ? view.getUint8(address) : size === 2 ? view.getUint16(address) : view.getInt32(address);
	cpu.registers[1] = 0;
	return true;
}

/** a + b with the carry added again: never 0 but of zeros, as checksums want it. */
function addCarry(a: number, b: number): number {
	const sum = a + b;
	return sum >= 2 ** 32 ? sum - 2 ** 32 + 1 : sum;
}

/** Sum of the 32-bit words of `to` less those of `from`, on top of a seed; folded to 16 bits. */
export function csumDiff(env: Environment, cpu: Cpu): undefined {
	const fromSize = u32(cpu, 2);
	const toSize = u32(cpu, 4);
	if ((fromSize | toSize) % 4 !== 0) return give(cpu, -ERRNO.EINVAL);
	const from = fromSize === 0 ? 0 : readable(env, cpu, 1, fromSize);
	const to = toSize === 0 ? 0 : readable(env, cpu, 3, toSize);
	const { view } = env.memory;
	const partial = (at: number, size: number, start: number): number => {
		let sum = start;
		for (let i = 0; i < size; i += 4) sum = addCarry(sum, view.getUint32(at + i, true));
		return sum;
	};
	const seed = u32(cpu, 5);
	// Which way to 0 tells 0 and 0xffff apart, so these are Linux's three.
	let sum = seed;
	if (fromSize > 0 && toSize > 0) sum = addCarry(partial(to, toSize, seed), ~partial(from, fromSize, 0) >>> 0);
	else if (toSize > 0) sum = partial(to, toSize, seed);
	else if (fromSize > 0) sum = ~partial(from, fromSize, ~seed >>> 0) >>> 0;
	giveWide(cpu, BigInt(foldSum(sum)));
}

/** 16 bits with carry: what kernels since 6.13 give. */
function foldSum(sum: number): number {
	let folded = (sum & 0xffff) + (sum >>> 16);
	folded = (folded & 0xffff) + (folded >>> 16);
	return folded;
}
