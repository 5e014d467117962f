import { NotSupportedError } from "#base";
import { type Btf, BtfBuilder } from "#btf";
import type { Kernel } from "#kernel";
import { MAP_FLAGS, PROG_FLAGS } from "#uapi";
import { loadBtf } from "../btf.ts";
import { attachStructOps } from "../link/struct-ops.ts";
import { attachReplacement } from "../link/tracing.ts";
import { BpfMap } from "../map.ts";
import { Program } from "../program.ts";
import { kernelTypes, slot } from "./ask.ts";
import { probeLink } from "./link.ts";

/** Types of a program `entry(ctx)` that calls `part(number)`, which can be replaced. */
function twoFunctions(): { readonly bytes: Uint8Array; readonly entry: number; readonly part: number } {
	const types = new BtfBuilder();
	const int = types.add({
		kind: "int",
		name: "int",
		size: 4,
		bits: 32,
		offset: 0,
		signed: true,
		char: false,
		bool: false,
	});
	const context = types.add({ kind: "struct", name: "xdp_md", size: 0, members: [] });
	const pointer = types.add({ kind: "ptr", type: context });
	const entryType = types.add({ kind: "func_proto", ret: int, params: [{ name: "ctx", type: pointer }] });
	const partType = types.add({ kind: "func_proto", ret: int, params: [{ name: "number", type: int }] });
	const entry = types.add({ kind: "func", name: "entry", type: entryType, linkage: "global" });
	const part = types.add({ kind: "func", name: "part", type: partType, linkage: "global" });
	return { bytes: types.encode(), entry, part };
}

const EXIT = slot(0x95);
const functions = (...rows: readonly (readonly [slot: number, type: number])[]): Uint8Array =>
	new Uint8Array(new Uint32Array(rows.flat()).buffer);

/** Loads a program, and for a moment puts another in the place of its function. */
export function tryReplacement(kernel: Kernel): void {
	const { bytes, entry, part } = twoFunctions();
	using btf = loadBtf(kernel, bytes);
	const own = (funcInfo: Uint8Array) => ({
		fd: btf.number,
		funcInfo,
		funcRecordSize: 8,
		lineInfo: new Uint8Array(0),
		lineRecordSize: 16,
	});
	using target = Program.load(kernel, {
		name: "skep_trial",
		type: "xdp",
		license: "GPL",
		btf: own(functions([0, entry], [3, part])),
		// entry: return part(5); part: return number
		insns: new Uint8Array([
			...slot(0xb7, 1, 0, 0, 5),
			...slot(0x85, 0, 1, 0, 1),
			...EXIT,
			...slot(0xbf, 0, 1),
			...EXIT,
		]),
	});
	using program = Program.load(kernel, {
		name: "skep_trial",
		type: "ext",
		license: "GPL",
		attachProgFd: target.fd.number,
		attachBtfId: part,
		btf: own(functions([0, part])),
		insns: new Uint8Array([...slot(0xbf, 0, 1), ...EXIT]),
	});
	attachReplacement(program, { target: "a function of a program" }).close();
}

/** Members of tcp_congestion_ops that the kernel demands, and what a program in their place returns. One row a member. */
const DEMANDED = { ssthresh: 2, cong_avoid: 0, undo_cwnd: 2 } as const;
/** Named so for the moment that it is there. */
const NAME = "skep_trial";

/** Registers a congestion control for a moment, in which nobody uses it. */
export function tryCongestionControl(kernel: Kernel): void {
	const types = kernelTypes(kernel);
	const inner = types?.find("tcp_congestion_ops", "struct");
	const outer = types?.find("bpf_struct_ops_tcp_congestion_ops", "struct");
	if (!types || inner === undefined || outer === undefined)
		throw new NotSupportedError("struct_ops of congestion controls", "the kernel's types (BTF) do not name them");
	const ops = membersOf(types, inner);
	const data = placeOf(membersOf(types, outer), "data");
	const value = new Uint8Array(types.sizeOf(outer) ?? 0);
	const programs: Program[] = [];
	try {
		for (const [member, result] of Object.entries(DEMANDED)) {
			const program = Program.load(kernel, {
				name: NAME,
				type: "struct_ops",
				license: "GPL",
				attachBtfId: inner,
				memberIndex: ops.findIndex((each) => each.name === member),
				insns: new Uint8Array([...slot(0xb7, 0, 0, 0, result), ...EXIT]),
			});
			programs.push(program);
			new DataView(value.buffer).setBigUint64(data + placeOf(ops, member), BigInt(program.fd.number), true);
		}
		value.set(new TextEncoder().encode(NAME), data + placeOf(ops, "name"));
		using objectTypes = loadBtf(kernel, twoFunctions().bytes);
		using map = BpfMap.create(kernel, {
			name: NAME,
			type: "struct_ops",
			keySize: 4,
			valueSize: value.length,
			maxEntries: 1,
			flags: probeLink(kernel, "struct_ops") === "yes" ? MAP_FLAGS.BPF_F_LINK : 0,
			btf: { fd: objectTypes.number, key: 0, value: 0 },
			kernelValue: { type: outer },
		});
		attachStructOps(map, value).close();
	} finally {
		for (const program of programs) program.close();
	}
}

function membersOf(types: Btf, id: number) {
	const type = types.type(id);
	return type.kind === "struct" ? type.members : [];
}

function placeOf(members: ReturnType<typeof membersOf>, name: string): number {
	const found = members.find((each) => each.name === name);
	if (!found) throw new NotSupportedError(`member ${name}`, "the kernel's struct has none of that name");
	return found.bitOffset / 8;
}

/** Runs a program of type syscall, which hangs on nothing. */
export function tryRun(kernel: Kernel): void {
	using program = Program.load(kernel, {
		name: "skep_trial",
		type: "syscall",
		license: "GPL",
		flags: PROG_FLAGS.BPF_F_SLEEPABLE,
		insns: new Uint8Array([...slot(0xb7), ...EXIT]),
	});
	program.testRun();
}
