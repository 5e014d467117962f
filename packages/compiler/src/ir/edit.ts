import type { Block, Func, Inst, Operation, Position, Space, Width } from "./ir.ts";

/** Makes instructions for a function that is built already, with ids of their own. */
export class Editor {
	#next: number;

	constructor(func: Func) {
		let highest = 0;
		for (const b of func.blocks) {
			for (const i of b.phis) if (i.id > highest) highest = i.id;
			for (const i of b.insts) if (i.id > highest) highest = i.id;
		}
		this.#next = highest + 1;
	}

	/** An instruction that is in no list yet. */
	make(
		operation: Operation,
		args: Inst[],
		width: Width,
		at: { block: Block; position: Position | undefined },
		space: Space = "scalar",
	): Inst {
		return { id: this.#next++, width, space, block: at.block, position: at.position, args, ...operation } as Inst;
	}

	constant(value: bigint, width: Width, at: { block: Block; position: Position | undefined }): Inst {
		return this.make({ op: "const", value: BigInt.asUintN(width, value) }, [], width, at);
	}
}

/** Lets all users of the keys use the values instead; a value may itself be a key. The keys stay where they stand. */
export function replaceUses(func: Func, replaced: ReadonlyMap<Inst, Inst>): void {
	if (replaced.size === 0) return;
	const find = (i: Inst): Inst => {
		let r = i;
		for (let n = replaced.get(r); n; n = replaced.get(r)) r = n;
		return r;
	};
	const inArgs = (args: Inst[]): void => {
		for (let k = 0; k < args.length; k++) {
			const a = args[k]!;
			if (replaced.has(a)) args[k] = find(a);
		}
	};
	for (const b of func.blocks) {
		for (const i of b.phis) inArgs(i.args);
		for (const i of b.insts) inArgs(i.args);
		const t = b.terminator;
		if (t && "args" in t) inArgs(t.args);
	}
	for (const [from, to] of replaced) if (from.name !== undefined) find(to).name ??= from.name;
}
