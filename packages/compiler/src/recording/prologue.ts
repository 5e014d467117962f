import type { Btf } from "@skep/bpf/btf";
import type { RecordingSite } from "@skep/bpf/spec";
import { type KernelType, KernelTypes, type TracepointTable } from "#declare";
import type { CoreAccess, Func, Inst, Size } from "#ir";
import { AT, type Log } from "./log.ts";
import { fieldSite, nameOfTarget } from "./sites.ts";
import type { Weaver } from "./weaver.ts";

/** What a recording is compiled against. */
export interface RecordingTarget {
	readonly kernel: Btf;
	readonly tracepoints: TracepointTable;
}

/** Tasks above the current one whose fields are logged. */
const PARENTS = 4;

/** Header, context, the current task and its parents: what every run logs, at fixed places. */
export function writePrologue(w: Weaver, log: Log, slot: Inst, context: Inst, program: number, t: RecordingTarget) {
	w.store(slot, AT.program, 4, w.constant(program, 32));
	w.store(slot, AT.cpu, 4, w.helper(8, "bpf_get_smp_processor_id", []));
	w.store(slot, AT.time, 8, w.helper(5, "bpf_ktime_get_ns", []));
	w.store(slot, AT.pidTgid, 8, w.helper(14, "bpf_get_current_pid_tgid", []));
	w.store(slot, AT.uidGid, 8, w.helper(15, "bpf_get_current_uid_gid", []));
	w.store(slot, AT.cgroup, 8, w.helper(80, "bpf_get_current_cgroup_id", []));
	w.helper(16, "bpf_get_current_comm", [w.offset(slot, AT.comm), w.constant(16)]);
	w.store(slot, AT.flags, 4, w.constant(0, 32));
	log.begin(writeTasks(w, log, writeContext(w, log, context, t), t.kernel));
}

/** Part of a context: `size` bytes at `offset`. */
interface Piece {
	readonly offset: number;
	readonly size: Size;
}

/** Which programs can be recorded: those whose context is known as bytes, and that may call the helpers. */
export const contextOf = (
	func: Func,
	t: RecordingTarget,
): { site: RecordingSite & { kind: "context" }; pieces: Piece[] } | undefined => {
	const [kind, ...rest] = func.section.split("/");
	if (kind === "tracepoint" && rest.length === 2) return ofTracepoint(rest.join(":"), t.tracepoints);
	if (kind === "tp_btf" || kind === "raw_tp") return ofArguments(rest.join("/"), kind === "tp_btf", t.kernel);
	return undefined;
};

function ofTracepoint(name: string, table: TracepointTable): ReturnType<typeof contextOf> {
	const fields = table.find(name)?.fields;
	if (!fields) return undefined;
	const size = Math.max(8, ...fields.map((f) => f.offset + f.size));
	const pieces: Piece[] = [];
	// The kernel keeps a pointer in the first eight bytes, and nothing may be read behind the last field.
	for (let at = 8; at < size; ) {
		const step = ([8, 4, 2, 1] as const).find((n) => at % n === 0 && at + n <= size)!;
		pieces.push({ offset: at, size: step });
		at += step;
	}
	const pointers = fields.flatMap((f) =>
		f.type.kind === "kernel-ptr" && f.type.struct !== undefined ? [{ offset: f.offset, struct: f.type.struct }] : [],
	);
	return { site: { kind: "context", size, ...(pointers.length > 0 ? { pointers } : {}) }, pieces };
}

function ofArguments(name: string, typed: boolean, kernel: Btf): ReturnType<typeof contextOf> {
	const params = new KernelTypes(kernel).tracepoint(name);
	if (!params) return undefined;
	const pieces: Piece[] = [];
	const pointers: { offset: number; struct: string }[] = [];
	for (const [i, p] of params.entries()) {
		if (!typed || readable(kernel, p.type)) pieces.push({ offset: i * 8, size: 8 });
		const struct = p.type.kind === "pointer" && p.type.struct ? nameOfTarget(kernel, p.typeId) : "";
		if (struct) pointers.push({ offset: i * 8, struct });
	}
	const site = { kind: "context", size: params.length * 8, ...(pointers.length > 0 ? { pointers } : {}) } as const;
	return { site, pieces };
}

/** What the verifier lets be read through a typed context: numbers, and pointers to structs, numbers and void. */
function readable(kernel: Btf, type: KernelType): boolean {
	if (type.kind !== "pointer")
		return type.kind === "int" || type.kind === "enum" || type.kind === "bool" || type.kind === "be";
	const { kind } = kernel.type(kernel.resolve(type.to));
	return kind === "struct" || kind === "union" || kind === "int" || kind === "void";
}

function writeContext(w: Weaver, log: Log, context: Inst, t: RecordingTarget): number {
	const found = contextOf(w.func, t);
	if (!found) return 0;
	const { site, pieces } = found;
	return log.fixed(0, site, site.size, (entry) => {
		const read = new Set(pieces.flatMap((p) => Array.from({ length: p.size }, (_, k) => p.offset + k)));
		for (let at = 0; at < site.size; at += 8) if (!read.has(at)) entry.store(at, 8, w.constant(0));
		for (const p of pieces) entry.store(p.offset, p.size, w.load(context, p.offset, p.size));
	});
}

/** Members by name from a struct on: the access and what stands there. undefined: this kernel has none. */
function accessOf(types: KernelTypes, struct: string, names: readonly string[]) {
	const root = types.struct(struct);
	if (!root) return undefined;
	const path: number[] = [];
	let offset = 0;
	let at = root.id;
	for (const name of names) {
		const m = types.member(at, name);
		if (!m || m.bitSize > 0) return undefined;
		path.push(...m.path);
		offset += m.offset;
		at = m.typeId;
	}
	const core: CoreAccess = { kind: "field_byte_offset", root: root.id, path: [0, ...path] };
	return { core, offset, size: types.btf.sizeOf(types.btf.resolve(at)) };
}

/** The current task and its parents, each with what `current` and chains of a task can tell. */
function writeTasks(w: Weaver, log: Log, start: number, kernel: Btf): number {
	const types = new KernelTypes(kernel);
	let at = start;
	const field = (base: Inst, struct: string, ...names: string[]): Inst | undefined => {
		const access = accessOf(types, struct, names);
		if (!access || (access.size > 8 && access.size % 8 !== 0)) return undefined;
		const { core, offset, size } = access;
		let value: Inst | undefined;
		const site = fieldSite(kernel, core, size);
		at = log.fixed(at, site, 8 + size, (entry) => {
			entry.store(0, 8, base);
			if (size <= 8) {
				value = w.load(base, offset, size as Size, core, site.pointsTo ? "btf" : "scalar");
				entry.store(8, size as Size, value);
				return;
			}
			const from = w.offset(base, offset, core);
			for (let k = 0; k < size; k += 8) entry.store(8 + k, 8, w.load(from, k, 8));
		});
		return value;
	};
	const current = w.helper(158, "bpf_get_current_task_btf", [], "btf");
	at = log.fixed(at, { kind: "current" }, 8, (entry) => entry.store(0, 8, current));
	let task: Inst | undefined = current;
	for (let level = 0; task && level <= PARENTS; level++) {
		for (const name of ["pid", "tgid", "comm"]) field(task, "task_struct", name);
		const cred = field(task, "task_struct", "cred");
		if (cred) for (const name of ["uid", "gid"]) field(cred, "cred", name, "val");
		const set = field(task, "task_struct", "cgroups");
		const group = set && field(set, "css_set", "dfl_cgrp");
		const node = group && field(group, "cgroup", "kn");
		if (node) field(node, "kernfs_node", "id");
		if (level < PARENTS) task = field(task, "task_struct", "real_parent");
	}
	return at;
}
