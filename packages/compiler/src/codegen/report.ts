import type { Btf } from "@skep/bpf/btf";
import { decode, rowOf, slotsOf } from "@skep/bpf/isa";
import { helper, ITERATORS, LINK_TYPES } from "@skep/bpf/uapi";
import type { Block, CoreAccess, Func, Inst, Module, Position } from "#ir";
import type { CompiledFunction } from "./output.ts";

/** Something in the object that the source does not say, and why it is there. */
export interface Insertion {
	readonly function: string | undefined;
	readonly position: Position | undefined;
	readonly what: string;
}

/** What needs a kernel of its own, where it is used first. */
export interface Need {
	/** Mainline version. */
	readonly since: string;
	/** A word of the vocabulary, or what became of some. */
	readonly word: string;
	readonly position: Position;
}

/** What stands in the IR and not in the source: zeroing, null checks, loss counters, how kernel fields are read. In order of the IR. */
export function insertions(module: Module, kernel: Btf): Insertion[] {
	const found: Insertion[] = [];
	for (const f of module.functions) {
		for (const b of f.blocks)
			for (const i of b.insts) {
				const what = insertionOf(i, module, kernel);
				if (what !== undefined) found.push({ function: f.name, position: i.position, what });
			}
	}
	for (const m of module.manifest.maps)
		if (m.lost)
			found.push({
				function: undefined,
				position: module.maps.find((d) => d.name === m.name)?.position,
				what: `a counter of records lost in \`${m.name}\`, one a CPU: ${m.lost.map}[${m.lost.key}]`,
			});
	return found;
}

function insertionOf(i: Inst, module: Module, kernel: Btf): string | undefined {
	if (i.op === "zero") {
		const [base] = i.args;
		const where = base?.op === "slot" ? ` of \`${base.slot.name}\` on the stack` : "";
		const record = base?.op === "call" && base.callee.name === "bpf_ringbuf_reserve" ? " of the record" : "";
		return `${i.size} bytes${where}${record} zeroed: what is not assigned says nothing of the kernel's memory`;
	}
	if (i.op === "load" && i.core !== undefined)
		return `${chainOf(i.core, kernel)}: loaded directly, its place found at load time (CO-RE)`;
	if (i.op === "core") return `${i.core.kind.replaceAll("_", " ")}: a number that the loader fills in (CO-RE)`;
	if (i.op !== "call" || i.callee.kind !== "helper") return undefined;
	const { name } = i.callee;
	if (name === "bpf_ringbuf_reserve") {
		const [map] = i.args;
		const of = map?.op === "map" ? ` in \`${map.map}\`` : "";
		const lost = module.manifest.maps.some((m) => map?.op === "map" && m.name === map.map && m.lost !== undefined);
		return `a record${of} reserved and checked for null${lost ? "; where it is, the loss is counted" : ""}`;
	}
	if (/^bpf_probe_read/.test(name)) {
		const from = i.args[2];
		const chain = from?.op === "offset" && from.core !== undefined ? `${chainOf(from.core, kernel)}: ` : "";
		return `${chain}${name}: a read that may fault, zero where it does`;
	}
	return undefined;
}

/** `task_struct.real_parent`, as the kernel names the members. */
function chainOf(access: CoreAccess, kernel: Btf): string {
	let id = kernel.resolve(access.root);
	let text = kernel.name(id) || "?";
	for (const index of access.path.slice(1)) {
		const type = kernel.type(id);
		if (type.kind === "struct" || type.kind === "union") {
			const member = type.members[index];
			if (member === undefined) return text;
			if (member.name !== "") text += `.${member.name}`;
			id = kernel.resolve(member.type);
		} else if (type.kind === "array") {
			text += `[${index}]`;
			id = kernel.resolve(type.type);
		} else return text;
	}
	return text;
}

/** By ways to attach and instructions as they were emitted; the first use of each, in no order. Words of the vocabulary come on top. */
export function kernelNeeds(module: Module, functions: readonly CompiledFunction[]): Need[] {
	const found = new Map<string, Need>();
	const add = (since: string, word: string, position: Position | undefined): void => {
		if (!found.has(word)) found.set(word, { since, word, position: position ?? { file: 0, line: 1, column: 1 } });
	};
	if (module.globals.length > 0) add("5.2", "global variables", undefined);
	for (const f of functions) {
		if (f.func.section === "xdp" || f.func.section.startsWith("xdp"))
			add(LINK_TYPES.xdp.since, "attaching xdp by a link", f.func.position);
		const iterator = /^iter(?:\.s)?\/(.*)/.exec(f.func.section)?.[1];
		if (iterator !== undefined) add(ITERATORS[iterator]?.since ?? "5.8", `iterator ${iterator}`, f.func.position);
		if (f.func.section.startsWith("raw_tp")) add("4.17", "attaching to raw tracepoints", f.func.position);
		if (f.core.length > 0) add("5.4", "CO-RE, which reads /sys/kernel/btf/vmlinux", lineOf(f, f.core[0]!.slot));
		if (f.func.section === ".text") add("4.16", "functions that are called", f.func.position);
		addInstructions(f, add);
		addDirectLoads(f.func, add);
		const loop = loopIn(f.func);
		if (loop) add("5.3", "a bounded loop", loop.terminator?.position ?? f.func.position);
	}
	return [...found.values()];
}

function addInstructions(
	f: CompiledFunction,
	add: (since: string, word: string, position: Position | undefined) => void,
): void {
	let slot = 0;
	for (const i of decode(f.insns)) {
		const row = rowOf(i);
		if (row.name === "call_helper") {
			const called = helper(i.imm);
			if (called !== undefined) add(called.since, `helper bpf_${called.name}`, lineOf(f, slot));
		} else if (row.since !== "3.18" && row.since !== "") {
			add(row.since, `instructions of ${row.since}`, lineOf(f, slot));
		}
		slot += slotsOf(i);
	}
}

function addDirectLoads(f: Func, add: (since: string, word: string, position: Position | undefined) => void): void {
	for (const b of f.blocks)
		for (const i of b.insts)
			if (i.op === "load" && i.args[0]?.space === "btf") {
				add("5.5", "kernel pointers loaded directly", i.position);
				return;
			}
}

/** A block that a jump leads back to; undefined: every way goes forward. */
function loopIn(f: Func): Block | undefined {
	const successors = (b: Block): Block[] => {
		const t = b.terminator;
		return t?.op === "jump" ? [t.target] : t?.op === "branch" ? [t.then, t.else] : [];
	};
	const seen = new Set<Block>([f.entry]);
	const open = new Set<Block>([f.entry]);
	const path: { readonly block: Block; readonly left: Block[] }[] = [{ block: f.entry, left: successors(f.entry) }];
	for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
		const next = top.left.pop();
		if (next === undefined) {
			open.delete(top.block);
			path.pop();
		} else if (open.has(next)) return next;
		else if (!seen.has(next)) {
			seen.add(next);
			open.add(next);
			path.push({ block: next, left: successors(next) });
		}
	}
	return undefined;
}

function lineOf(f: CompiledFunction, slot: number): Position | undefined {
	return f.lines.findLast((line) => line.slot <= slot)?.position;
}
