import type { Block, Func, Inst, Operation, Position, Size, Slot, Space, Terminator, Width } from "./ir.ts";

/** A local of the source: read and written while building; the builder puts the phis (Braun et al., CC 2013). */
export interface Variable {
	readonly name: string;
	readonly width: Width;
	readonly space: Space;
}

/**
 * Builds one function's graph. Blocks are sealed when all their predecessors are known; a variable read in an
 * unsealed block gets a phi whose operands are filled at sealing.
 */
export class Builder {
	readonly func: Func;
	/** Where new instructions go; undefined after a terminator. */
	block: Block | undefined;
	position: Position | undefined;
	#nextInst = 0;
	#nextBlock = 0;
	#definitions = new Map<Variable, Map<Block, Inst>>();
	#incomplete = new Map<Block, Map<Variable, Inst>>();

	constructor(shape: Omit<Func, "entry" | "blocks" | "slots">) {
		const entry = this.#makeBlock();
		this.func = { ...shape, entry, blocks: [entry], slots: [] };
		entry.sealed = true;
		this.block = entry;
	}

	#makeBlock(): Block {
		return { id: this.#nextBlock++, phis: [], insts: [], terminator: undefined, predecessors: [], sealed: false };
	}

	/** A new block, not yet reached and not yet sealed. */
	newBlock(): Block {
		const b = this.#makeBlock();
		this.func.blocks.push(b);
		return b;
	}

	/** Goes on in `block`. */
	enter(block: Block): void {
		this.block = block;
	}

	/** True while statements can be reached. */
	get reachable(): boolean {
		return this.block !== undefined;
	}

	slot(name: string, size: number, align: Size): Slot {
		const s: Slot = { id: this.func.slots.length, name, size, align, position: this.position };
		this.func.slots.push(s);
		return s;
	}

	/** Appends an instruction. In unreachable code it goes into a block without predecessors, dropped at the end. */
	emit(operation: Operation, args: Inst[], width: Width, space: Space = "scalar"): Inst {
		if (!this.block) {
			this.block = this.newBlock();
			this.block.sealed = true;
		}
		const inst = {
			id: this.#nextInst++,
			width,
			space,
			block: this.block,
			position: this.position,
			args,
			...operation,
		} as Inst;
		if (operation.op === "phi") this.block.phis.push(inst);
		else this.block.insts.push(inst);
		return inst;
	}

	constant(value: bigint | number, width: Width): Inst {
		return this.emit({ op: "const", value: BigInt.asUintN(width, BigInt(value)) }, [], width);
	}

	terminate(terminator: Terminator): void {
		const block = this.block;
		if (!block) return;
		block.terminator = terminator;
		for (const s of successors(terminator)) s.predecessors.push(block);
		this.block = undefined;
	}

	jump(target: Block): void {
		this.terminate({ op: "jump", target, position: this.position });
	}

	/** All predecessors of `block` are known now. */
	seal(block: Block): void {
		if (block.sealed) return;
		block.sealed = true;
		for (const [variable, phi] of this.#incomplete.get(block) ?? []) this.#fillPhi(variable, phi);
		this.#incomplete.delete(block);
	}

	write(variable: Variable, value: Inst, block = this.block): void {
		if (!block) return;
		let d = this.#definitions.get(variable);
		if (!d) {
			d = new Map();
			this.#definitions.set(variable, d);
		}
		d.set(block, value);
		value.name ??= variable.name;
	}

	read(variable: Variable, block = this.block): Inst {
		if (!block) return this.#undefinedValue(variable);
		const known = this.#definitions.get(variable)?.get(block);
		if (known) return known;
		let value: Inst;
		if (!block.sealed) {
			value = this.#newPhi(variable, block);
			let m = this.#incomplete.get(block);
			if (!m) {
				m = new Map();
				this.#incomplete.set(block, m);
			}
			m.set(variable, value);
		} else if (block.predecessors.length === 0) {
			value = this.#undefinedValue(variable);
		} else if (block.predecessors.length === 1) {
			value = this.read(variable, block.predecessors[0]!);
		} else {
			const phi = this.#newPhi(variable, block);
			this.write(variable, phi, block);
			value = this.#fillPhi(variable, phi);
		}
		this.write(variable, value, block);
		return value;
	}

	#newPhi(variable: Variable, block: Block): Inst {
		const phi = {
			id: this.#nextInst++,
			width: variable.width,
			space: variable.space,
			block,
			position: this.position,
			args: [],
			op: "phi",
			name: variable.name,
		} as Inst;
		block.phis.push(phi);
		return phi;
	}

	#fillPhi(variable: Variable, phi: Inst): Inst {
		for (const p of phi.block.predecessors) phi.args.push(this.read(variable, p));
		return phi;
	}

	/** What a variable that was never written reads as: zero. */
	#undefinedValue(variable: Variable): Inst {
		const block = this.func.entry;
		const inst = {
			id: this.#nextInst++,
			width: variable.width,
			space: "scalar",
			block,
			position: this.position,
			args: [],
			op: "const",
			value: 0n,
		} as Inst;
		block.insts.unshift(inst);
		return inst;
	}

	/** Ends building: drops what cannot be reached and phis that choose nothing. The function is valid IR afterwards. */
	finish(): Func {
		for (const b of this.func.blocks) this.seal(b);
		removeUnreachable(this.func);
		removeTrivialPhis(this.func);
		return this.func;
	}
}

export const successors = (t: Terminator | undefined): Block[] =>
	!t ? [] : t.op === "jump" ? [t.target] : t.op === "branch" ? (t.then === t.else ? [t.then] : [t.then, t.else]) : [];

/** Drops blocks without a way from the entry, and their edges in the phis of those that stay. */
export function removeUnreachable(func: Func): void {
	const seen = new Set<Block>([func.entry]);
	const work = [func.entry];
	for (let b = work.pop(); b; b = work.pop())
		for (const s of successors(b.terminator))
			if (!seen.has(s)) {
				seen.add(s);
				work.push(s);
			}
	func.blocks = func.blocks.filter((b) => seen.has(b));
	for (const b of func.blocks) {
		if (b.predecessors.every((p) => seen.has(p))) continue;
		for (const phi of b.phis) phi.args = phi.args.filter((_, i) => seen.has(b.predecessors[i]!));
		b.predecessors = b.predecessors.filter((p) => seen.has(p));
	}
}

/** Replaces phis whose operands are one value (or the phi itself), to the fixed point. */
export function removeTrivialPhis(func: Func): void {
	const replaced = new Map<Inst, Inst>();
	const find = (i: Inst): Inst => {
		let r = i;
		for (let n = replaced.get(r); n; n = replaced.get(r)) r = n;
		return r;
	};
	for (let changed = true; changed; ) {
		changed = false;
		for (const b of func.blocks)
			b.phis = b.phis.filter((phi) => {
				let same: Inst | undefined;
				for (const raw of phi.args) {
					const a = find(raw);
					if (a === phi || a === same) continue;
					if (same) return true;
					same = a;
				}
				if (!same) return true;
				replaced.set(phi, same);
				same.name ??= phi.name!;
				changed = true;
				return false;
			});
	}
	if (replaced.size === 0) return;
	for (const b of func.blocks) {
		for (const i of [...b.phis, ...b.insts]) i.args = i.args.map(find);
		const t = b.terminator;
		if (t && "args" in t) for (let k = 0; k < t.args.length; k++) t.args[k] = find(t.args[k]!);
	}
}
