import {
	analyseGraph,
	type Block,
	type Func,
	type Graph,
	type Inst,
	type Position,
	type Size,
	type Slot,
	successors,
	type Width,
} from "#ir";
import { type Address, alignmentAt, chunks, target } from "./address.ts";
import { baseAlign, Demand, nullCheck } from "./demand.ts";
import {
	type AluOperator,
	FIRST_VIRTUAL,
	FRAME,
	indexOfArgument,
	type JumpCondition,
	type Machine,
	type MachineBlock,
	type MachineFunc,
	machine,
	machineBlock,
	NONE,
	type Place,
} from "./machine.ts";
import { ALU, COMMUTES, fits, JUMP, SWAPPED } from "./operator.ts";
import { Placement } from "./placement.ts";

/** Turns a legalised function into machine code on virtual registers, out of SSA. */
export function select(func: Func, cpu: "v3" | "v4"): MachineFunc {
	return new Selector(func, cpu).run();
}

/** A constant operand, or a register. */
type Operand = { imm: number } | { reg: number };
class Selector {
	readonly #func: Func;
	readonly #v4: boolean;
	readonly #graph: Graph;
	readonly #demand: Demand;
	readonly #registers = new Map<Inst, number>();
	readonly #blocks = new Map<Block, MachineBlock>();
	readonly #placement: Placement;
	readonly out: MachineFunc;
	#insts: Machine[] = [];
	#block!: Block;
	#position: Position | undefined;

	constructor(func: Func, cpu: "v3" | "v4") {
		this.#func = func;
		this.#v4 = cpu === "v4";
		this.#graph = analyseGraph(func);
		this.out = {
			blocks: [],
			registers: FIRST_VIRTUAL,
			remake: new Map(),
			temporary: new Set(),
			places: new Map(),
			spills: [],
		};
		this.#demand = new Demand(func);
		this.#placement = new Placement(func, this.#graph, (i, user) => this.#needsRegister(i, user));
	}

	/** Whether a constant or an address of a global must be in a register of its own for this user. */
	#needsRegister(i: Inst, user: Inst | undefined): boolean {
		if (i.op === "global") return true;
		// Inside a loop the address of an array on the stack is made once, before it.
		if (i.op === "slot")
			return (
				user?.op === "offset" &&
				user.args.length === 2 &&
				user.args[0] === i &&
				(this.#graph.depth.get(user.block) ?? 0) > 0
			);
		if (i.op !== "const" || i.width === 32 || fits(BigInt.asIntN(64, i.value))) return false;
		return (
			!(user?.op === "binary" && user.width === 32) &&
			user?.op !== "phi" &&
			user?.op !== "call" &&
			!(user?.op === "store" && user.size <= 4)
		);
	}

	#fresh(): number {
		return this.out.registers++;
	}

	#emit(kind: Machine["kind"], fields: Partial<Machine>): Machine {
		const m = machine(kind, this.#position, fields);
		this.#insts.push(m);
		return m;
	}

	#placeOf(slot: Slot): Place {
		let p = this.out.places.get(slot);
		if (!p) {
			const natural = slot.size >= 8 ? 8 : slot.size >= 4 ? 4 : slot.size >= 2 ? 2 : 1;
			p = { name: slot.name, size: slot.size, align: Math.max(slot.align, natural) as Size, slot, offset: 0 };
			this.out.places.set(slot, p);
		}
		return p;
	}

	/** Follows constant steps down to a stack slot, or undefined. */
	#stackAddress(i: Inst): { place: Place; offset: number } | undefined {
		let offset = 0;
		let r = this.#demand.resolve(i);
		while (r.op === "offset" && r.args.length === 1 && !r.core) {
			offset += r.offset;
			r = this.#demand.resolve(r.args[0]!);
		}
		return r.op === "slot" ? { place: this.#placeOf(r.slot), offset } : undefined;
	}

	#address(base: Inst, offset: number): Address {
		const stack = this.#stackAddress(base);
		if (stack) return { reg: FRAME, offset: stack.offset + offset, place: stack.place };
		if (offset >= -32768 && offset <= 32767) return { reg: this.#register(base), offset };
		const reg = this.#fresh();
		this.#emit("move", { dst: reg, src: this.#register(base) });
		this.#emit("alu", { operator: "add", dst: reg, imm: offset });
		return { reg, offset: 0 };
	}

	/** Puts the value of `i` into `dst`, as cheaply as its kind allows. */
	#into(dst: number, raw: Inst): void {
		const i = this.#demand.resolve(raw);
		const stack = this.#stackAddress(i);
		if (stack) this.#emit("place", { dst, place: stack.place, offset: stack.offset });
		else if (i.op === "const") {
			const placed = this.#known(i);
			const value = i.width === 32 ? BigInt.asIntN(32, i.value) : BigInt.asIntN(64, i.value);
			if (placed !== undefined) this.#emit("move", { dst, src: placed });
			else if (i.width === 32 || fits(value))
				this.#emit("imm", { dst, imm: Number(value), width: i.width === 32 || value >= 0n ? 32 : 64 });
			else if (i.value >> 32n === 0n) this.#emit("imm", { dst, imm: Number(BigInt.asIntN(32, i.value)), width: 32 });
			else this.#emit("wide", { dst, value: i.value });
		} else if (i.op === "map") this.#emit("ref", { dst, reference: { kind: "map", map: i.map } });
		else if (this.#demand.sunk.has(i) && i.op === "offset") {
			this.#emit("move", { dst, src: this.#register(i.args[0]!) });
			this.#emit("alu", { operator: "add", dst, imm: i.offset, ...(i.core ? { core: i.core } : {}) });
		} else this.#emit("move", { dst, src: this.#register(i) });
	}

	/** The register of a value, if there is one that can be read here: a placed constant only below its place. */
	#known(i: Inst): number | undefined {
		const r = this.#registers.get(i);
		if (r === undefined || (i.op !== "const" && i.op !== "global" && i.op !== "slot")) return r;
		return this.#graph.dominates(this.#placement.homeOf(i)!, this.#block) ? r : undefined;
	}

	#register(raw: Inst): number {
		const i = this.#demand.resolve(raw);
		const known = this.#known(i);
		if (known !== undefined) return known;
		if (i.op === "const" || i.op === "map" || i.op === "slot" || this.#demand.sunk.has(i) || this.#stackAddress(i)) {
			if (this.#placement.homeOf(i) === this.#block) return this.#place(i);
			const r = this.#fresh();
			this.#into(r, i);
			const made = this.#insts[this.#insts.length - 1]!;
			if (
				made.dst === r &&
				(made.kind === "imm" || made.kind === "wide" || made.kind === "ref" || made.kind === "place")
			)
				this.out.remake.set(r, made);
			return r;
		}
		if (i.op === "global") return this.#place(i);
		return this.#define(i);
	}

	/** The register of a value that has a home, made now if this is its home. */
	#placed(i: Inst): number {
		return this.#known(i) ?? this.#place(i);
	}

	/** Makes a wide constant or a global's address in its home block; later blocks use the same register. */
	#place(i: Inst): number {
		const r = this.#fresh();
		let m: Machine;
		if (i.op === "global") m = this.#emit("ref", { dst: r, reference: { kind: "global", variable: i.variable } });
		else {
			this.#into(r, i);
			m = this.#insts[this.#insts.length - 1]!;
		}
		this.#registers.set(i, r);
		this.out.remake.set(r, m);
		return r;
	}

	#define(i: Inst): number {
		let r = this.#registers.get(i);
		if (r === undefined) {
			r = this.#fresh();
			this.#registers.set(i, r);
		}
		return r;
	}

	#operand(raw: Inst, width: Width): Operand {
		const i = this.#demand.resolve(raw);
		if (i.op === "const") {
			const value = width === 32 ? BigInt.asIntN(32, i.value) : BigInt.asIntN(64, i.value);
			if (fits(value)) return { imm: Number(value) };
		}
		return { reg: this.#register(i) };
	}

	run(): MachineFunc {
		const { order } = this.#graph;
		for (const b of order) {
			const mb = machineBlock(this.out.blocks.length, this.#graph.depth.get(b) ?? 0, [], this.#graph.loops.has(b));
			this.#blocks.set(b, mb);
			this.out.blocks.push(mb);
		}
		for (const b of order) {
			this.#block = b;
			this.#insts = this.#blocks.get(b)!.insts;
			if (b === this.#func.entry) this.#params();
			for (const i of b.insts) {
				this.#position = i.position;
				this.#select(i);
			}
			this.#position = b.terminator?.position;
			for (const c of this.#placement.atEnd(b)) if (!this.#registers.has(c)) this.#place(c);
			this.#terminate(b);
		}
		this.#phis();
		return this.out;
	}

	#params(): void {
		for (const i of this.#func.entry.insts)
			if (i.op === "param" && this.#demand.isUsed(i)) {
				this.#position = i.position ?? this.#func.position;
				// What a caller leaves in the upper half of a 32-bit argument is its own affair.
				this.#emit(i.width === 32 ? "move32" : "move", { dst: this.#define(i), src: indexOfArgument(i.index) });
			}
	}

	#select(i: Inst): void {
		if (this.#demand.alias.has(i) || this.#demand.sunk.has(i)) return;
		const [a, b] = i.args;
		switch (i.op) {
			case "param":
			case "const":
			case "slot":
			case "map":
			case "global":
			case "phi":
				return;
			case "binary":
				this.#binary(i, ALU[i.operator]!, i.width, a!, b!);
				return;
			case "extend":
				this.#extend(i, a!, i.from, i.signed);
				return;
			case "truncate":
				this.#emit("move32", { dst: this.#define(i), src: this.#register(a!) });
				return;
			case "swap": {
				const dst = this.#define(i);
				this.#into(dst, a!);
				this.#emit("swap", { dst, imm: i.bits });
				return;
			}
			case "compare":
				this.#compare(i, JUMP[i.condition], i.on, a!, b!);
				return;
			case "load":
				this.#load(i);
				return;
			case "store":
				this.#store(this.#address(a!, i.offset), i.size, b!);
				return;
			case "atomic":
				this.#atomic(i);
				return;
			case "offset": {
				if (this.#stackAddress(i)) return;
				const dst = this.#define(i);
				if (b) {
					const amount = this.#operand(b, 64);
					if (this.#placement.homeOf(a!)) this.#emit("move", { dst, src: this.#placed(a!) });
					else this.#into(dst, a!);
					this.#alu("add", 64, dst, amount);
				} else {
					this.#into(dst, a!);
					if (i.offset !== 0 || i.core)
						this.#emit("alu", { operator: "add", dst, imm: i.offset, ...(i.core ? { core: i.core } : {}) });
				}
				return;
			}
			case "call":
				this.#call(i);
				return;
			case "core": {
				const m = this.#emit("core", { dst: this.#define(i), value: i.value, width: i.width, core: i.core });
				this.out.remake.set(m.dst, m);
				return;
			}
			case "zero": {
				const to = this.#address(a!, i.offset);
				const align = to.place ? to.place.align : baseAlign(a!, i.align);
				for (const c of chunks(to.offset, i.size, align))
					this.#emit("store", { ...target(to, c.at), size: c.size, imm: 0 });
				return;
			}
			case "copy": {
				const to = this.#address(a!, i.toOffset);
				const from = this.#address(b!, i.fromOffset);
				const align = Math.min(to.place ? 8 : i.align, from.place ? 8 : i.align) as Size;
				const both = Math.min(alignmentAt(to.offset, align), to.place?.align ?? 8) as Size;
				const start = Math.min(both, alignmentAt(from.offset, align), from.place?.align ?? 8) as Size;
				// Offsets inside the copied piece decide; the piece's start has the alignment of both addresses.
				for (const c of chunks(0, i.size, start)) {
					const t = this.#fresh();
					this.#emit("load", {
						dst: t,
						src: from.reg,
						offset: from.offset + c.at,
						size: c.size,
						...(from.place ? { place: from.place } : {}),
					});
					this.#emit("store", { ...target(to, c.at), size: c.size, src: t });
				}
				return;
			}
		}
	}

	#alu(operator: AluOperator, width: Width, dst: number, operand: Operand): void {
		if ("imm" in operand) {
			let { imm } = operand;
			if (operator === "sub" && imm !== -2147483648) {
				operator = "add";
				imm = -imm;
			}
			if (operator === "lsh" || operator === "rsh" || operator === "arsh") imm &= width - 1;
			this.#emit("alu", { operator, width, dst, imm });
		} else this.#emit("alu", { operator, width, dst, src: operand.reg });
	}

	#binary(i: Inst, operator: AluOperator, width: Width, left: Inst, right: Inst): void {
		let a = this.#demand.resolve(left);
		let b = this.#demand.resolve(right);
		const dst = this.#define(i);
		if (COMMUTES.has(operator)) {
			// What a loop carries is best changed in place; `removeDead` decides by liveness where it can.
			if (a.op === "const" || (b.op === "phi" && a.op !== "phi")) [a, b] = [b, a];
		}
		if (operator === "sub" && a.op === "const" && a.value === 0n) {
			this.#into(dst, b);
			this.#emit("neg", { dst, width });
			return;
		}
		if (
			(operator === "div" || operator === "mod" || operator === "sdiv" || operator === "smod") &&
			b.op === "const" &&
			BigInt.asUintN(width, b.value) === 0n
		) {
			// The verifier refuses an immediate zero: x / 0 is 0, x % 0 is x.
			if (operator === "div" || operator === "sdiv") this.#emit("imm", { dst, imm: 0, width: 32 });
			else if (width === 32) this.#emit("move32", { dst, src: this.#register(a) });
			else this.#into(dst, a);
			return;
		}
		const operand = this.#operand(b, width);
		this.#into(dst, a);
		this.#alu(operator, width, dst, operand);
	}

	#extend(i: Inst, a: Inst, from: 8 | 16 | 32, signed: boolean): void {
		const dst = this.#define(i);
		if (!signed) {
			if (from === 32) this.#emit("move32", { dst, src: this.#register(a) });
			else {
				this.#into(dst, a);
				this.#emit("alu", { operator: "and", width: 32, dst, imm: from === 8 ? 255 : 65535 });
			}
		} else if (this.#v4) this.#emit("movsx", { dst, src: this.#register(a), size: (from / 8) as Size, width: i.width });
		else {
			this.#into(dst, a);
			this.#signExtend(dst, from, i.width);
		}
	}

	#signExtend(dst: number, from: number, width: Width): void {
		this.#emit("alu", { operator: "lsh", width, dst, imm: width - from });
		this.#emit("alu", { operator: "arsh", width, dst, imm: width - from });
	}

	/** The operands of a comparison, a constant to the right. */
	#sides(
		condition: JumpCondition,
		on: Width,
		left: Inst,
		right: Inst,
	): { condition: JumpCondition; a: number; b: Operand } {
		let a = this.#demand.resolve(left);
		let b = this.#demand.resolve(right);
		if (a.op === "const" && b.op !== "const") {
			[a, b] = [b, a];
			condition = SWAPPED[condition];
		}
		return { condition, a: this.#register(a), b: this.#operand(b, on) };
	}

	#compare(i: Inst, wanted: JumpCondition, on: Width, left: Inst, right: Inst): void {
		const { condition, a, b } = this.#sides(wanted, on, left, right);
		this.#emit("set", {
			dst: this.#define(i),
			src: a,
			condition,
			width: on,
			...("imm" in b ? { imm: b.imm } : { src2: b.reg }),
		});
	}

	#load(i: Inst & { op: "load" }): void {
		const base = i.args[0]!;
		const core = i.core ? { core: i.core } : {};
		let address: Address;
		if (i.core && (i.offset < 0 || i.offset > 32767)) {
			const reg = this.#fresh();
			this.#emit("move", { dst: reg, src: this.#register(base) });
			this.#emit("alu", { operator: "add", dst: reg, imm: i.offset, ...core });
			address = { reg, offset: 0 };
		} else address = this.#address(base, i.offset);
		const relocated =
			address.reg !== NONE && i.core && address.offset === i.offset && !(i.offset < 0 || i.offset > 32767) ? core : {};
		const dst = this.#define(i);
		const place = address.place ? { place: address.place } : {};
		const extends_ = i.signed && i.size < 8 && !(i.size === 4 && i.width === 32);
		const direct = extends_ && this.#v4 && base.space !== "ctx";
		this.#emit("load", {
			dst,
			src: address.reg,
			offset: address.offset,
			size: i.size,
			signed: direct,
			...place,
			...relocated,
		});
		if (direct) {
			if (i.width === 32) this.#emit("move32", { dst, src: dst });
		} else if (extends_) this.#signExtend(dst, i.size * 8, i.width);
	}

	#store(to: Address, size: Size, raw: Inst): void {
		const value = this.#demand.resolve(raw);
		if (value.op === "const") {
			const n = size === 8 ? BigInt.asIntN(64, value.value) : BigInt.asIntN(size * 8, value.value);
			if (fits(n)) {
				this.#emit("store", { ...target(to, 0), size, imm: Number(n) });
				return;
			}
		}
		this.#emit("store", { ...target(to, 0), size, src: this.#register(value) });
	}

	#atomic(i: Inst & { op: "atomic" }): void {
		const [base, first, second] = i.args;
		const to = this.#address(base!, i.offset);
		const used = this.#demand.isUsed(i);
		if (i.operator === "cmpxchg") {
			const src = this.#register(second!);
			this.#into(0, first!);
			this.#emit("atomic", { ...target(to, 0), size: i.size, src, atomic: "cmpxchg", fetch: true });
			if (used) this.#emit("move", { dst: this.#define(i), src: 0 });
			return;
		}
		const fetch = (i.fetch && used) || i.operator === "xchg";
		if (!fetch) {
			this.#emit("atomic", {
				...target(to, 0),
				size: i.size,
				src: this.#register(first!),
				atomic: i.operator,
				fetch: false,
			});
			return;
		}
		const src = this.#define(i);
		this.#into(src, first!);
		this.#emit("atomic", { ...target(to, 0), size: i.size, src, atomic: i.operator, fetch: true });
	}

	#call(i: Inst & { op: "call" }): void {
		// Registers first: what is made from nothing must not take r1..r5 while they are still wanted.
		const isFree = (a: Inst): boolean => {
			const r = this.#demand.resolve(a);
			return (
				(r.op === "const" && this.#known(r) === undefined) || r.op === "map" || this.#stackAddress(r) !== undefined
			);
		};
		const args = i.args.slice(0, 5);
		args.forEach((a, k) => void (isFree(a) || this.#into(indexOfArgument(k), a)));
		args.forEach((a, k) => void (isFree(a) && this.#into(indexOfArgument(k), a)));
		this.#emit("call", { callee: i.callee, count: args.length });
		if (this.#demand.isUsed(i)) this.#emit(i.width === 32 ? "move32" : "move", { dst: this.#define(i), src: 0 });
	}

	#terminate(block: Block): void {
		const t = block.terminator!;
		switch (t.op) {
			case "jump":
				this.#emit("jump", { then: this.#blocks.get(t.target)! });
				return;
			case "branch": {
				const { condition, a, b } = this.#sides(JUMP[t.condition], t.on, t.args[0], t.args[1]);
				this.#emit("branch", {
					condition,
					width: t.on,
					dst: a,
					...("imm" in b ? { imm: b.imm } : { src: b.reg }),
					then: this.#blocks.get(t.then)!,
					else: this.#blocks.get(t.else)!,
				});
				this.#blocks.get(block)!.likely = t.likely ?? nullCheck(t);
				return;
			}
			case "return":
				this.#into(0, t.args[0]);
				this.#emit("exit", {});
				return;
			case "unreachable":
				this.#emit("imm", { dst: 0, imm: 0, width: 32 });
				this.#emit("exit", {});
				return;
		}
	}

	/** Copies for phis at the end of the way into their block; a way out of a branch into a join gets a block of its own. */
	#phis(): void {
		for (const b of this.#graph.order) {
			if (b.phis.length === 0) continue;
			const used = b.phis.filter((p) => this.#demand.isUsed(p));
			b.predecessors.forEach((p, k) => {
				const from = this.#blocks.get(p)!;
				const target = this.#blocks.get(b)!;
				this.#block = p;
				this.#position = p.terminator?.position;
				this.#insts = [];
				this.#parallel(used.map((phi) => ({ dst: this.#define(phi), value: this.#demand.resolve(phi.args[k]!) })));
				if (this.#insts.length === 0) return;
				if (successors(p.terminator).length === 1) {
					from.insts.splice(from.insts.length - 1, 0, ...this.#insts);
					return;
				}
				this.#emit("jump", { then: target });
				const depth = Math.min(from.depth, target.depth);
				const edge = machineBlock(this.out.blocks.length, depth, this.#insts, false);
				const last = from.insts[from.insts.length - 1]!;
				if (last.then === target) last.then = edge;
				else last.else = edge;
				this.out.blocks.push(edge);
			});
		}
	}

	/** Copies that happen at once: ordered so that nothing is overwritten before it is read, cycles through a register. */
	#parallel(copies: { dst: number; value: Inst }[]): void {
		const moves: { dst: number; src: number }[] = [];
		const free: { dst: number; value: Inst }[] = [];
		for (const c of copies) {
			const made = c.value.op === "const" || c.value.op === "map" || this.#stackAddress(c.value) !== undefined;
			if (made && this.#known(c.value) === undefined) free.push(c);
			else {
				const src = this.#register(c.value);
				if (src !== c.dst) moves.push({ dst: c.dst, src });
			}
		}
		while (moves.length > 0) {
			const k = moves.findIndex((m) => !moves.some((o) => o !== m && o.src === m.dst));
			if (k >= 0) {
				const m = moves[k]!;
				this.#emit("move", m);
				moves.splice(k, 1);
				continue;
			}
			const t = this.#fresh();
			const m = moves[0]!;
			this.#emit("move", { dst: t, src: m.src });
			m.src = t;
		}
		for (const c of free) this.#into(c.dst, c.value);
	}
}
