import { LinkError } from "#base";
import type { CollectionSpec, FunctionSpec, LineInfo, OuterReference, ProgramSpec } from "#spec";

const LD_IMM64 = 0x18;
const CALL = 0x85;
const PSEUDO_CALL = 1;
const PSEUDO_FUNC = 4;

/** A function and where it begins in the joined instructions. */
export interface PlacedFunction {
	readonly spec: FunctionSpec;
	readonly slot: number;
}

export interface Joined {
	/** Own copy. */
	readonly insns: Uint8Array;
	readonly functions: readonly PlacedFunction[];
	readonly references: readonly OuterReference[];
	readonly lines: readonly LineInfo[];
}

/** Instructions of one program that a kernel takes at most. */
const MAX_SLOTS = 1_000_000;

/**
 * A program with every function it reaches behind it, each once, in the order they are first met; calls become relative,
 * addresses of callbacks too.
 * @throws LinkError for a function that the object does not have, or a reference from another instruction
 */
export function joinSubprograms(spec: CollectionSpec, program: ProgramSpec): Joined {
	const functions: PlacedFunction[] = [];
	const slots = new Map<string, number>();
	let length = 0;
	const place = (f: FunctionSpec): void => {
		slots.set(f.name, length);
		functions.push({ spec: f, slot: length });
		if (f.insns.length % 8 !== 0)
			throw new LinkError(`${f.name} has ${f.insns.length} bytes, expected a multiple of 8`, { symbol: f.name });
		length += f.insns.length / 8;
		if (length > MAX_SLOTS)
			throw new LinkError(`${program.name} has, with its functions, more than ${MAX_SLOTS} instructions`, {
				symbol: program.name,
			});
	};
	place(program);
	// The list grows while it is walked.
	for (let i = 0; i < functions.length; i++) {
		const from = functions[i]!.spec;
		const meet = (name: string, insn?: number): void => {
			if (slots.has(name)) return;
			const callee = spec.functions.get(name) ?? spec.programs.get(name);
			if (!callee)
				throw new LinkError(`${from.name} calls ${name}, which the object does not have`, {
					symbol: name,
					...(insn === undefined ? {} : { insn }),
				});
			place(callee);
		};
		for (const r of from.references) if (r.kind === "function") meet(r.function, r.slot);
		// The verifier finds it by the tag in the BTF; no instruction refers to it.
		if (from.exceptionCallback !== undefined) meet(from.exceptionCallback);
	}

	const insns = new Uint8Array(length * 8);
	const view = new DataView(insns.buffer);
	const references: OuterReference[] = [];
	const lines: LineInfo[] = [];
	for (const { spec: f, slot: start } of functions) {
		insns.set(f.insns, start * 8);
		for (const l of f.lines) lines.push({ ...l, slot: l.slot + start });
		for (const r of f.references) {
			const slot = r.slot + start;
			if (r.slot < 0 || r.slot >= f.insns.length / 8)
				throw new LinkError(`a reference at instruction ${r.slot} of ${f.name}, which has ${f.insns.length / 8}`, {
					symbol: f.name,
					insn: r.slot,
				});
			if (r.kind !== "function") {
				references.push({ ...r, slot });
				continue;
			}
			const code = insns[slot * 8]!;
			const registers = slot * 8 + 1;
			if (code === CALL) insns[registers] = (insns[registers]! & 0x0f) | (PSEUDO_CALL << 4);
			else if (code === LD_IMM64) {
				insns[registers] = (insns[registers]! & 0x0f) | (PSEUDO_FUNC << 4);
				view.setInt32(slot * 8 + 12, 0, true);
			} else
				throw new LinkError(
					`instruction 0x${code.toString(16)} refers to the function ${r.function}, expected call or ld_imm64`,
					{
						symbol: r.function,
						insn: r.slot,
					},
				);
			view.setInt32(slot * 8 + 4, slots.get(r.function)! - slot - 1, true);
		}
	}
	return { insns, functions, references, lines };
}
