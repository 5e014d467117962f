import { type Attributes, ERRNO } from "@skep/bpf/kernel";
import {
	argumentsInput,
	bytesInput,
	HOOKS,
	LOOPBACK,
	MOST_ARGUMENTS,
	MOST_BYTES,
	MOST_PACKET,
	MOST_SKB,
	skbInput,
	XDP_MD_SIZE,
	xdpInput,
	xdpPacket,
} from "#hooks";
import { idOf } from "./descriptors.ts";
import { runProgram } from "./run.ts";
import type { System } from "./system.ts";
import type { ProgramState } from "./tables.ts";

type TestRun = Attributes["PROG_TEST_RUN"];

const ETHERNET = 14;
/** Seventeen more pages: what Linux puts of a long packet into fragments, which a program without them does not see. */
const MOST_FRAGMENTS = 17 * 4096;
const ON_CPU = 1;
const LIVE_FRAMES = 2;
const CHECKSUM = 4;

/** PROG_TEST_RUN. @throws VmFault where the program did what a verifier would not have let pass */
export function testRun(system: System, attr: TestRun): number {
	const id = idOf(system, attr.prog_fd, "program");
	if (id < 0) return id;
	const program = system.tables.programs.get(id)!;
	if (!HOOKS[program.type]!.testRun) return -ERRNO.ENOTSUPP;
	switch (HOOKS[program.type]!.context) {
		case "xdp":
			return runXdp(system, program, attr);
		case "skb":
			return runSkb(system, program, attr);
		case "arguments":
			return runArguments(system, program, attr);
		case "bytes":
			return runBytes(system, program, attr);
		case "record":
			return -ERRNO.ENOTSUPP;
	}
}

/** What comes back of packet and context: cut where the caller's buffer ends, which is said by -ENOSPC. */
function finish(attr: TestRun, retval: number, data: Uint8Array, ctx: Uint8Array): number {
	let result = 0;
	attr.retval = retval;
	attr.duration = 0;
	attr.data_size_out = data.length;
	attr.ctx_size_out = attr.ctx_out ? ctx.length : 0;
	if (attr.data_out) {
		if (attr.data_out.length < data.length) result = -ERRNO.ENOSPC;
		attr.data_out.set(data.subarray(0, attr.data_out.length));
	}
	if (attr.ctx_out) {
		if (attr.ctx_out.length < ctx.length) result = -ERRNO.ENOSPC;
		attr.ctx_out.set(ctx.subarray(0, attr.ctx_out.length));
	}
	return result;
}

function runXdp(system: System, program: ProgramState, attr: TestRun): number {
	const flags = attr.flags ?? 0;
	if ((flags & ~LIVE_FRAMES) !== 0 || ((flags & LIVE_FRAMES) === 0 && (attr.batch_size ?? 0) !== 0))
		return -ERRNO.EINVAL;
	// Frames that go on into a network: this machine has none.
	if ((flags & LIVE_FRAMES) !== 0) return -ERRNO.ENOTSUPP;
	const data = attr.data_in ?? new Uint8Array(0);
	if (data.length < ETHERNET) return -ERRNO.EINVAL;
	const given = attr.ctx_in;
	const md = new DataView(new ArrayBuffer(XDP_MD_SIZE));
	if (given) {
		const beyond = given.subarray(XDP_MD_SIZE).some((byte) => byte !== 0);
		if (beyond) return -ERRNO.E2BIG;
		new Uint8Array(md.buffer).set(given.subarray(0, XDP_MD_SIZE));
	}
	const meta = md.getUint32(0, true);
	const end = md.getUint32(4, true);
	const device = { ifindex: md.getUint32(12, true), queue: md.getUint32(16, true) };
	if (given) {
		if (md.getUint32(8, true) !== 0 || end > data.length || (end !== 0 && meta > end)) return -ERRNO.EINVAL;
		if (meta > 252 || meta % 4 !== 0 || md.getUint32(20, true) !== 0) return -ERRNO.EINVAL;
		if (device.ifindex === 0 && device.queue !== 0) return -ERRNO.EINVAL;
		if (device.ifindex > system.tables.devices.length) return -ERRNO.ENODEV;
		if (device.queue > 0) return -ERRNO.EINVAL;
	}
	const from = { ...device, ifindex: device.ifindex || LOOPBACK };
	// What is past the end that the context names is a fragment.
	const linear = Math.min(end === 0 ? data.length : end, MOST_PACKET + meta);
	const rest = data.subarray(linear);
	if (rest.length > MOST_FRAGMENTS) return -ERRNO.ENOMEM;
	const cpu = system.cpus[system.home]!;
	let packet = data.subarray(0, linear);
	let retval = 0;
	let metaLeft = meta;
	const { memory } = system;
	for (let left = Math.max(attr.repeat ?? 0, 1); left > 0; left--) {
		const input = xdpInput(memory, system.scratch[system.home]!, packet, from.ifindex, from.queue, metaLeft);
		if (input.context === 0) return -ERRNO.ENOMEM;
		retval = runProgram(system, program, input, cpu, 0n);
		const after = xdpPacket(memory, input.context);
		// What one run made of the packet is the next one's; head and tail go back to where they were.
		if (left === 1) {
			packet = memory.u8.slice(after.at, after.at + after.length);
			metaLeft = after.meta;
		} else packet = again(memory.u8, input.packetStart, linear, meta);
	}
	const whole = rest.length === 0 ? packet : joined(packet, rest);
	const ctx = new DataView(new ArrayBuffer(XDP_MD_SIZE));
	ctx.setUint32(0, metaLeft, true);
	ctx.setUint32(4, whole.length, true);
	ctx.setUint32(12, device.ifindex, true);
	ctx.setUint32(16, device.queue, true);
	return finish(attr, retval, whole, new Uint8Array(ctx.buffer));
}

const HEADROOM = 256;
const again = (u8: Uint8Array, start: number, length: number, meta: number): Uint8Array => {
	const first = start + HEADROOM - meta;
	return u8.slice(first, first + length);
};

function joined(one: Uint8Array, two: Uint8Array): Uint8Array {
	const all = new Uint8Array(one.length + two.length);
	all.set(one);
	all.set(two, one.length);
	return all;
}

/** By Ethernet's protocol: IPv4, IPv6. */
const LEAST_BYTES: Readonly<Record<number, number>> = { 2048: 20, 34525: 40 };

function runSkb(system: System, program: ProgramState, attr: TestRun): number {
	if (((attr.flags ?? 0) & ~CHECKSUM) !== 0 || (attr.cpu ?? 0) !== 0 || (attr.batch_size ?? 0) !== 0)
		return -ERRNO.EINVAL;
	const data = attr.data_in ?? new Uint8Array(0);
	if (data.length < ETHERNET || data.length > MOST_SKB) return -ERRNO.EINVAL;
	// An IP packet has its header at least.
	const protocol = (data[12]! << 8) | data[13]!;
	if (data.length - ETHERNET < (LEAST_BYTES[protocol] ?? 0)) return -ERRNO.EINVAL;
	const whole = program.type === "sched_cls" || program.type === "sched_act";
	const { memory } = system;
	let retval = 0;
	let out = new Uint8Array(0);
	let ctx = new Uint8Array(0);
	for (let left = Math.max(attr.repeat ?? 0, 1); left > 0; left--) {
		const input = skbInput(memory, system.scratch[system.home]!, data, whole);
		if (input.context === 0) return -ERRNO.ENOMEM;
		retval = runProgram(system, program, input, system.cpus[system.home]!, 0n);
		const at = memory.view.getUint32(input.context + 76, true);
		const first = whole ? at : at - ETHERNET;
		out = memory.u8.slice(first, first + data.length);
		ctx = memory.u8.slice(input.context, input.context + input.contextSize);
	}
	// Who saw no Ethernet header gets none back.
	if (!whole) out.fill(0, 0, ETHERNET);
	return finish(attr, retval, out, ctx);
}

function runArguments(system: System, program: ProgramState, attr: TestRun): number {
	const flags = attr.flags ?? 0;
	if (attr.data_in?.length || attr.data_out?.length || attr.ctx_out?.length || attr.repeat || attr.batch_size)
		return -ERRNO.EINVAL;
	const size = attr.ctx_in?.length ?? 0;
	if (size > MOST_ARGUMENTS * 8) return -ERRNO.EINVAL;
	if ((flags & ~ON_CPU) !== 0 || ((flags & ON_CPU) === 0 && (attr.cpu ?? 0) !== 0)) return -ERRNO.EINVAL;
	const cpu = system.cpus[attr.cpu ?? system.home];
	if (!cpu) return -ERRNO.ENXIO;
	const bytes = new Uint8Array(Math.ceil(size / 8) * 8);
	if (attr.ctx_in) bytes.set(attr.ctx_in);
	const words = new BigUint64Array(bytes.buffer);
	const input = argumentsInput(system.memory, system.scratch[cpu.id]!, [...words]);
	if (input.context === 0) return -ERRNO.ENOMEM;
	attr.retval = runProgram(system, program, input, cpu, 0n);
	attr.data_size_out = 0;
	attr.ctx_size_out = 0;
	return 0;
}

/** The context comes back in the caller's own buffer. */
function runBytes(system: System, program: ProgramState, attr: TestRun): number {
	const { data_in, data_out, ctx_out, repeat, flags, batch_size, ctx_in = new Uint8Array(0) } = attr;
	if (data_in?.length || data_out?.length || ctx_out?.length || repeat || flags || batch_size) return -ERRNO.EINVAL;
	if (ctx_in.length > MOST_BYTES) return -ERRNO.EINVAL;
	const { memory } = system;
	const input = bytesInput(memory, system.scratch[system.home]!, ctx_in);
	if (input.context === 0) return -ERRNO.ENOMEM;
	attr.retval = runProgram(system, program, input, system.cpus[system.home]!, 0n);
	ctx_in.set(memory.u8.subarray(input.context, input.context + ctx_in.length));
	attr.data_size_out = 0;
	attr.ctx_size_out = 0;
	return 0;
}
