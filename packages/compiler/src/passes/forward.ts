import { type Block, Editor, type Func, formatCore, type Inst, replaceUses, reversePostorder, type Space } from "#ir";
import { isNarrow } from "./bits.ts";
import type { PassContext } from "./context.ts";
import { callEffects, changesMaps } from "./helper-memory.ts";

/** A value that memory is known to hold. */
interface Known {
	readonly base: Inst;
	readonly offset: number;
	readonly size: number;
	/** What a zero-extending load of it gives; absent: all bytes are zero. */
	readonly value: Inst | undefined;
	/** The relocated field that was loaded: its offset is known only at load time. */
	readonly core: string;
}

/** Spaces whose loads may be merged when nothing has written in between. */
const SPACES = new Set<Space>(["stack", "ringbuf", "map_value", "btf", "mem", "packet"]);

/** Loads of what was stored or loaded before, with nothing in between that may have changed it. Exact sizes only. */
export function forwardMemory(func: Func, context: PassContext): number {
	const replaced = new Map<Inst, Inst>();
	const leaving = new Map<Block, Known[]>();
	const editor = new Editor(func);
	const stored = new Set<Inst>();
	for (const b of func.blocks) {
		for (const phi of b.phis)
			for (const a of phi.args) if (a.op === "slot" || a.space === "stack") stored.add(rootOf(a));
		for (const i of b.insts)
			if ((i.op === "store" || i.op === "atomic") && i.args[1]!.space === "stack") stored.add(rootOf(i.args[1]!));
	}
	for (const b of reversePostorder(func)) {
		let known: Known[] = b.predecessors.length === 1 ? [...(leaving.get(b.predecessors[0]!) ?? [])] : [];
		const insts: Inst[] = [];
		const drop = (base: Inst, offset: number, size: number): void => {
			known = known.flatMap((k) => {
				if (!mayTouch(k, base, offset, size)) return [k];
				return k.value || k.base !== base ? [] : restOfZero(k, offset, size);
			});
		};
		for (const i of b.insts) {
			for (let k = 0; k < i.args.length; k++)
				for (let r = replaced.get(i.args[k]!); r; r = replaced.get(r)) i.args[k] = r;
			switch (i.op) {
				case "load": {
					const base = i.args[0]!;
					if (i.shared || !SPACES.has(base.space)) break;
					const core = i.core ? formatCore(i.core) : "";
					const hit = known.find(
						(k) =>
							k.base === base &&
							k.core === core &&
							(k.value
								? k.offset === i.offset && k.size === i.size
								: k.offset <= i.offset && i.offset + i.size <= k.offset + k.size),
					);
					if (hit && !hit.value) {
						const zero = editor.constant(0n, i.width, i);
						insts.push(zero);
						replaced.set(i, zero);
						continue;
					}
					if (hit?.value) {
						const value = asLoaded(i, hit.value, editor, insts);
						if (value) {
							replaced.set(i, value);
							continue;
						}
					} else if (!i.signed) known.push({ base, offset: i.offset, size: i.size, value: i, core });
					break;
				}
				case "store": {
					const [base, value] = i.args as [Inst, Inst];
					drop(base, i.offset, i.size);
					if (
						SPACES.has(base.space) &&
						value.space === "scalar" &&
						(base.space === "stack" || base.space === "ringbuf")
					)
						known.push({ base, offset: i.offset, size: i.size, value, core: "" });
					break;
				}
				case "zero": {
					const base = i.args[0]!;
					drop(base, i.offset, i.size);
					if (base.space === "stack" || base.space === "ringbuf")
						known.push({ base, offset: i.offset, size: i.size, value: undefined, core: "" });
					break;
				}
				case "copy":
					drop(i.args[0]!, i.toOffset, i.size);
					break;
				case "atomic":
					drop(i.args[0]!, i.offset, i.size);
					break;
				case "call":
					known = afterCall(i, known, context, stored);
					break;
			}
			insts.push(i);
		}
		b.insts = insts;
		leaving.set(b, known);
	}
	replaceUses(func, replaced);
	return replaced.size;
}

/** What is still zero of a zeroed range after a write into it. */
function restOfZero(k: Known, offset: number, size: number): Known[] {
	const end = k.offset + k.size;
	const list: Known[] = [];
	if (offset > k.offset) list.push({ ...k, size: offset - k.offset });
	if (offset + size < end) list.push({ ...k, offset: offset + size, size: end - offset - size });
	return list;
}

/** The value as the load would have given it. */
function asLoaded(load: Inst & { op: "load" }, value: Inst, editor: Editor, out: Inst[]): Inst | undefined {
	if (value.space !== load.space) return undefined;
	const bits = load.size * 8;
	if (load.size === 8) return value.width === 64 ? value : isNarrow(value, 32) ? value : undefined;
	if (!load.signed && isNarrow(value, bits)) return value;
	const at = { block: load.block, position: load.position };
	const operation =
		bits === 32 && load.width === 32
			? ({ op: "truncate" } as const)
			: ({ op: "extend", from: bits as 8 | 16 | 32, signed: load.signed } as const);
	const made = editor.make(operation, [value], load.width, at);
	out.push(made);
	return made;
}

function rootOf(i: Inst): Inst {
	let r = i;
	while (r.op === "offset") r = r.args[0]!;
	return r;
}

function mayTouch(k: Known, base: Inst, offset: number, size: number): boolean {
	if (k.base === base && k.core) return true;
	if (k.base === base) return k.offset < offset + size && offset < k.offset + k.size;
	const a = rootOf(k.base);
	const b = rootOf(base);
	if (a.op === "slot" && b.op === "slot") return a.slot === b.slot;
	if (a.op === "slot" || b.op === "slot") return (a.op === "slot" ? b : a).op === "phi" && a.space === b.space;
	return a.space === b.space || a.space === "mem" || b.space === "mem";
}

function afterCall(
	call: Inst & { op: "call" },
	known: readonly Known[],
	context: PassContext,
	stored: ReadonlySet<Inst>,
): Known[] {
	const effects = callEffects(call, context);
	const maps = changesMaps(call);
	const written = new Set<Inst>();
	for (const e of effects) if (e.kind !== "read") written.add(rootOf(call.args[e.argument]!));
	const slots = new Set([...written].map((r) => (r.op === "slot" ? r.slot : undefined)));
	return known.filter((k) => {
		const root = rootOf(k.base);
		if (root.op === "slot")
			return (
				!slots.has(root.slot) &&
				![...stored].some((s) => s.op === "slot" && s.slot === root.slot) &&
				![...written].some((w) => w.op === "phi")
			);
		if (written.has(root)) return false;
		if (k.base.space === "ringbuf") return !maps && ![...written].some((w) => w.space === "ringbuf");
		return !maps && written.size === 0;
	});
}
