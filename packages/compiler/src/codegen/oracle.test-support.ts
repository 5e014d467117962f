// Two independent executions of one program, for tests: IR as defined, instruction by instruction on bigint, and the
// emitted bytes. Both see the same context, map value, ring-buffer record and helpers, and leave the same trace.
import { decode, format, type Instruction, rowOf } from "@skep/bpf/isa";
import type { Block, Func, Inst, Slot } from "#ir";
import { evaluateBinary, evaluateCondition, evaluateExtend, evaluateSwap } from "#passes";

export const CTX = 0x1000;
export const MAP = 0x2000;
export const RECORD = 0x3000;
const SLOTS = 0x4000;
export const STACK_TOP = 0x9000;
const SIZE = 0xa000;
const STEPS = 200_000;

export interface Outcome {
	readonly r0: bigint;
	readonly map: string;
	readonly trace: readonly string[];
}

const hash = (n: number): bigint => BigInt.asUintN(64, (BigInt(n) + 0x9e3779b97f4a7c15n) * 0xbf58476d1ce4e5b9n);

/** Memory and helpers. Helpers used by generated programs: 1 lookup, 7 random, 113 probe_read_kernel, 131/132/133 ring buffer. */
class World {
	readonly bytes = new Uint8Array(SIZE);
	readonly view = new DataView(this.bytes.buffer);
	readonly trace: string[] = [];
	#calls = 0;

	constructor(context: Uint8Array) {
		this.bytes.set(context, CTX);
		for (let k = 0; k < 64; k++) this.bytes[MAP + k] = (k * 37 + 11) & 255;
		for (let k = 0; k < 256; k++) this.bytes[RECORD + k] = 0xaa;
	}

	load(address: bigint, size: number, signed: boolean): bigint {
		const a = Number(address);
		if (a < CTX || a + size > SIZE) throw new Error(`load of ${size} at ${address}`);
		const v =
			size === 1
				? BigInt(this.view.getUint8(a))
				: size === 2
					? BigInt(this.view.getUint16(a, true))
					: size === 4
						? BigInt(this.view.getUint32(a, true))
						: this.view.getBigUint64(a, true);
		return signed ? BigInt.asUintN(64, BigInt.asIntN(size * 8, v)) : v;
	}

	store(address: bigint, size: number, value: bigint): void {
		const a = Number(address);
		if (a < CTX || a + size > SIZE) throw new Error(`store of ${size} at ${address}`);
		if (size === 1) this.view.setUint8(a, Number(value & 255n));
		else if (size === 2) this.view.setUint16(a, Number(value & 65535n), true);
		else if (size === 4) this.view.setUint32(a, Number(value & 0xffffffffn), true);
		else this.view.setBigUint64(a, BigInt.asUintN(64, value), true);
	}

	atomic(operator: string, size: number, address: bigint, value: bigint, expected: bigint): bigint {
		const old = this.load(address, size, false);
		const next =
			operator === "add"
				? old + value
				: operator === "or"
					? old | value
					: operator === "and"
						? old & value
						: operator === "xor"
							? old ^ value
							: operator === "xchg"
								? value
								: old === BigInt.asUintN(size * 8, expected)
									? value
									: old;
		this.store(address, size, BigInt.asUintN(size * 8, next));
		return old;
	}

	call(id: number, args: readonly bigint[]): bigint {
		const n = ++this.#calls;
		const region = (at: bigint, size: number): string => [...this.bytes.subarray(Number(at), Number(at) + size)].join();
		switch (id) {
			case 1:
				this.trace.push(`lookup ${region(args[1]!, 4)}`);
				return BigInt(MAP);
			case 7:
				this.trace.push("random");
				return hash(n);
			case 113:
				this.trace.push(`read ${args[1]} ${args[2]}`);
				for (let k = 0; k < Number(args[1]); k++) this.bytes[Number(args[0]) + k] = (n * 31 + k) & 255;
				return 0n;
			case 131:
				this.trace.push(`reserve ${args[1]}`);
				return BigInt(RECORD);
			case 132:
				this.trace.push(`submit ${region(args[0]!, 64)}`);
				for (let k = 0; k < 256; k++) this.bytes[RECORD + k] = 0xaa;
				return 0n;
			case 133:
				this.trace.push("discard");
				for (let k = 0; k < 256; k++) this.bytes[RECORD + k] = 0xaa;
				return 0n;
			default:
				this.trace.push(`call ${id} ${args.join()}`);
				return hash(n) ^ args.reduce((x, y) => x * 3n + y, 0n);
		}
	}

	outcome(r0: bigint): Outcome {
		return { r0: BigInt.asUintN(64, r0), map: [...this.bytes.subarray(MAP, MAP + 64)].join(), trace: this.trace };
	}
}

/** Runs IR by its definition. */
export function evaluate(func: Func, context: Uint8Array): Outcome {
	const world = new World(context);
	const slots = new Map<Slot, bigint>();
	let top = SLOTS;
	for (const s of func.slots) {
		slots.set(s, BigInt(top));
		top += Math.ceil(s.size / 8) * 8;
	}
	const values = new Map<Inst, bigint>();
	const get = (i: Inst): bigint => {
		const v = values.get(i);
		if (v === undefined) throw new Error(`%${i.id} has no value`);
		return v;
	};
	let block: Block = func.entry;
	let from: Block | undefined;
	for (let steps = 0; ; steps++) {
		if (steps > STEPS) throw new Error("too many steps");
		const way = from;
		const fresh = block.phis.map((p) => BigInt.asUintN(p.width, get(p.args[block.predecessors.indexOf(way!)]!)));
		block.phis.forEach((p, k) => void values.set(p, fresh[k]!));
		for (const i of block.insts) {
			const v = perform(i, i.args.map(get), world, slots);
			values.set(i, BigInt.asUintN(i.width, v));
		}
		const t = block.terminator!;
		if (t.op === "return") return world.outcome(get(t.args[0]));
		if (t.op === "unreachable") return world.outcome(0n);
		from = block;
		block =
			t.op === "jump"
				? t.target
				: evaluateCondition(t.condition, t.on, get(t.args[0]), get(t.args[1]))
					? t.then
					: t.else;
	}
}

function perform(i: Inst, args: bigint[], world: World, slots: ReadonlyMap<Slot, bigint>): bigint {
	const [a, b, c] = args as [bigint, bigint, bigint];
	switch (i.op) {
		case "param":
			return BigInt(CTX);
		case "const":
			return i.value;
		case "binary":
			return evaluateBinary(i.operator, i.width, a, b);
		case "extend":
			return evaluateExtend(i.from, i.signed, i.width, a);
		case "truncate":
			return BigInt.asUintN(32, a);
		case "swap":
			return evaluateSwap(i.bits, a);
		case "compare":
			return evaluateCondition(i.condition, i.on, a, b) ? 1n : 0n;
		case "load":
			return world.load(a + BigInt(i.offset), i.size, i.signed);
		case "store":
			world.store(a + BigInt(i.offset), i.size, b);
			return 0n;
		case "atomic":
			return i.operator === "cmpxchg"
				? world.atomic(i.operator, i.size, a + BigInt(i.offset), c, b)
				: world.atomic(i.operator, i.size, a + BigInt(i.offset), b, 0n);
		case "slot":
			return slots.get(i.slot)!;
		case "offset":
			return a + (i.args.length > 1 ? b : BigInt(i.offset));
		case "map":
			return 0x77n;
		case "call":
			return world.call(i.callee.kind === "helper" ? i.callee.id : -1, args);
		case "core":
			return i.value;
		case "zero":
			for (let k = 0; k < i.size; k++) world.store(a + BigInt(i.offset + k), 1, 0n);
			return 0n;
		case "copy":
			for (let k = 0; k < i.size; k++)
				world.store(a + BigInt(i.toOffset + k), 1, world.load(b + BigInt(i.fromOffset + k), 1, false));
			return 0n;
		default:
			throw new Error(`${i.op} is not evaluated`);
	}
}

const CALLS: Readonly<Record<number, number>> = { 1: 2, 7: 0, 113: 3, 131: 3, 132: 2, 133: 2 };

/** Runs emitted bytes. Registers that a call destroys, and all at the start, hold values no program may use. */
export function execute(bytes: Uint8Array, context: Uint8Array): Outcome {
	const world = new World(context);
	const code: (Instruction | undefined)[] = [];
	for (const i of decode(bytes)) {
		code.push(i);
		if (i.immHigh !== undefined) code.push(undefined);
	}
	const r: (bigint | undefined)[] = new Array(11).fill(undefined);
	r[1] = BigInt(CTX);
	r[10] = BigInt(STACK_TOP);
	let pc = 0;
	const read = (n: number): bigint => {
		const v = r[n];
		if (v === undefined) throw new Error(`r${n} is read before it is written, at ${pc - 1}`);
		return v;
	};
	for (let steps = 0; ; steps++) {
		if (steps > STEPS) throw new Error("too many steps");
		const i = code[pc++];
		if (!i) throw new Error(`no instruction at ${pc - 1}`);
		const kind = i.opcode & 7;
		if (kind === 4 || kind === 7) alu(i, kind === 7 ? 64 : 32, r, read);
		else if (kind === 5 || kind === 6) {
			const op = i.opcode & 0xf0;
			if (i.opcode === 0x95) return world.outcome(read(0));
			if (i.opcode === 0x85) {
				const count = CALLS[i.imm] ?? 5;
				const args = Array.from({ length: count }, (_, k) => read(k + 1));
				r[0] = world.call(i.imm, args);
				for (let k = 1; k <= 5; k++) r[k] = undefined;
			} else if (i.opcode === 0x05) pc += i.offset;
			else if (i.opcode === 0x06) pc += i.imm;
			else {
				const on = kind === 5 ? 64 : 32;
				const right = i.opcode & 8 ? read(i.src) : BigInt(i.imm);
				const condition = CONDITIONS[op]!;
				if (evaluateCondition(condition, on, read(i.dst), right)) pc += i.offset;
			}
		} else memory(i, world, r, read, () => pc++);
	}
}

const CONDITIONS = {
	16: "eq",
	32: "ugt",
	48: "uge",
	64: "set",
	80: "ne",
	96: "sgt",
	112: "sge",
	160: "ult",
	176: "ule",
	192: "slt",
	208: "sle",
} as Record<number, Parameters<typeof evaluateCondition>[0]>;
const OPERATORS = {
	0: "add",
	16: "sub",
	32: "mul",
	48: "udiv",
	64: "or",
	80: "and",
	96: "shl",
	112: "lshr",
	144: "umod",
	160: "xor",
	192: "ashr",
} as Record<number, Parameters<typeof evaluateBinary>[0]>;

function alu(i: Instruction, width: 32 | 64, r: (bigint | undefined)[], read: (n: number) => bigint): void {
	const op = i.opcode & 0xf0;
	const right = (): bigint => (i.opcode & 8 ? read(i.src) : BigInt(i.imm));
	if (op === 0x80) r[i.dst] = BigInt.asUintN(width, -read(i.dst));
	else if (op === 0xd0) {
		if (i.opcode !== 0xdc) throw new Error(`byte swap ${i.opcode}`);
		r[i.dst] = evaluateSwap(i.imm as 16 | 32 | 64, read(i.dst));
	} else if (op === 0xb0) {
		const v = right();
		r[i.dst] = BigInt.asUintN(width, i.offset === 0 ? v : BigInt.asIntN(i.offset, v));
	} else {
		let operator = OPERATORS[op]!;
		if (i.offset === 1) operator = operator === "udiv" ? "sdiv" : "smod";
		if ((op === 0x30 || op === 0x90) && !(i.opcode & 8) && i.imm === 0)
			throw new Error("division by an immediate zero");
		if ((op === 0x60 || op === 0x70 || op === 0xc0) && !(i.opcode & 8) && (i.imm < 0 || i.imm >= width))
			throw new Error("shift by too much");
		r[i.dst] = evaluateBinary(operator, width, read(i.dst), right());
	}
}

function memory(
	i: Instruction,
	world: World,
	r: (bigint | undefined)[],
	read: (n: number) => bigint,
	skip: () => void,
): void {
	const size = [4, 2, 1, 8][(i.opcode >> 3) & 3]!;
	const mode = i.opcode & 0xe0;
	const kind = i.opcode & 7;
	if (i.opcode === 0x18) {
		r[i.dst] = (BigInt.asUintN(32, BigInt(i.immHigh!)) << 32n) | BigInt.asUintN(32, BigInt(i.imm));
		skip();
		return;
	}
	const place = (base: number): bigint => {
		const a = read(base) + BigInt(i.offset);
		if (base === 10 && (i.offset >= 0 || i.offset % size !== 0 || i.offset < -512))
			throw new Error(`stack access ${rowOf(i).name} ${format(i)}`);
		return a;
	};
	if (kind === 1) r[i.dst] = world.load(place(i.src), size, mode === 0x80);
	else if (kind === 2) world.store(place(i.dst), size, BigInt(i.imm));
	else if (mode === 0xc0) {
		const operator = { 0: "add", 64: "or", 80: "and", 160: "xor", 224: "xchg", 240: "cmpxchg" }[i.imm & 0xf0]!;
		const old = world.atomic(operator, size, place(i.dst), read(i.src), operator === "cmpxchg" ? read(0) : 0n);
		if (operator === "cmpxchg") r[0] = old;
		else if (i.imm & 1) r[i.src] = old;
	} else world.store(place(i.dst), size, read(i.src));
}
