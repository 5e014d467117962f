// biome-ignore-all lint/suspicious/useDefaultSwitchClauseLast: 0 is the simplest choice and stands first
// Random kernel programs that know their own meaning. Each construct is made as text and, beside it, as a function that
// computes what the language says (§2–§5 of docs/language.md) on bigints. Nothing here looks at the compiler.

import { PlainStatements } from "./agreement-plain.test-support.ts";
import {
	ALL,
	type Choose,
	I32,
	INNER,
	INPUT,
	interfaceText,
	POINT,
	type Signal,
	type Statement,
	U32,
	U64,
	WIDE,
	type World,
	wrap,
	zeroOf,
} from "./agreement-world.test-support.ts";

/** A generated file: what to compile, and what one run of it does to a world; the program's result comes back. */
export interface Generated {
	readonly source: string;
	readonly outputs: number;
	run(w: World): bigint;
}

export function generate(choose: Choose): Generated {
	return new Generator(choose).file();
}

class Generator extends PlainStatements {
	file(): Generated {
		const functions = this.choose(4);
		for (let n = 0; n < functions; n++) this.function();
		this.statements = 30;
		this.making = false;
		const calls = this.functions.map((f) => {
			const args = f.parameters.map((k) => this.exact(k, 1));
			const call = `${f.name}(${args.map((a) => a.text).join(", ")})`;
			const value = f.optional ? `(${call} ?? ${f.result.bits === 64 ? "1n" : "1"})` : call;
			return {
				text: `acc = acc ^ u64(${value});`,
				run: (w: World): void => {
					const old = w.variables.get("acc") as bigint;
					const v = f.run(
						w,
						args.map((a) => a.run(w)),
					);
					w.variables.set("acc", old ^ wrap(v ?? 1n, U64));
				},
			};
		});
		const { text, run } = this.block(8 + this.choose(8));
		const outputs = 4;
		const out = Array.from({ length: outputs }, () => this.int(this.pick(WIDE), 2));
		const source = [
			'import { type arr, array, type chars, equals, hash, type i8, i16, i32, i64, perCpuArray, ringbuf, u8, u16, u32, u64, XDP, xdp, zero } from "skep";'.replace(
				"type i8",
				"i8",
			),
			interfaceText("Inner", INNER),
			interfaceText("Point", POINT),
			interfaceText("Input", INPUT),
			"interface Header { h0: u8; h1: u8; h2: u16; h3: u32; h4: u64 }",
			"interface Name { id: u32; text: chars<8> }",
			"const input = array<Input>(1);",
			`const out = array<u64>(${outputs + 1});`,
			"const points = array<Point>(4);",
			"const own = perCpuArray<Point>(4);",
			"const counts = hash<u32, u64>(64);",
			"const named = hash<Name, u64>(64);",
			"const events = ringbuf<Point>(65536);",
			"let acc: u64 = 0n;",
			"let tick: u32 = 0;",
			...this.texts,
			"export const program = xdp({ attach: false }, (packet) => {",
			"const given = input.ref(0);",
			"if (!given) return XDP.ABORTED;",
			...calls.map((c) => c.text),
			text,
			...out.map((e, i) => `out.set(${i}, u64(${e.text}));`),
			`out.set(${outputs}, acc);`,
			"return XDP.PASS;",
			"});",
			"",
		].join("\n");
		return {
			source,
			outputs: outputs + 1,
			run: (w) => {
				w.variables.set("acc", w.variables.get("acc") ?? 0n);
				w.variables.set("tick", w.variables.get("tick") ?? 0n);
				for (const c of calls) c.run(w);
				const signal = run(w);
				if (signal && "value" in signal) return signal.value as bigint;
				for (const [i, e] of out.entries()) w.out[i] = BigInt.asUintN(64, e.run(w));
				w.out[outputs] = w.variables.get("acc") as bigint;
				return 2n;
			},
		};
	}

	protected function(): void {
		const name = this.name("f");
		const parameters = Array.from({ length: this.choose(3) }, () => this.pick(ALL));
		const names = parameters.map(() => this.name("p"));
		const result = this.pick(ALL);
		const optional = this.choose(3) === 2;
		this.scope = parameters.map((type, i) => ({
			name: names[i]!,
			type,
			mutable: type.bits >= 32 && this.choose(2) === 1,
		}));
		this.result = { kind: result, optional };
		this.statements = 8;
		const body = this.block(3);
		const last = this.exact(result, 2);
		this.result = undefined;
		this.scope = [];
		this.texts.push(
			`function ${name}(${parameters.map((k, i) => `${names[i]}: ${k.name}`).join(", ")}): ${result.name}${optional ? " | undefined" : ""} {\n${body.text}\nreturn ${last.text};\n}`,
		);
		this.functions.push({
			name,
			parameters,
			result,
			optional,
			run: (w, args) => {
				for (const [i, v] of args.entries()) w.variables.set(names[i]!, v);
				const signal = body.run(w);
				return signal && "value" in signal ? (signal.value as bigint | undefined) : last.run(w);
			},
		});
	}

	protected block(most: number): Statement {
		const scope = this.scope.length;
		const list: Statement[] = [];
		for (let n = 0; n < most && this.statements > 0; n++) {
			this.statements--;
			list.push(this.statement());
		}
		this.scope.length = scope;
		return {
			text: list.map((s) => s.text).join("\n"),
			run: (w) => {
				for (const s of list) {
					const signal = s.run(w);
					if (signal) return signal;
				}
				return undefined;
			},
		};
	}
	/** A block whose variables stay for what comes after: the program's own. */
	protected statement(): Statement {
		const deep = this.depth >= 3;
		this.depth++;
		try {
			switch (this.choose(deep ? 12 : 19)) {
				default:
					return this.account();
				case 1:
				case 2:
					return this.declaration();
				case 3:
					return this.declareStruct();
				case 4:
					return this.assign();
				case 5:
				case 6:
					return this.assignMember();
				case 7:
					return this.mapWrite();
				case 8:
					return this.leave();
				case 9:
					return this.declareText();
				case 10:
					return this.optional();
				case 11:
					return this.emit();
				case 12:
				case 13:
					return this.if();
				case 14:
				case 15:
					return this.loop();
				case 16:
					return this.switch();
				case 17:
					return this.reference();
				case 18:
					return this.labelled();
			}
		} finally {
			this.depth--;
		}
	}

	/** break, continue or return, under a condition. */
	protected leave(): Statement {
		const c = this.bool(2);
		const ways: { text: string; signal: (w: World) => Signal }[] = [];
		for (const l of this.labels) {
			ways.push({ text: `break ${l.name};`, signal: () => ({ way: "break", label: l.name }) });
			if (l.loop) ways.push({ text: `continue ${l.name};`, signal: () => ({ way: "continue", label: l.name }) });
		}
		if (this.labels.at(-1)?.loop) {
			ways.push({ text: "break;", signal: () => ({ way: "break" }) });
			ways.push({ text: "continue;", signal: () => ({ way: "continue" }) });
		}
		if (!this.inRecord) {
			const result = this.result;
			if (!result) ways.push({ text: "return XDP.DROP;", signal: () => ({ value: 1n }) });
			else if (result.optional && this.choose(2) === 1)
				ways.push({ text: "return undefined;", signal: () => ({ value: undefined }) });
			else {
				const e = this.exact(result.kind, 2);
				ways.push({ text: `return ${e.text};`, signal: (w) => ({ value: e.run(w) }) });
			}
		}
		if (ways.length === 0) return this.account();
		const way = this.pick(ways);
		return { text: `if (${c.text}) ${way.text}`, run: (w) => (c.run(w) ? way.signal(w) : undefined) };
	}

	protected optional(): Statement {
		const kind = this.pick(WIDE);
		const name = this.name("o");
		const c = this.bool(1);
		const e = this.exact(kind, 2);
		const value = this.name("v");
		const inner = (): Statement => {
			const scope = this.scope.length;
			this.scope.push({ name, type: kind, mutable: false });
			const b = this.block(2);
			this.scope.length = scope;
			return b;
		};
		const body = inner();
		const missing = this.literal(kind);
		const early = this.choose(2) === 0;
		this.scope.push({ name: value, type: kind, mutable: false });
		const head = early
			? `let ${name}: ${kind.name} | undefined = ${c.text} ? ${e.text} : undefined;`
			: `let ${name}: ${kind.name} | undefined;\nif (${c.text}) ${name} = ${e.text};`;
		return {
			text: `${head}\nif (${name} !== undefined) {\n${body.text}\n}\nconst ${value}: ${kind.name} = ${name} ?? ${missing.text};`,
			run: (w) => {
				w.variables.set(name, c.run(w) ? e.run(w) : undefined);
				if (w.variables.get(name) !== undefined) {
					const signal = body.run(w);
					if (signal) return signal;
				}
				w.variables.set(value, w.variables.get(name) ?? missing.run(w));
				return undefined;
			},
		};
	}

	protected emit(): Statement {
		if (this.result || this.inRecord) return this.account();
		const name = this.name("e");
		const scope = this.scope.length;
		this.scope.push({ name, type: "point", mutable: true });
		this.inRecord = true;
		const labels = this.labels;
		this.labels = [];
		const list = Array.from({ length: 1 + this.choose(5) }, () => this.assignMember());
		const drop = this.choose(3) === 2 ? this.bool(1) : undefined;
		this.labels = labels;
		this.inRecord = false;
		this.scope.length = scope;
		return {
			text: `events.emit((${name}) => {\n${list.map((s) => s.text).join("\n")}\n${drop ? `if (${drop.text}) return false;\n` : ""}});`,
			run: (w) => {
				const record = zeroOf(POINT);
				w.variables.set(name, record);
				for (const s of list) s.run(w);
				if (!drop?.run(w)) w.records.push(record);
				return undefined;
			},
		};
	}

	protected if(): Statement {
		const c = this.bool(3);
		const a = this.block(3);
		const b = this.choose(2) === 0 ? this.block(2) : undefined;
		return {
			text: `if (${c.text}) {\n${a.text}\n}${b ? ` else {\n${b.text}\n}` : ""}`,
			run: (w) => (c.run(w) ? a.run(w) : b?.run(w)),
		};
	}

	protected loop(): Statement {
		if (this.labels.filter((l) => l.loop).length >= 2) return this.account();
		const label = this.name("l");
		const count = BigInt(1 + this.choose(4));
		const form = this.choose(4);
		// Counters of for loops stay below 4 in the body.
		const i = this.name(form === 0 ? "m" : "n");
		// A bound that only the run knows.
		const bound = form === 0 && this.choose(2) === 1 ? this.int(U32, 1) : undefined;
		const c = form === 1 || form === 2 ? this.bool(1) : undefined;
		const scope = this.scope.length;
		this.labels.push({ name: label, loop: true });
		this.scope.push({ name: i, type: U32, mutable: false });
		const body = this.block(3);
		this.labels.pop();
		this.scope.length = scope;
		const go = (w: World, test: (n: bigint) => boolean, first: boolean, step: "before" | "after"): Signal => {
			w.variables.set(i, 0n);
			const at = () => w.variables.get(i) as bigint;
			for (let skip = first; skip || test(at()); skip = false) {
				if (step === "before") w.variables.set(i, at() + 1n);
				const signal = body.run(w);
				if (signal) {
					if (!("way" in signal)) return signal;
					if (signal.label !== undefined && signal.label !== label) return signal;
					if (signal.way === "break") return undefined;
				}
				if (step === "after") w.variables.set(i, at() + 1n);
			}
			return undefined;
		};
		switch (form) {
			case 0: {
				const b = bound && this.closed(bound);
				return {
					text: `${label}: for (let ${i}: u32 = 0; ${i} < ${b ? `(${b.text} & ${count & 3n})` : count}; ${i}++) {\n${body.text}\n}`,
					run: (w) => go(w, (n) => n < (b ? b.run(w) & count & 3n : count), false, "after"),
				};
			}
			case 1:
				return {
					text: `let ${i}: u32 = 0;\n${label}: while (${i} < ${count} && ${c!.text}) {\n${i}++;\n${body.text}\n}`,
					run: (w) => go(w, (n) => n < count && c!.run(w), false, "before"),
				};
			case 2:
				return {
					text: `let ${i}: u32 = 0;\n${label}: do {\n${i}++;\n${body.text}\n} while (${i} < ${count} && ${c!.text});`,
					run: (w) => go(w, (n) => n < count && c!.run(w), true, "before"),
				};
			default:
				return {
					text: `let ${i}: u32 = 0;\n${label}: for (;;) {\nif (${i} >= ${count}) break;\n${i}++;\n${body.text}\n}`,
					run: (w) => go(w, (n) => n < count, false, "before"),
				};
		}
	}

	protected switch(): Statement {
		const kind = this.pick([U32, I32]);
		const e = this.closed(this.int(kind, 2));
		const label = this.name("l");
		const values = [0n, 1n, 2n, 3n].slice(0, 1 + this.choose(4));
		const missing = this.choose(values.length + 2);
		this.labels.push({ name: label, loop: false });
		const cases = values.map((v) => ({
			v: v as bigint | undefined,
			body: this.block(2),
			breaks: this.choose(3) !== 0,
		}));
		if (missing <= values.length)
			cases.splice(missing, 0, { v: undefined, body: this.block(2), breaks: this.choose(3) !== 0 });
		this.labels.pop();
		return {
			text: `${label}: switch (${e.text} & 7) {\n${cases
				.map(
					(c) => `${c.v === undefined ? "default:" : `case ${c.v}:`} {\n${c.body.text}\n${c.breaks ? "break;\n" : ""}}`,
				)
				.join("\n")}\n}`,
			run: (w) => {
				const v = e.run(w) & 7n;
				let n = cases.findIndex((c) => c.v === v);
				if (n < 0) n = cases.findIndex((c) => c.v === undefined);
				if (n < 0) return undefined;
				for (; n < cases.length; n++) {
					const signal = cases[n]!.body.run(w);
					if (signal) {
						if ("way" in signal && signal.way === "break" && signal.label === label) return undefined;
						return signal;
					}
					if (cases[n]!.breaks) return undefined;
				}
				return undefined;
			},
		};
	}

	/** A map value in place, used where it is there. */
	protected reference(): Statement {
		if (this.result) return this.account();
		const own = this.choose(2) === 0;
		const name = this.name(own ? "x" : "r");
		const e = this.closed(this.int(U32, 1));
		const mask = this.choose(2) === 0 ? 3n : 7n;
		const scope = this.scope.length;
		this.scope.push({ name, type: "point", mutable: true });
		const body = this.block(4);
		this.scope.length = scope;
		return {
			text: `const ${name} = ${own ? "own" : "points"}.ref(${e.text} & ${mask});\nif (${name}) {\n${body.text}\n}`,
			run: (w) => {
				const value = (own ? w.cpu : w.array)[Number(e.run(w) & mask)];
				if (!value) return undefined;
				w.variables.set(name, value);
				return body.run(w);
			},
		};
	}

	protected labelled(): Statement {
		const label = this.name("l");
		this.labels.push({ name: label, loop: false });
		const body = this.block(3);
		this.labels.pop();
		return {
			text: `${label}: {\n${body.text}\n}`,
			run: (w) => {
				const signal = body.run(w);
				return signal && "way" in signal && signal.label === label ? undefined : signal;
			},
		};
	}
}
