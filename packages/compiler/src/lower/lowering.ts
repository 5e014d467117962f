import { encodeUtf8 } from "@skep/bpf/base";
import type { Btf } from "@skep/bpf/btf";
import type { TracepointTable } from "#declare";
import type { Report } from "#diagnostics";
import type { Analysis, Binding, Node, OptionsDeclaration, ProgramDeclaration, SourceModule } from "#frontend";
import {
	alignOf,
	type BinaryOp,
	type Block,
	type Builder,
	type Condition,
	type Global,
	type Inst,
	type MapDecl,
	type Position,
	type Size,
	type Slot,
	type Space,
	type StructType,
	sizeOf,
	type Type,
	type Width,
} from "#ir";
import { Scope } from "./scope.ts";
import { bool, type Local, type PlaceValue, POISON, type Value } from "./value.ts";

/** What a program is compiled against. */
export interface Target {
	readonly kernel: Btf;
	readonly tracepoints: TracepointTable;
}

/** What is known at a point of the program about a local, an option or a member. */
export interface Fact {
	readonly present?: boolean;
	readonly min?: bigint;
	readonly max?: bigint;
}

export interface Facts {
	readonly known: ReadonlyMap<string, Fact>;
	/** Counts calls that move the packet: references of an older count are dead. */
	readonly epoch: number;
}

export const NO_FACTS: Facts = { known: new Map(), epoch: 0 };

/** A place in the graph that several ways lead to, with what each way knows. */
export interface Join {
	readonly block: Block;
	readonly incoming: Facts[];
}

/** Where `return` goes in a body that is being inlined. */
export interface Frame {
	readonly node: Node;
	readonly name: string;
	readonly exits: { block: Block; facts: Facts; value: Value; node: Node }[];
	readonly breakables: Breakable[];
	/** Program functions: `return` ends the program. */
	readonly result: Type | undefined;
}

export interface Breakable {
	readonly labels: readonly string[];
	/** `break` without a label leaves it: loops and switch. */
	readonly plain: boolean;
	readonly onBreak: Join;
	readonly onContinue: Join | undefined;
}

/** What the place of an expression asks of it. */
export interface Want {
	/** Type of the place the value goes to. */
	readonly type?: Type;
	/** Text, structs and arrays may be written right here; the result is then this place. */
	readonly into?: PlaceValue;
	/** Of a struct that is copied out of a map, only these members are read. */
	readonly members?: ReadonlySet<string>;
	/** The value is not used: `++` need not fetch. */
	readonly unused?: true;
}

/** Every form of the source: the type of its syntax node → the function of its own file that lowers it. */
export interface Forms {
	readonly expressions: Readonly<Record<string, (l: Lowering, node: Node, want: Want) => Value>>;
	readonly statements: Readonly<Record<string, (l: Lowering, node: Node, labels: readonly string[]) => void>>;
	/** An expression as a branch. */
	readonly condition: (l: Lowering, node: Node, yes: Join, no: Join) => void;
}

/** State of one `lower()`: what is shared by the program that is being built, and the module that grows. */
export class Lowering {
	readonly analysis: Analysis;
	readonly target: Target;
	readonly report: Report;
	/** So many were found, those at one place counted each time: a body may be lowered more than once. */
	errors = 0;
	readonly globals = new Map<string, Global>();
	readonly maps = new Map<string, MapDecl>();
	/** Options read by kernel code: by `OptionsDeclaration` and name, the variables. */
	readonly options = new Map<OptionsDeclaration, Map<string, { variable: string; present: string | undefined }>>();
	/** What iterators write, by program. */
	readonly outputs = new Map<string, StructType | "text">();
	/** Ring buffers' slots in the loss counter. */
	readonly lost = new Map<string, number>();
	b!: Builder;
	module!: SourceModule;
	scope: Scope | undefined;
	facts: Facts = NO_FACTS;
	program!: ProgramDeclaration;
	/** The static target this function is built for, and all of the program. */
	programTarget = "";
	context!: Inst;
	frames: Frame[] = [];
	/** Inside `tryRead`: what the helper of the last read gave. All reads go through helpers then. */
	tested: { result: Inst | undefined } | undefined;
	/** Values that are the same in the whole function: by name, the block they were made in. */
	#nextLocal = 1;
	#strings = new Map<string, string>();
	#tables = new Map<string, string>();

	readonly #forms: Forms;

	constructor(analysis: Analysis, target: Target, report: Report, forms: Forms) {
		this.analysis = analysis;
		this.target = target;
		this.report = report;
		this.#forms = forms;
	}

	// ── syntax: each form is lowered by the function that `forms.ts` names ──
	/** Types and lowers an expression. Every error is reported; what cannot be lowered gives poison. */
	expression(node: Node, want: Want = {}): Value {
		const form = this.#forms.expressions[node.type];
		return form
			? form(this, node, want)
			: this.error("SK1001", node, `${node.type} is not in the subset of kernel code`);
	}

	statement(node: Node, labels: readonly string[] = []): void {
		this.at(node);
		const form = this.#forms.statements[node.type];
		if (form) form(this, node, labels);
		else this.error("SK1001", node, `${node.type} is not in the subset of kernel code`);
	}

	/** Branches on an expression's truth; each way knows what it means for locals, options and members. */
	condition(node: Node, yes: Join, no: Join): void {
		this.#forms.condition(this, node, yes, no);
	}

	get frame(): Frame {
		return this.frames[this.frames.length - 1]!;
	}

	/** Starts a program's function. */
	begin(builder: Builder, program: ProgramDeclaration, target: string): void {
		this.b = builder;
		this.program = program;
		this.programTarget = target;
		this.module = program.fnModule;
		this.scope = undefined;
		this.facts = NO_FACTS;
		this.frames = [];
	}

	at(node: Node): void {
		this.b.position = this.position(node);
	}

	position(node: Node): Position {
		return this.analysis.position(this.module, node);
	}

	text(node: Node): string {
		return this.module.text.slice(node.start, node.end);
	}

	/** Reports an error at the node and gives poison, which no later message is about. */
	error(
		code: `SK${number}`,
		node: Node,
		message: string,
		remedy?: string,
		related?: readonly { node: Node; message: string }[],
	): Value {
		const p = this.position(node);
		const lineEnd = this.module.text.indexOf("\n", node.start);
		const end = Math.min(node.end, lineEnd < 0 ? node.end : lineEnd);
		this.errors++;
		this.report.add({
			code,
			severity: "error",
			file: this.module.path,
			line: p.line,
			column: p.column,
			length: Math.max(1, end - node.start),
			message,
			...(remedy === undefined ? {} : { remedy }),
			...(related === undefined
				? {}
				: {
						related: related.map((r) => ({
							file: this.module.path,
							line: this.position(r.node).line,
							column: this.position(r.node).column,
							message: r.message,
						})),
					}),
		});
		return POISON;
	}

	/** A word or form that is in the language and not compiled yet. */
	notYet(node: Node, what: string, instead?: string): Value {
		return this.error(
			"SK1010",
			node,
			`${what} is part of the language, but this version does not compile it yet`,
			instead,
		);
	}

	lookup(name: string): Local | Value | Binding | undefined {
		return this.scope?.find(name) ?? this.analysis.lookup(this.module, name);
	}

	local(name: string, node: Node, mutable: boolean, more: Partial<Local> = {}): Local {
		return {
			id: this.#nextLocal++,
			name,
			node,
			value: undefined,
			cell: undefined,
			mutable,
			type: undefined,
			sign: "signed",
			bits: 32,
			computed: false,
			...more,
		};
	}

	/** Runs `f` in an inner scope. */
	inner<T>(f: () => T): T {
		const outer = this.scope;
		this.scope = new Scope(outer);
		try {
			return f();
		} finally {
			this.scope = outer;
		}
	}

	// ── graph ──
	get reachable(): boolean {
		return this.b.reachable;
	}

	join(): Join {
		return { block: this.b.newBlock(), incoming: [] };
	}

	/** A join whose block may not be sealed before all its ways are known: loop heads. */
	goto(join: Join): void {
		if (!this.reachable) return;
		join.incoming.push(this.facts);
		this.b.jump(join.block);
	}

	/** Goes on at the join, with what all ways to it know. */
	enter(join: Join): void {
		this.b.seal(join.block);
		if (join.incoming.length === 0) {
			this.b.block = undefined;
			return;
		}
		this.b.enter(join.block);
		this.facts = intersect(join.incoming);
	}

	branch(
		condition: Condition,
		on: Width,
		a: Inst,
		b: Inst,
		yes: Join,
		no: Join,
		yesFacts = this.facts,
		noFacts = this.facts,
	): void {
		if (!this.reachable) return;
		yes.incoming.push(yesFacts);
		no.incoming.push(noFacts);
		this.b.terminate({
			op: "branch",
			condition,
			on,
			args: [a, b],
			then: yes.block,
			else: no.block,
			position: this.b.position,
		});
	}

	/** The facts plus one. */
	withFact(key: string | undefined, fact: Fact): Facts {
		if (key === undefined) return this.facts;
		const known = new Map(this.facts.known);
		const before = known.get(key);
		const merged: { present?: boolean; min?: bigint; max?: bigint } = { ...before };
		if (fact.present !== undefined) merged.present = fact.present;
		if (fact.min !== undefined && (merged.min === undefined || fact.min > merged.min)) merged.min = fact.min;
		if (fact.max !== undefined && (merged.max === undefined || fact.max < merged.max)) merged.max = fact.max;
		known.set(key, merged);
		return { known, epoch: this.facts.epoch };
	}

	learn(key: string | undefined, fact: Fact): void {
		this.facts = this.withFact(key, fact);
	}

	/** Forgets what was known about a local that is assigned. */
	forget(key: string): void {
		if (![...this.facts.known.keys()].some((k) => k === key || k.startsWith(`${key}.`))) return;
		this.facts = {
			known: new Map([...this.facts.known].filter(([k]) => k !== key && !k.startsWith(`${key}.`))),
			epoch: this.facts.epoch,
		};
	}

	// ── instructions ──
	constant(value: bigint | number, width: Width): Inst {
		return this.b.constant(value, width);
	}

	load(base: Inst, offset: number, size: Size, signed = false, shared = false): Inst {
		return this.b.emit(
			{ op: "load", size, signed, offset, ...(shared ? { shared } : {}) },
			[base],
			size === 8 ? 64 : 32,
		);
	}

	store(base: Inst, offset: number, size: Size, value: Inst): void {
		this.b.emit({ op: "store", size, offset }, [base, value], 64);
	}

	binary(operator: BinaryOp, a: Inst, b: Inst, width: Width): Inst {
		return this.b.emit({ op: "binary", operator }, [a, b], width);
	}

	compare(condition: Condition, a: Inst, b: Inst, on: Width): Value {
		return bool(this.b.emit({ op: "compare", condition, on }, [a, b], 32));
	}

	helper(id: number, name: string, args: Inst[], space: Space = "scalar", movesPacket = false): Inst {
		return this.b.emit(
			{ op: "call", callee: { kind: "helper", id, name, ...(movesPacket ? { movesPacket } : {}) } },
			args,
			64,
			space,
		);
	}

	map(name: string): Inst {
		return this.b.emit({ op: "map", map: name }, [], 64, "map");
	}

	/** base + constant, nothing where it is 0. */
	offset(base: Inst, offset: number): Inst {
		return offset === 0 ? base : this.b.emit({ op: "offset", offset }, [base], 64, base.space);
	}

	address(p: PlaceValue): Inst {
		return this.offset(p.base, p.offset);
	}

	slot(name: string, size: number, align: Size = 8): { slot: Slot; address: Inst } {
		const slot = this.b.slot(name, Math.max(1, size), align);
		return { slot, address: this.b.emit({ op: "slot", slot }, [], 64, "stack") };
	}

	/** A place on the stack. `zero`: all its bytes. */
	temporary(name: string, type: Type, zero: boolean): PlaceValue {
		// 8-byte alignment lets strings and structs be handled in whole words.
		const align = sizeOf(type) >= 8 ? 8 : (alignOf(type) as Size);
		const { address } = this.slot(name, sizeOf(type), align);
		if (zero) this.zero(address, 0, sizeOf(type), align);
		return {
			kind: "place",
			type,
			base: address,
			offset: 0,
			space: "stack",
			shared: false,
			nullable: false,
			boxed: false,
			writable: true,
			align,
			temporary: true,
		};
	}

	zero(base: Inst, offset: number, size: number, align: Size): void {
		if (size > 0) this.b.emit({ op: "zero", offset, size, align }, [base], 64);
	}

	/** A constant in `.rodata`; NUL-terminated. */
	constantText(text: string): Inst {
		let name = this.#strings.get(text);
		const bytes = encodeUtf8(`${text}\0`);
		if (name === undefined) {
			name = `text_${this.#strings.size}`;
			this.#strings.set(text, name);
			this.globals.set(name, { name, section: ".rodata", type: { kind: "chars", size: bytes.length }, initial: bytes });
		}
		return this.b.emit({ op: "global", variable: name }, [], 64, "map_value");
	}

	/** The address of constant values in `.rodata`. */
	constantTable(type: Type, bytes: Uint8Array): Inst {
		const key = `${JSON.stringify(type)} ${bytes.join()}`;
		let name = this.#tables.get(key);
		if (name === undefined) {
			name = `table_${this.#tables.size}`;
			this.#tables.set(key, name);
			this.globals.set(name, { name, section: ".rodata", type, initial: bytes });
		}
		return this.b.emit({ op: "global", variable: name }, [], 64, "map_value");
	}
}

const intersect = (all: readonly Facts[]): Facts => {
	const first = all[0]!;
	if (all.every((f) => f === first)) return first;
	const known = new Map<string, Fact>();
	for (const [key, fact] of first.known) {
		const merged: { present?: boolean; min?: bigint; max?: bigint } = { ...fact };
		let keep = true;
		for (const other of all) {
			const o = other.known.get(key);
			if (!o) {
				keep = false;
				break;
			}
			if (o.present !== merged.present) delete merged.present;
			if (merged.min !== undefined) {
				if (o.min === undefined) delete merged.min;
				else if (o.min < merged.min) merged.min = o.min;
			}
			if (merged.max !== undefined) {
				if (o.max === undefined) delete merged.max;
				else if (o.max > merged.max) merged.max = o.max;
			}
		}
		if (keep && (merged.present !== undefined || merged.min !== undefined || merged.max !== undefined))
			known.set(key, merged);
	}
	return { known, epoch: Math.max(...all.map((f) => f.epoch)) };
};
