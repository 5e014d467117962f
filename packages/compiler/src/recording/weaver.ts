import {
	type Block,
	type Condition,
	type CoreAccess,
	Editor,
	type Func,
	type Inst,
	type Operation,
	type Position,
	type Size,
	type Slot,
	type Space,
	successors,
	type Width,
} from "#ir";

/** Writes a built function anew, block by block: what stood there, and what is put between, in blocks of its own. */
export class Weaver {
	readonly func: Func;
	position: Position | undefined;
	/** Where instructions go. */
	block: Block;
	readonly #editor: Editor;
	#nextBlock: number;
	#nextSlot: number;

	constructor(func: Func) {
		this.func = func;
		this.position = func.position;
		this.block = func.entry;
		this.#editor = new Editor(func);
		this.#nextBlock = Math.max(...func.blocks.map((b) => b.id)) + 1;
		this.#nextSlot = Math.max(-1, ...func.slots.map((s) => s.id)) + 1;
	}

	newBlock(): Block {
		const b: Block = {
			id: this.#nextBlock++,
			phis: [],
			insts: [],
			terminator: undefined,
			predecessors: [],
			sealed: true,
		};
		this.func.blocks.push(b);
		return b;
	}

	/** An instruction that stood in the function already. */
	keep(i: Inst): void {
		i.block = this.block;
		this.block.insts.push(i);
	}

	emit(operation: Operation, args: Inst[], width: Width, space: Space = "scalar"): Inst {
		const i = this.#editor.make(operation, args, width, this, space);
		this.block.insts.push(i);
		return i;
	}

	/** A phi at the head of the block, with operands in the order of its predecessors. */
	phi(args: Inst[], width: Width): Inst {
		const i = this.#editor.make({ op: "phi" }, args, width, this);
		this.block.phis.push(i);
		return i;
	}

	constant(value: number | bigint, width: Width = 64): Inst {
		return this.emit({ op: "const", value: BigInt.asUintN(width, BigInt(value)) }, [], width);
	}

	binary(operator: (Operation & { op: "binary" })["operator"], a: Inst, b: Inst, width: Width = 64): Inst {
		return this.emit({ op: "binary", operator }, [a, b], width);
	}

	/** `core`: of a field of the kernel, whose place the loader knows. */
	load(base: Inst, offset: number, size: Size, core?: CoreAccess, space: Space = "scalar"): Inst {
		const operation = { op: "load", size, signed: false, offset, ...(core ? { core } : {}) } as const;
		return this.emit(operation, [base], size === 8 ? 64 : 32, space);
	}

	store(base: Inst, offset: number, size: Size, value: Inst): void {
		this.emit({ op: "store", size, offset }, [base, value], 64);
	}

	/** base + constant. */
	offset(base: Inst, offset: number, core?: CoreAccess): Inst {
		return this.emit({ op: "offset", offset, ...(core ? { core } : {}) }, [base], 64, base.space);
	}

	/** A 32-bit value as 64 bits: no code. */
	wide(value: Inst): Inst {
		return value.width === 64 ? value : this.emit({ op: "extend", from: 32, signed: false }, [value], 64);
	}

	helper(id: number, name: string, args: Inst[], space: Space = "scalar"): Inst {
		return this.emit({ op: "call", callee: { kind: "helper", id, name } }, args, 64, space);
	}

	map(name: string): Inst {
		return this.emit({ op: "map", map: name }, [], 64, "map");
	}

	slot(name: string, size: number, align: Size): Inst {
		const slot: Slot = { id: this.#nextSlot++, name, size, align, position: undefined };
		this.func.slots.push(slot);
		return this.emit({ op: "slot", slot }, [], 64, "stack");
	}

	jump(target: Block): void {
		this.#end({ op: "jump", target, position: this.position });
	}

	/** Compares 64 bits. */
	branch(condition: Condition, a: Inst, b: Inst, then: Block, otherwise: Block, likely?: boolean): void {
		const way = likely === undefined ? {} : { likely };
		const position = this.position;
		this.#end({ op: "branch", condition, on: 64, args: [a, b], then, else: otherwise, position, ...way });
	}

	return(value: Inst): void {
		this.#end({ op: "return", args: [value], position: this.position });
	}

	#end(terminator: NonNullable<Block["terminator"]>): void {
		this.block.terminator = terminator;
		for (const s of successors(terminator)) s.predecessors.push(this.block);
	}

	/** Ends the block as `from` ended, whose instructions have come to stand here. */
	endAs(from: Block, terminator: NonNullable<Block["terminator"]>): void {
		this.block.terminator = terminator;
		if (from === this.block) return;
		for (const s of successors(terminator))
			for (let k = 0; k < s.predecessors.length; k++) if (s.predecessors[k] === from) s.predecessors[k] = this.block;
	}
}
