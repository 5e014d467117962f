import { FormatError } from "@skep/bpf/base";
import { removeUnreachable, successors } from "./builder.ts";
import type {
	AtomicOp,
	BinaryOp,
	Block,
	Callee,
	Condition,
	CoreAccess,
	Func,
	Inst,
	Operation,
	Size,
	Slot,
	Space,
	Terminator,
	Width,
} from "./ir.ts";

const BINARY = new Set<string>([
	"add",
	"sub",
	"mul",
	"udiv",
	"sdiv",
	"umod",
	"smod",
	"and",
	"or",
	"xor",
	"shl",
	"lshr",
	"ashr",
]);

/** Reads the text that `formatFunc` writes. The order of a block's predecessors is that of its first phi, else that of the text. */
export function parseFunc(text: string): Func {
	return new Parser(text).func();
}

class Parser {
	readonly #tokens: { text: string; offset: number }[] = [];
	#at = 0;
	readonly #blocks = new Map<string, Block>();
	readonly #insts = new Map<number, Inst>();
	readonly #slots = new Map<string, Slot>();
	/** Operands are put in when all instructions are known. */
	readonly #operands: { args: Inst[]; ids: number[] }[] = [];
	readonly #phiOrder = new Map<Block, string[][]>();
	#next = 100000;

	constructor(text: string) {
		const pattern = /\s+|#.*|%?[\w./:-]+|"(?:[^"\\]|\\.)*"|./gy;
		for (let m = pattern.exec(text); m; m = pattern.exec(text))
			if (!/^(\s|#)/.test(m[0])) this.#tokens.push({ text: m[0], offset: m.index });
	}

	#peek(): string {
		return this.#tokens[this.#at]?.text ?? "";
	}
	#take(): string {
		return this.#tokens[this.#at++]?.text ?? "";
	}
	#fail(expected: string): never {
		const t = this.#tokens[this.#at];
		throw new FormatError(
			{ section: "IR", offset: t?.offset ?? 0, path: `token ${this.#at}` },
			`found "${t?.text ?? "the end"}", expected ${expected}`,
		);
	}
	#expect(text: string): void {
		if (this.#peek() !== text) this.#fail(`"${text}"`);
		this.#at++;
	}
	#accept(text: string): boolean {
		if (this.#peek() !== text) return false;
		this.#at++;
		return true;
	}
	#number(): number {
		if (!/^-?\d+$/.test(this.#peek())) this.#fail("a number");
		return Number(this.#take());
	}
	#block(name = this.#take()): Block {
		if (!/^b\d+$/.test(name)) this.#fail("a block");
		let b = this.#blocks.get(name);
		if (!b) {
			b = { id: Number(name.slice(1)), phis: [], insts: [], terminator: undefined, predecessors: [], sealed: true };
			this.#blocks.set(name, b);
		}
		return b;
	}
	#operand(): number {
		const m = /^%(\d+)$/.exec(this.#peek());
		if (!m) this.#fail("a value (%number)");
		this.#at++;
		return Number(m![1]);
	}
	/** `%1 + 4` */
	#address(): { base: number; offset: number; amount?: number } {
		const base = this.#operand();
		if (this.#accept("+")) {
			if (this.#peek().startsWith("%")) return { base, offset: 0, amount: this.#operand() };
			return { base, offset: this.#number() };
		}
		if (this.#accept("-")) return { base, offset: -this.#number() };
		return { base, offset: 0 };
	}
	#core(): CoreAccess {
		const [kind, root, path, flavour] = this.#take().split(":");
		return {
			kind: kind as CoreAccess["kind"],
			root: Number(root),
			path: path ? path.split("/").map(Number) : [],
			...(flavour ? { flavour } : {}),
		};
	}

	func(): Func {
		this.#expect("func");
		const name = this.#take();
		const section = JSON.parse(this.#take()) as string;
		const params = Array.from({ length: this.#number() }, (_, i) => ({
			name: `a${i}`,
			type:
				i === 0 && section !== ".text"
					? ({ kind: "ctx" } as const)
					: ({ kind: "int", bits: 64, signed: false } as const),
		}));
		while (this.#peek() === "slot") {
			this.#at++;
			const [slotName, id] = this.#take().split(".");
			const size = this.#number();
			this.#expect("align");
			const slot: Slot = { id: Number(id), name: slotName!, size, align: this.#number() as Size, position: undefined };
			this.#slots.set(`${slotName}.${id}`, slot);
		}
		const order: Block[] = [];
		while (this.#at < this.#tokens.length) {
			const label = this.#take();
			if (!/^b\d+:$/.test(label)) {
				this.#at--;
				this.#fail("a block's label");
			}
			const block = this.#block(label.slice(0, -1));
			order.push(block);
			while (!block.terminator) this.#line(block);
		}
		for (const o of this.#operands)
			for (const id of o.ids) {
				const i = this.#insts.get(id);
				if (!i)
					throw new FormatError({ section: "IR", offset: 0, path: `%${id}` }, "this value is used but not defined");
				o.args.push(i);
			}
		for (const b of order) for (const s of successors(b.terminator)) s.predecessors.push(b);
		for (const [b, phis] of this.#phiOrder) this.#orderPhis(b, phis);
		const func: Func = {
			name,
			section,
			global: section !== ".text",
			params,
			result: { kind: "int", bits: 32, signed: true },
			entry: order[0]!,
			blocks: order,
			slots: [...this.#slots.values()],
			position: undefined,
		};
		removeUnreachable(func);
		return func;
	}

	#orderPhis(block: Block, phis: string[][]): void {
		const first = phis[0]!;
		block.predecessors = first.map((n) => this.#block(n));
		phis.forEach((names, k) => {
			const phi = block.phis[k]!;
			phi.args = first.map((n) => phi.args[names.indexOf(n)]!);
		});
	}

	#add(block: Block, id: number, width: Width, space: Space, operation: Operation, operands: number[]): void {
		const inst = { id, width, space, block, position: undefined, args: [], ...operation } as Inst;
		this.#insts.set(id, inst);
		this.#operands.push({ args: inst.args, ids: operands });
		(operation.op === "phi" ? block.phis : block.insts).push(inst);
	}

	#line(block: Block): void {
		const result = /^%(\d+):(32|64)(?:\.(\w+))?$/.exec(this.#peek());
		let id = this.#next++;
		let width: Width = 64;
		let space: Space = "scalar";
		if (result) {
			this.#at++;
			id = Number(result[1]);
			width = Number(result[2]) as Width;
			space = (result[3] ?? "scalar") as Space;
			this.#expect("=");
		}
		const op = this.#take();
		if (this.#terminator(block, op)) return;
		const { operation, operands } = this.#operation(block, op);
		this.#add(block, id, width, space, operation, operands);
	}

	#terminator(block: Block, op: string): boolean {
		const position = undefined;
		if (op === "jump") block.terminator = { op, target: this.#block(), position };
		else if (op === "unreachable") block.terminator = { op, position };
		else if (op === "return") {
			const t = { op: "return" as const, args: [] as unknown as [Inst], position };
			this.#operands.push({ args: t.args, ids: [this.#operand()] });
			block.terminator = t;
		} else if (op === "branch") {
			const condition = this.#take() as Condition;
			const on = this.#number() as Width;
			const args = [] as unknown as [Inst, Inst];
			const a = this.#operand();
			this.#expect(",");
			const b = this.#operand();
			this.#expect(",");
			const then = this.#block();
			this.#expect(",");
			const t: Terminator = { op, condition, on, args, then, else: this.#block(), position };
			if (this.#accept("likely")) t.likely = true;
			else if (this.#accept("unlikely")) t.likely = false;
			this.#operands.push({ args, ids: [a, b] });
			block.terminator = t;
		} else return false;
		return true;
	}

	#operation(block: Block, op: string): { operation: Operation; operands: number[] } {
		const pair = (): number[] => {
			const a = this.#operand();
			this.#expect(",");
			return [a, this.#operand()];
		};
		if (BINARY.has(op)) return { operation: { op: "binary", operator: op as BinaryOp }, operands: pair() };
		switch (op) {
			case "param":
				return { operation: { op, index: this.#number() }, operands: [] };
			case "const":
				return { operation: { op, value: BigInt(this.#take()) }, operands: [] };
			case "extend": {
				const t = this.#take();
				return {
					operation: { op, from: Number(t.slice(1)) as 8 | 16 | 32, signed: t[0] === "s" },
					operands: [this.#operand()],
				};
			}
			case "truncate":
				return { operation: { op }, operands: [this.#operand()] };
			case "swap":
				return { operation: { op, bits: this.#number() as 16 | 32 | 64 }, operands: [this.#operand()] };
			case "compare":
				return {
					operation: { op, condition: this.#take() as Condition, on: this.#number() as Width },
					operands: pair(),
				};
			case "load": {
				const t = this.#take();
				const { base, offset } = this.#address();
				const shared = this.#accept("shared");
				const core = this.#accept("core") ? this.#core() : undefined;
				return {
					operation: {
						op,
						size: (Number(t.slice(1)) / 8) as Size,
						signed: t[0] === "s",
						offset,
						...(shared ? { shared } : {}),
						...(core ? { core } : {}),
					},
					operands: [base],
				};
			}
			case "store": {
				const size = this.#number() as Size;
				const { base, offset } = this.#address();
				this.#expect(",");
				return { operation: { op, size, offset }, operands: [base, this.#operand()] };
			}
			case "atomic": {
				const operator = this.#take() as AtomicOp;
				const size = this.#number() as 4 | 8;
				const fetch = this.#accept("fetch");
				const { base, offset } = this.#address();
				const operands = [base];
				while (this.#accept(",")) operands.push(this.#operand());
				return { operation: { op, operator, size, offset, fetch }, operands };
			}
			case "slot": {
				const slot = this.#slots.get(this.#take());
				return slot ? { operation: { op, slot }, operands: [] } : this.#fail("a declared slot");
			}
			case "offset": {
				const { base, offset, amount } = this.#address();
				const core = this.#accept("core") ? this.#core() : undefined;
				return {
					operation: { op, offset, ...(core ? { core } : {}) },
					operands: amount === undefined ? [base] : [base, amount],
				};
			}
			case "map":
				return { operation: { op, map: this.#take() }, operands: [] };
			case "global":
				return { operation: { op, variable: this.#take() }, operands: [] };
			case "call": {
				const kind = this.#take() as Callee["kind"];
				let callee: Callee;
				if (kind === "helper") {
					const helper = this.#number();
					const name = this.#take();
					callee = { kind, id: helper, name, ...(this.#accept("moves") ? { movesPacket: true } : {}) };
				} else callee = { kind, name: this.#take() };
				const operands: number[] = [];
				this.#expect("(");
				while (!this.#accept(")")) {
					operands.push(this.#operand());
					this.#accept(",");
				}
				return { operation: { op, callee }, operands };
			}
			case "phi": {
				const names: string[] = [];
				const operands: number[] = [];
				do {
					names.push(this.#take());
					operands.push(this.#operand());
				} while (this.#accept(","));
				const list = this.#phiOrder.get(block) ?? [];
				list.push(names);
				this.#phiOrder.set(block, list);
				return { operation: { op }, operands };
			}
			case "value": {
				const value = BigInt(this.#take());
				this.#expect("core");
				return { operation: { op: "core", core: this.#core(), value }, operands: [] };
			}
			case "zero": {
				const { base, offset } = this.#address();
				this.#expect(",");
				const size = this.#number();
				this.#expect("align");
				return { operation: { op, offset, size, align: this.#number() as Size }, operands: [base] };
			}
			case "copy": {
				const to = this.#address();
				this.#expect(",");
				const from = this.#address();
				this.#expect(",");
				const size = this.#number();
				this.#expect("align");
				return {
					operation: { op, toOffset: to.offset, fromOffset: from.offset, size, align: this.#number() as Size },
					operands: [to.base, from.base],
				};
			}
			default:
				this.#at--;
				return this.#fail("an operation");
		}
	}
}
