import type { Report } from "#diagnostics";
import type { Position, Type } from "#ir";
import { MAP_WORDS, PROGRAM_WORDS, wordOf } from "#language";
import type {
	Analysis,
	Binding,
	Constant,
	MapDeclaration,
	OptionsDeclaration,
	ProgramDeclaration,
	SharedDeclaration,
	SourceModule,
	TypeRef,
} from "./analysis.ts";
import { evaluate, fits } from "./constants.ts";
import { type DeclarationContext, functionOf, type HandleCall } from "./declarations.ts";
import { type Halves, splitHalves } from "./halves.ts";
import { readMap } from "./maps.ts";
import { Names } from "./names.ts";
import { readOptions, readShared } from "./options.ts";
import { readProgram } from "./programs.ts";
import { importedPath, type ResolvedModule, resolveModules, type Sources, type TopName } from "./resolve.ts";
import { freeReferences } from "./scope.ts";
import { checkHalves } from "./subset.ts";
import { isFunction, type Node, unwrap } from "./tree.ts";
import { Types } from "./types.ts";

/** All that is known without looking into function bodies. Findings go to the report; a broken declaration is left out. */
export function analyze(sources: Sources, report: Report): Analysis {
	return new Analyzer(sources, report).run();
}

class Analyzer implements DeclarationContext {
	readonly #report: Report;
	readonly #modules: ResolvedModule[];
	readonly #names: Names;
	readonly types: Types;
	/** Declarations by call; `undefined`: it was refused. */
	readonly #declarations = new Map<Node, Binding | undefined>();
	readonly #symbols = new Set<string>();
	readonly #maps: MapDeclaration[] = [];
	readonly #programs: ProgramDeclaration[] = [];
	readonly #options: OptionsDeclaration[] = [];
	readonly #shared: SharedDeclaration[] = [];
	readonly #roots: { node: Node; module: ResolvedModule }[] = [];

	constructor(sources: Sources, report: Report) {
		this.#report = report;
		this.#modules = resolveModules(sources, report);
		this.#names = new Names(this.#modules, (m, name, symbol) => this.#declared(m, name, symbol));
		this.types = new Types({
			type: (m, name) => this.#names.type(m, name),
			evaluate: (m, node) => this.evaluate(m, node),
			refuse: (code, m, node, message, remedy) => this.refuse(code, m, node, message, remedy),
		});
	}

	lookup(module: ResolvedModule, name: string): Binding | undefined {
		return this.#names.value(module, name);
	}

	evaluate(module: ResolvedModule, node: Node): Constant | undefined {
		return evaluate(node, (name) => this.lookup(module, name));
	}

	uniqueSymbol(wanted: string): string {
		const base = wanted.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_");
		let name = base;
		for (let i = 2; this.#symbols.has(name); i++) name = `${base}_${i}`;
		this.#symbols.add(name);
		return name;
	}

	refuse(
		code: `SK${number}`,
		module: ResolvedModule,
		node: Node,
		message: string,
		remedy: string,
		severity: "error" | "warning" = "error",
	): void {
		const { line, column } = module.lines.place(node.start);
		const length = Math.max(1, (module.text.slice(node.start, node.end).split(/[\r\n]/, 1)[0] ?? "").length);
		this.#report.add({ code, severity, file: module.path, line, column, length, message, remedy });
	}

	programFunction(node: Node, module: ResolvedModule): void {
		this.#roots.push({ node, module });
	}

	/** The word of a call to a constructor, by name or through a namespace. */
	#constructorOf(module: ResolvedModule, call: Node): string | undefined {
		const callee = unwrap(call["callee"]);
		if (callee.type !== "Identifier") return undefined;
		const b = this.lookup(module, callee["name"]);
		return b?.kind === "vocabulary" && wordOf(b.module, b.name)?.kind === "constructor" ? b.name : undefined;
	}

	#declared(module: ResolvedModule, name: string, symbol: TopName): Binding | undefined {
		if (symbol.kind !== "const" || !symbol.node["init"]) return undefined;
		const init = unwrap(symbol.node["init"]);
		const word = this.#uncompiledRoot(module, init) ?? this.#enumerator(module, symbol, init);
		if (word) return word;
		if (symbol.id !== symbol.node["id"]) {
			const value = destructured(symbol.node["id"], symbol.id, this.evaluate(module, symbol.node["init"]));
			return value && { kind: "constant", module, name, node: symbol.node, value };
		}
		if (isFunction(init)) return undefined;
		if (init.type === "CallExpression") {
			const word = this.#constructorOf(module, init);
			if (word && !module.evaluated) return { kind: "user", name };
			if (word) return this.#declaration({ module, word, call: init, name }) ?? { kind: "broken", name };
		}
		const value = this.evaluate(module, symbol.node["init"]);
		return (
			value && { kind: "constant", module, name, node: symbol.node, value: this.#annotated(module, symbol.node, value) }
		);
	}

	/** `const { TCP_CLOSE } = enums.tcp_state`: the word itself, as long as it is not compiled, so that uses are said to be. */
	#uncompiledRoot(module: ResolvedModule, init: Node): Binding | undefined {
		let root = init;
		while (root.type === "MemberExpression") root = unwrap(root["object"]);
		if (root.type !== "Identifier") return undefined;
		const b = this.lookup(module, root["name"]);
		const word = b?.kind === "vocabulary" ? wordOf(b.module, b.name) : undefined;
		return word?.kind === "object" && !word.compiled ? b : undefined;
	}

	/** `const { TCP_CLOSE } = enums.tcp_state`: known when loading, so the word with its path stands for it. */
	#enumerator(
		module: ResolvedModule,
		symbol: TopName & { kind: "const" | "let" | "using" },
		init: Node,
	): Binding | undefined {
		const path: string[] = [];
		let root = init;
		for (; root.type === "MemberExpression" && !root["computed"]; root = unwrap(root["object"]))
			path.unshift(root["property"]["name"]);
		const b = root.type === "Identifier" ? this.lookup(module, root["name"]) : undefined;
		if (b?.kind !== "vocabulary" || b.name !== "enums") return undefined;
		if (symbol.id !== symbol.node["id"]) {
			const properties: Node[] = symbol.node["id"]["properties"] ?? [];
			const property = properties.find((p) => p["value"] === symbol.id);
			if (!property || property["computed"]) return undefined;
			path.push(property["key"]["name"]);
		}
		return { ...b, name: ["enums", ...path].join(".") };
	}

	/** Gives a constant the type of its annotation; SK2003 where it does not fit. */
	#annotated(module: ResolvedModule, declarator: Node, value: Constant): Constant {
		const annotation: Node | undefined = declarator["id"].typeAnnotation?.typeAnnotation;
		if (
			!annotation ||
			value.kind !== "int" ||
			annotation.type !== "TSTypeReference" ||
			annotation["typeName"].type !== "Identifier"
		)
			return value;
		const b = this.#names.type(module, annotation["typeName"].name);
		if (b?.kind !== "vocabulary" || !/^[ui](8|16|32|64)$/.test(b.name)) return value;
		const type = this.types.resolve(module, annotation);
		if (type?.kind !== "int") return value;
		if (fits(value.value, type)) return { ...value, type };
		const [low, high] = type.signed
			? [-(1n << BigInt(type.bits - 1)), (1n << BigInt(type.bits - 1)) - 1n]
			: [0n, (1n << BigInt(type.bits)) - 1n];
		this.refuse(
			"SK2003",
			module,
			declarator["init"],
			`${value.value} is out of range for ${b.name}`,
			`write a value from ${low} to ${high}, or a wider type`,
		);
		return value;
	}

	/** Reads a handle once; the binding, or undefined where it was refused. */
	#declaration(handle: HandleCall): Binding | undefined {
		if (this.#declarations.has(handle.call)) return this.#declarations.get(handle.call);
		this.#declarations.set(handle.call, undefined);
		const binding = this.#read(handle);
		this.#declarations.set(handle.call, binding);
		return binding;
	}

	#read(handle: HandleCall): Binding | undefined {
		const { module, word, call, name } = handle;
		if (!wordOf("skep", word)?.compiled) {
			this.refuse(
				"SK1010",
				module,
				call["callee"],
				`\`${word}\` is part of the language but not compiled by this version`,
				"write it with words that this version compiles",
			);
			// Its functions are kernel code all the same: nothing is said about what they use.
			for (const a of call["arguments"] as Node[])
				freeReferences(
					a,
					() => {},
					(n) => {
						const fn = functionOf(this, module, n);
						if (fn) this.programFunction(fn.node, fn.module);
						return fn === undefined;
					},
				);
			return undefined;
		}
		if (word in MAP_WORDS) {
			const map = readMap(this, handle);
			if (map) this.#maps.push(map);
			return map && { kind: "map", map };
		}
		if (word in PROGRAM_WORDS) {
			const program = readProgram(this, handle);
			if (program) this.#programs.push(program);
			return program && { kind: "program", program };
		}
		if (word === "options") {
			const options = readOptions(this, handle);
			if (options) this.#options.push(options);
			return options && { kind: "options", options };
		}
		if (word === "shared") {
			const shared = readShared(this, handle);
			if (shared) this.#shared.push(shared);
			return shared && { kind: "shared", shared };
		}
		if (word === "subprogram") {
			const args = call["arguments"] as Node[];
			const fn = args.length > 0 ? functionOf(this, module, args.at(-1)!) : undefined;
			const settings = args.length > 1 ? this.evaluate(module, args[0]!) : undefined;
			const set = (member: string): boolean => {
				const c = settings?.kind === "object" ? settings.members.get(member) : undefined;
				return c?.kind === "bool" && c.value;
			};
			if (fn)
				return {
					kind: "function",
					module: fn.module,
					name: name ?? "subprogram",
					node: fn.node,
					subprogram: { global: set("global"), weak: set("weak") },
				};
			this.refuse(
				"SK1007",
				module,
				call,
				"`subprogram` takes a function that is known when compiling",
				"write the function here",
			);
			return undefined;
		}
		this.refuse(
			"SK1010",
			module,
			call["callee"],
			`\`${word}\` is part of the language but not compiled by this version`,
			"write it with other words",
		);
		return undefined;
	}

	run(): Analysis {
		for (const m of this.#modules) this.#checkImports(m);
		for (const m of this.#modules) if (m.evaluated) for (const h of this.#handlesOf(m)) this.#declaration(h);
		// Constants with a type are checked even where nobody reads them.
		for (const m of this.#modules) if (m.evaluated) for (const name of m.values.keys()) this.lookup(m, name);

		const halves: Halves = splitHalves(this.#modules, this.#roots, (m, name) => this.lookup(m, name));
		checkHalves(halves, (...args) => this.refuse(...args));

		const as = (m: SourceModule): ResolvedModule => m as ResolvedModule;
		const order = <T extends { readonly module: SourceModule; readonly call: Node }>(list: T[]): T[] =>
			list.sort((a, b) => a.module.index - b.module.index || a.call.start - b.call.start);
		const collected = this.#collection();
		return {
			modules: this.#modules,
			maps: order(this.#maps),
			programs: order(this.#programs).filter((p) => collected.has(p)),
			options: order(this.#options),
			shared: order(this.#shared),
			license: this.#license(),
			words: this.#words(halves),
			kernelFunctions: new Set(halves.kernel.keys()),
			kernelOnly: new Set(
				[...halves.kernel]
					.filter(([node, m]) => !halves.user.has(node) && !this.#isExported(m, node))
					.map(([node]) => node),
			),
			userHalf: this.#modules[0]
				? hasUserHalf(this.#modules[0], (call) => this.#constructorOf(this.#modules[0]!, call) !== undefined)
				: false,
			lookup: (m, name) => this.lookup(as(m), name),
			resolveType: (m, node): TypeRef | undefined => this.types.resolve(as(m), node),
			sizedType: (m, node): Type | undefined => this.types.sized(as(m), node),
			evaluate: (m, node) => this.evaluate(as(m), node),
			position: (m, node): Position => ({ file: m.index, ...as(m).lines.place(node.start) }),
		};
	}

	#checkImports(module: ResolvedModule): void {
		for (const [name, s] of module.values) {
			if (s.kind !== "import" || this.#names.exports(module, s.specifier, s.imported)) continue;
			this.refuse(
				"SK1002",
				module,
				s.node,
				`\`${s.specifier}\` has no export \`${s.imported}\``,
				"correct the name, or import it from where it is declared",
			);
			void name;
		}
	}

	/** Constructor calls in their places; SK5001 and SK1011 for those that stand elsewhere. */
	#handlesOf(module: ResolvedModule): HandleCall[] {
		const handles: HandleCall[] = [];
		const seen = new Set<Node>();
		const take = (call: Node, name: string | undefined): void => {
			const word = this.#constructorOf(module, call);
			if (!word) return;
			seen.add(call);
			handles.push({ module, word, call, name });
		};
		for (const raw of module.program["body"] as Node[]) {
			const s: Node =
				(raw.type === "ExportNamedDeclaration" || raw.type === "ExportDefaultDeclaration") && raw["declaration"]
					? raw["declaration"]
					: raw;
			if (s.type === "VariableDeclaration" && s["kind"] === "const") {
				for (const d of s["declarations"] as Node[])
					if (d["id"].type === "Identifier" && d["init"]) {
						const init = unwrap(d["init"]);
						if (init.type === "CallExpression") take(init, d["id"].name);
					}
			} else {
				const e = s.type === "ExpressionStatement" ? unwrap(s["expression"]) : s;
				if (e.type === "CallExpression") take(e, undefined);
			}
		}
		// Calls within the arguments of a refused word (`firstOf(fentry(…))`) are not refused once more.
		const within: Node[] = [...seen].filter(
			(call) => !wordOf("skep", this.#constructorOf(module, call) ?? "")?.compiled,
		);
		freeReferences(module.program, (identifier, parents) => {
			const parent = parents.at(-1);
			const b = this.lookup(module, identifier["name"]);
			if (
				b?.kind === "user" &&
				(b.from === "skep" || b.from === "skep/net" || b.from === "skep/uapi") &&
				parent?.type === "MemberExpression"
			) {
				if (wordOf(b.from, String(parent["property"].name))?.kind === "constructor")
					this.refuse(
						"SK1011",
						module,
						parent,
						`\`${identifier["name"]}.${parent["property"].name}\`: the vocabulary is used through a namespace`,
						`write \`import { ${parent["property"].name} } from "${b.from}"\` and the bare name`,
					);
				return;
			}
			if (b?.kind !== "vocabulary" || wordOf(b.module, b.name)?.kind !== "constructor") return;
			const call = parents.findLast((p) => p.type === "CallExpression" && unwrap(p["callee"]) === identifier);
			if (call && (seen.has(call) || within.some((w) => w.start <= call.start && call.end <= w.end))) return;
			if (!call) {
				this.refuse(
					"SK1011",
					module,
					identifier,
					`\`${b.name}\` is handed on under another name`,
					"call it where the handle is declared",
				);
				return;
			}
			this.refuse(
				"SK5001",
				module,
				call,
				`\`${b.name}\` stands ${whereIs(parents, call)}`,
				`declare it at the top of the module: \`const x = ${b.name}(…)\``,
			);
		});
		return handles;
	}

	/** Programs of the entry, those it imports by name, and all of modules that are imported for effect. */
	#collection(): Set<ProgramDeclaration> {
		const collected = new Set<ProgramDeclaration>();
		const byPath = new Map(this.#modules.map((m) => [m.path, m]));
		const whole = new Set<ResolvedModule>();
		const all = (m: ResolvedModule | undefined): void => {
			if (!m || whole.has(m)) return;
			whole.add(m);
			for (const p of this.#programs) if (p.module === m) collected.add(p);
			for (const i of m.imports) if (i.effect) target(m, i.specifier);
		};
		const target = (m: ResolvedModule, specifier: string): void => {
			const path = importedPath(m.path, specifier);
			if (path !== undefined) all(byPath.get(path));
		};
		const entry = this.#modules[0];
		if (!entry) return collected;
		all(entry);
		const named = (name: string): void => {
			const b = this.lookup(entry, name);
			if (b?.kind === "program") collected.add(b.program);
		};
		for (const [name, s] of entry.values) {
			if (s.kind === "import" && s.imported === "*" && !s.typeOnly) target(entry, s.specifier);
			else named(name);
		}
		for (const [name, e] of entry.exports) {
			if ("imported" in e && e.imported === "*") target(entry, e.specifier);
			const b = this.#names.exported(entry, name);
			if (b?.kind === "program") collected.add(b.program);
		}
		for (const s of entry.stars) target(entry, s);
		return collected;
	}

	#words(halves: Halves): Analysis["words"] {
		const handles = [...this.#maps, ...this.#programs, ...this.#options, ...this.#shared].map((d) => ({
			word: wordOf("skep", "word" in d ? d.word : "entries" in d ? "options" : "shared"),
			module: d.module,
			node: d.call,
		}));
		const used = halves.kernelReferences.map((r) => ({
			word: r.binding?.kind === "vocabulary" ? wordOf(r.binding.module, r.binding.name) : undefined,
			module: r.module as SourceModule,
			node: r.node,
		}));
		return [...handles, ...used].flatMap(({ word, module, node }) => (word ? [{ word, module, node }] : []));
	}

	#isExported(module: ResolvedModule, node: Node): boolean {
		for (const e of module.exports.values()) {
			if (!("local" in e)) continue;
			const b = this.lookup(module, e.local);
			if (b?.kind === "function" && b.node === node) return true;
		}
		return false;
	}

	#license(): string {
		const entry = this.#modules[0];
		if (!entry?.exports.has("license")) return "GPL";
		const b = this.#names.exported(entry, "license");
		if (b?.kind === "constant" && b.value.kind === "string") return b.value.value;
		const s = entry.values.get("license");
		if (s) this.refuse("SK5001", entry, s.node, "the licence is not constant", 'write `export const license = "GPL";`');
		return "GPL";
	}
}

function whereIs(parents: readonly Node[], call: Node): string {
	const above = parents.slice(0, parents.indexOf(call));
	for (const p of above.toReversed()) {
		if (isFunction(p)) return "in a function";
		if (/^(?:For|While|DoWhile)/.test(p.type)) return "in a loop";
		if (
			p.type === "IfStatement" ||
			p.type === "ConditionalExpression" ||
			p.type === "LogicalExpression" ||
			p.type === "SwitchStatement"
		)
			return "in a condition";
		if (p.type.startsWith("Class")) return "in a class";
		if (p.type === "VariableDeclaration" && p["kind"] !== "const") return `in a \`${p["kind"]}\``;
		if (p.type === "BlockStatement") return "in a block";
	}
	return "inside an expression";
}

/** Statements besides declarations, imports, exports and types, or an exported `main`. `isHandle`: calls that declare. */
function hasUserHalf(module: ResolvedModule, isHandle: (call: Node) => boolean): boolean {
	if (module.exports.has("main")) return true;
	for (const raw of module.program["body"] as Node[]) {
		const s: Node =
			(raw.type === "ExportNamedDeclaration" || raw.type === "ExportDefaultDeclaration") && raw["declaration"]
				? raw["declaration"]
				: raw;
		if (s.type === "ExpressionStatement") {
			const e = unwrap(s["expression"]);
			if (e.type !== "Literal" && !(e.type === "CallExpression" && isHandle(e))) return true;
		} else if (s.type === "VariableDeclaration") {
			if (s["kind"] === "using" || s["kind"] === "await using") return true;
			if ((s["declarations"] as Node[]).some((d) => d["init"] && awaits(d["init"]))) return true;
		} else if (s.type.endsWith("Statement") && s.type !== "EmptyStatement") return true;
	}
	return false;
}

function awaits(node: Node): boolean {
	let found = false;
	freeReferences(
		node,
		() => {},
		(n) => {
			if (isFunction(n)) return false;
			if (n.type === "AwaitExpression") found = true;
			return true;
		},
	);
	return found;
}

/** Value of one name of `const { A, b: C } = OBJECT`; deeper patterns have none. */
function destructured(pattern: Node, id: Node, value: Constant | undefined): Constant | undefined {
	if (pattern.type === "ObjectPattern" && value?.kind === "object") {
		for (const p of pattern["properties"] as Node[])
			if (p.type === "Property" && !p["computed"] && p["value"] === id)
				return value.members.get(p["key"].name ?? p["key"].value);
	}
	if (pattern.type === "ArrayPattern" && value?.kind === "array") {
		const i = (pattern["elements"] as (Node | null)[]).indexOf(id);
		return i < 0 ? undefined : value.elements[i];
	}
	return undefined;
}
