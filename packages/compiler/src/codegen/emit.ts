import { encode, type Instruction, insn } from "@skep/bpf/isa";
import type { CoreAccess, Func, Position } from "#ir";
import type { JumpCondition, Machine, MachineBlock } from "./machine.ts";
import type { CompiledFunction, CompiledReference } from "./output.ts";

const OPPOSITE: Partial<Record<JumpCondition, JumpCondition>> = {
	eq: "ne",
	ne: "eq",
	gt: "le",
	le: "gt",
	ge: "lt",
	lt: "ge",
	sgt: "sle",
	sle: "sgt",
	sge: "slt",
	slt: "sge",
};

/** A jump whose target is not known yet. `long`: `gotol`. */
interface Fix {
	readonly at: number;
	readonly target: MachineBlock;
}

/** A jump is farther than its field reaches. */
export class JumpRangeError extends Error {}

/** Instructions with resolved jumps, and what refers to them by slot. */
export function emit(func: Func, order: readonly MachineBlock[], stack: number, cpu: "v3" | "v4"): CompiledFunction {
	const list: Instruction[] = [];
	const slots: number[] = [];
	const references: CompiledReference[] = [];
	const core: { slot: number; access: CoreAccess }[] = [];
	const lines: { slot: number; position: Position }[] = [];
	const starts = new Map<MachineBlock, number>();
	const fixes: Fix[] = [];
	let slot = 0;
	let line: Position | undefined;
	const push = (i: Instruction): void => {
		slots.push(slot);
		list.push(i);
		slot += i.immHigh === undefined ? 1 : 2;
	};
	const operand = (m: Machine): { reg: number } | { imm: number } => (m.src >= 0 ? { reg: m.src } : { imm: m.imm });
	const jump = (target: MachineBlock): void => {
		fixes.push({ at: list.length, target });
		push(insn.ja(0));
	};

	const one = (m: Machine, next: MachineBlock | undefined): void => {
		if (m.core) core.push({ slot: m.kind === "place" ? slot + 1 : slot, access: m.core });
		const offset = (m.place?.offset ?? 0) + m.offset;
		switch (m.kind) {
			case "move":
				push(insn.mov(64, m.dst, { reg: m.src }));
				return;
			case "move32":
				push(insn.mov(32, m.dst, { reg: m.src }));
				return;
			case "imm":
				push(insn.mov(m.width, m.dst, { imm: m.imm }));
				return;
			case "wide":
				push(insn.loadImm64(m.dst, m.value!));
				return;
			case "ref":
				references.push({ slot, ...m.reference! } as CompiledReference);
				push(insn.loadImm64(m.dst, 0n));
				return;
			case "core":
				push(
					m.width === 64
						? insn.loadImm64(m.dst, m.value!)
						: insn.mov(32, m.dst, { imm: Number(BigInt.asIntN(32, m.value!)) }),
				);
				return;
			case "place":
				push(insn.mov(64, m.dst, { reg: 10 }));
				push(insn.alu("add", 64, m.dst, { imm: offset }));
				return;
			case "alu":
				push(insn.alu(m.operator!, m.width, m.dst, operand(m)));
				return;
			case "neg":
				push(insn.neg(m.width, m.dst));
				return;
			case "swap":
				push(insn.endian("be", m.imm as 16 | 32 | 64, m.dst));
				return;
			case "movsx":
				push(insn.movsx(m.width, (m.size * 8) as 8 | 16 | 32, m.dst, m.src));
				return;
			case "load":
				push(insn.load(m.size, m.dst, m.src, offset, { signed: m.signed === true }));
				return;
			case "store":
				push(insn.store(m.size, m.dst, offset, operand(m)));
				return;
			case "atomic":
				push(insn.atomic(m.atomic!, m.size as 4 | 8, m.dst, offset, m.src, { fetch: m.fetch === true }));
				return;
			case "call": {
				const c = m.callee!;
				if (c.kind === "helper") push(insn.call(c.id));
				else {
					references.push(
						c.kind === "function"
							? { slot, kind: "function", function: c.name }
							: { slot, kind: "kfunc", name: c.name },
					);
					push(insn.callFunction(-1));
				}
				return;
			}
			case "set": {
				push(insn.mov(32, m.dst, { imm: 1 }));
				push(insn.jump(m.condition!, m.width, m.src, m.src2 >= 0 ? { reg: m.src2 } : { imm: m.imm }, 1));
				push(insn.mov(32, m.dst, { imm: 0 }));
				return;
			}
			case "exit":
				push(insn.exit());
				return;
			case "jump":
				if (m.then === next) return;
				if (m.then!.insts.length === 1 && m.then!.insts[0]!.kind === "exit") push(insn.exit());
				else jump(m.then!);
				return;
			case "branch": {
				const opposite = OPPOSITE[m.condition!];
				if (m.then === next && !opposite) {
					push(insn.jump(m.condition!, m.width, m.dst, operand(m), 1));
					jump(m.else!);
					return;
				}
				const inverted = m.then === next;
				fixes.push({ at: list.length, target: inverted ? m.else! : m.then! });
				push(insn.jump(inverted ? opposite! : m.condition!, m.width, m.dst, operand(m), 0));
				if (!inverted && m.else !== next) jump(m.else!);
				return;
			}
		}
	};

	order.forEach((b, k) => {
		starts.set(b, slot);
		for (const m of b.insts) {
			const p = m.position ?? line ?? func.position ?? { file: 0, line: 1, column: 1 };
			const at = slot;
			one(m, order[k + 1]);
			if (slot === at) continue;
			if (!line || p.file !== line.file || p.line !== line.line || p.column !== line.column) {
				lines.push({ slot: at, position: p });
				line = p;
			}
		}
	});
	for (const f of fixes) {
		const i = list[f.at]!;
		const distance = starts.get(f.target)! - slots[f.at]! - 1;
		if (distance >= -32768 && distance <= 32767) list[f.at] = { ...i, offset: distance };
		else if (i.opcode === 0x05 && cpu === "v4") list[f.at] = insn.jaLong(distance);
		else throw new JumpRangeError(`a jump of ${distance} instructions; 32767 is the farthest`);
	}
	return { func, insns: encode(list), references, core, lines, stack };
}
