import type { ManifestOption, OptionJson, OptionType } from "@skep/bpf/spec";
import { type StructType, sizeOf, type Type } from "#ir";
import { MAP_WORDS, PROGRAM_WORDS } from "#language";
import type {
	Binding,
	Constant,
	MapDeclaration,
	OptionEntry,
	OptionsDeclaration,
	ProgramDeclaration,
	SharedDeclaration,
} from "./analysis.ts";
import { fits, formatIp4 } from "./constants.ts";
import type { ResolvedModule } from "./resolve.ts";
import { isFunction, type Node, propertyName, typeArguments, unwrap } from "./tree.ts";
import { layout, type Types } from "./types.ts";

/** What reading declarations needs from its surroundings. */
export interface DeclarationContext {
	readonly types: Types;
	lookup(module: ResolvedModule, name: string): Binding | undefined;
	evaluate(module: ResolvedModule, node: Node): Constant | undefined;
	/** A symbol's name that nothing else in the object has. */
	uniqueSymbol(wanted: string): string;
	/** Told of every function that is handed to a program's constructor, even where the declaration is refused. */
	programFunction(node: Node, module: ResolvedModule): void;
	refuse(
		code: "SK2101" | "SK5001" | "SK5006" | "SK1007",
		module: ResolvedModule,
		node: Node,
		message: string,
		remedy: string,
	): void;
}

/** A call of a constructor at the top of a module. `name`: of the constant that holds it. */
export interface HandleCall {
	readonly module: ResolvedModule;
	readonly word: string;
	readonly call: Node;
	readonly name: string | undefined;
}

const U32: Type = { kind: "int", bits: 32, signed: false };
const U64: Type = { kind: "int", bits: 64, signed: false };
const NO_PREALLOC = 1;
const NUMA_NODE = 4;
const RDONLY = 8;
const RDONLY_PROG = 128;
/** How many keys times buckets a keyed histogram has room for where the source says nothing. */
const HISTOGRAM_KEYS = 10240;
const LOG2_SLOTS = 65;

/** Members of a literal object of options, by name. Reports what is not constant. */
function literalMembers(
	context: DeclarationContext,
	module: ResolvedModule,
	node: Node,
	what: string,
): Map<string, Node> | undefined {
	const object = unwrap(node);
	const refuse = (at: Node): undefined => {
		context.refuse(
			"SK5001",
			module,
			at,
			`the options of \`${what}\` are not written out here`,
			"write an object literal with constant members",
		);
		return undefined;
	};
	if (object.type !== "ObjectExpression") return refuse(node);
	const members = new Map<string, Node>();
	for (const p of object["properties"] as Node[]) {
		const name = p.type === "Property" ? propertyName(p) : undefined;
		if (name === undefined || p["kind"] !== "init") return refuse(p);
		members.set(name, p["value"]);
	}
	return members;
}

/** `hash<K, V>(max, options)` and its kin to a declaration; undefined after a report. */
export function readMap(context: DeclarationContext, handle: HandleCall): MapDeclaration | undefined {
	const { module, word, call } = handle;
	const row = MAP_WORDS[word]!;
	const name = context.uniqueSymbol(handle.name ?? word);
	const args = [...(call["arguments"] as Node[])];
	const typeNodes = typeArguments(call);
	const wanted = row.shape === "key-value" ? 2 : row.shape === "histogram" ? 0 : 1;
	if (typeNodes.length < wanted) {
		const form =
			row.shape === "key-value" ? `${word}<K, V>` : row.shape === "record" ? `${word}<Record>` : `${word}<V>`;
		context.refuse("SK2101", module, call["callee"], `\`${word}\` is missing its types`, `write \`${form}(…)\``);
		return undefined;
	}
	const type = (index: number, hint: string): Type | undefined => {
		const node = typeNodes[index];
		return node && context.types.sized(module, node, `${name}_${hint}`);
	};

	let key: Type | undefined;
	let value: Type | undefined;
	let record: StructType | undefined;
	let histogram: MapDeclaration["histogram"];
	let kernelType = row.type;
	let whole = true;
	switch (row.shape) {
		case "key-value":
			key = type(0, "key");
			value = type(1, "value");
			whole = key !== undefined && value !== undefined;
			break;
		case "value":
			key = U32;
			value = type(0, "value");
			whole = value !== undefined;
			break;
		case "record": {
			const r = type(0, "record");
			if (r?.kind === "struct") record = r;
			else if (r)
				context.refuse(
					"SK2101",
					module,
					typeNodes[0]!,
					"a record is a struct",
					`write \`${word}<{ value: ${module.text.slice(typeNodes[0]!.start, typeNodes[0]!.end)} }>(…)\``,
				);
			whole = record !== undefined;
			break;
		}
		case "histogram": {
			const keyed = typeNodes[0] !== undefined && typeNodes[0].type !== "TSVoidKeyword";
			histogram = { keyed, scale: "log2" };
			value = U64;
			if (keyed) {
				kernelType = "percpu_hash";
				const k = type(0, "key");
				if (k)
					key = layout(
						context.types.uniqueName(`${name}_key`),
						[
							{ name: "key", type: k },
							{ name: "bucket", type: U32 },
						],
						false,
					);
				whole = key !== undefined;
			} else key = U32;
			break;
		}
	}

	// Size: the first argument, but for histograms, whose options may carry one.
	let maxEntries: number | undefined;
	if (row.shape !== "histogram") {
		const size = args.shift();
		if (!size) {
			context.refuse("SK5001", module, call, `\`${word}\` is missing its size`, `write \`${word}<…>(1024)\``);
			return undefined;
		}
		maxEntries = constantSize(context, module, size, `the size of \`${word}\``);
		if (
			maxEntries !== undefined &&
			word === "ringbuf" &&
			(maxEntries < 4096 || (maxEntries & (maxEntries - 1)) !== 0)
		) {
			const near = 2 ** Math.max(12, Math.ceil(Math.log2(Math.max(1, maxEntries))));
			context.refuse(
				"SK5006",
				module,
				size,
				`a ring buffer of ${maxEntries} bytes is impossible: it must be a power of two of at least 4096`,
				`write \`${Math.min(near, 1 << 30)}\``,
			);
			maxEntries = undefined;
		}
		if (maxEntries === undefined) whole = false;
	}

	let flags = 0;
	let pin: string | undefined;
	let numaNode: number | undefined;
	const optionsNode = args.shift();
	const members = optionsNode ? literalMembers(context, module, optionsNode, word) : new Map<string, Node>();
	if (!members) return undefined;
	for (const [member, node] of members) {
		if (member === "max" && histogram) {
			maxEntries = constantSize(context, module, node, "`max`");
			if (maxEntries === undefined) whole = false;
			continue;
		}
		if (member === "scale" && histogram) {
			const scale = readScale(context, module, node);
			if (scale) histogram = { keyed: histogram.keyed, scale };
			else whole = false;
			continue;
		}
		const c = context.evaluate(module, node);
		if (member === "pin" && c?.kind === "string") pin = c.value;
		else if (member === "noPrealloc" && c?.kind === "bool") flags |= c.value ? NO_PREALLOC : 0;
		else if (member === "numaNode" && c?.kind === "int") {
			numaNode = Number(c.value);
			flags |= NUMA_NODE;
		} else if (member === "readonly" && c?.kind === "string") flags |= c.value === "kernel" ? RDONLY_PROG : RDONLY;
		else {
			context.refuse("SK5001", module, node, `\`${member}\` of \`${word}\` is not constant`, "write a constant");
			whole = false;
		}
	}
	if (!whole) return undefined;
	if (histogram) {
		const slots =
			histogram.scale === "log2"
				? LOG2_SLOTS
				: Math.ceil((histogram.scale.to - histogram.scale.from) / histogram.scale.step) + 2;
		maxEntries = histogram.keyed ? (maxEntries ?? HISTOGRAM_KEYS) : slots;
	}
	if (value && sizeOf(value) > 32768 && kernelType.startsWith("percpu")) {
		context.refuse(
			"SK5006",
			module,
			call,
			`a per-CPU value of ${sizeOf(value)} bytes is impossible: the kernel's limit is 32768`,
			"make the value smaller, or take a map that is not per CPU",
		);
		return undefined;
	}
	return {
		module,
		name,
		word,
		type: kernelType,
		key,
		value,
		record,
		maxEntries: maxEntries!,
		flags,
		pin,
		...(numaNode === undefined ? {} : { numaNode }),
		...(histogram ? { histogram } : {}),
		call,
	};
}

function constantSize(
	context: DeclarationContext,
	module: ResolvedModule,
	node: Node,
	what: string,
): number | undefined {
	const c = context.evaluate(module, node);
	if (c?.kind !== "int") {
		context.refuse("SK5001", module, node, `${what} is not constant`, "write a number, or a constant of numbers");
		return undefined;
	}
	if (c.value < 1n || c.value > 0xffff_ffffn) {
		context.refuse(
			"SK5006",
			module,
			node,
			`${what} is ${c.value}: it must be from 1 to 4294967295`,
			"write a size in this range",
		);
		return undefined;
	}
	return Number(c.value);
}

function readScale(
	context: DeclarationContext,
	module: ResolvedModule,
	node: Node,
): "log2" | { from: number; to: number; step: number } | undefined {
	const c = context.evaluate(module, node);
	if (c?.kind === "string" && c.value === "log2") return "log2";
	if (c?.kind === "object") {
		const [from, to, step] = ["from", "to", "step"]
			.map((n) => c.members.get(n))
			.map((m) => (m?.kind === "int" ? Number(m.value) : undefined));
		if (from !== undefined && to !== undefined && step !== undefined) {
			if (from >= 0 && step > 0 && to > from && (to - from) / step <= 65536) return { from, to, step };
			context.refuse(
				"SK5006",
				module,
				node,
				`a scale from ${from} to ${to} in steps of ${step} is impossible`,
				"`from` is 0 or more and below `to`, `step` above 0, at most 65536 steps",
			);
			return undefined;
		}
	}
	context.refuse(
		"SK5001",
		module,
		node,
		"the scale is not constant",
		'write `"log2"`, or `{ from: 0, to: 100, step: 10 }`',
	);
	return undefined;
}

/** `tracepoint(name, options?, fn)` and its kin to a declaration; undefined after a report. */
export function readProgram(context: DeclarationContext, handle: HandleCall): ProgramDeclaration | undefined {
	const { module, word, call } = handle;
	const row = PROGRAM_WORDS[word]!;
	const args = call["arguments"] as Node[];
	const fnNode = args.at(-1);
	if (!fnNode) {
		context.refuse(
			"SK5001",
			module,
			call,
			`\`${word}\` is missing its function`,
			"hand it a function as the last argument",
		);
		return undefined;
	}
	let whole = true;
	const targets: string[] = [];
	let rest = args.slice(0, -1);
	if (row.hook !== "none") {
		const hook = rest[0];
		rest = rest.slice(1);
		const c = hook && context.evaluate(module, hook);
		const list = c?.kind === "array" && row.several ? c.elements : c ? [c] : [];
		for (const e of list) if (e.kind === "string") targets.push(e.value);
		if (!hook || targets.length === 0 || targets.length !== list.length) {
			context.refuse(
				"SK5001",
				module,
				hook ?? call,
				`the hook of \`${word}\` is not constant`,
				"write its name as a string",
			);
			whole = false;
		}
	}
	let attach = true;
	let optional = false;
	let sleepable = false;
	let frags = false;
	let mode: string | undefined;
	const target: Record<string, { value: string } | { option: string }> = {};
	const optionsNode = rest[0];
	const members = optionsNode ? literalMembers(context, module, optionsNode, word) : new Map<string, Node>();
	if (!members) whole = false;
	for (const [member, node] of members ?? []) {
		const c = context.evaluate(module, node);
		if (member === row.wants) {
			const option = optionOf(context, module, node);
			if (option) target[member] = { option };
			else if (c?.kind === "string") target[member] = { value: c.value };
			else if (c?.kind !== "undefined") {
				context.refuse(
					"SK5001",
					module,
					node,
					`\`${member}\` is neither constant nor an option`,
					`write a string, or \`opt.${member}\``,
				);
				whole = false;
			}
		} else if (c?.kind === "bool" && row.options.includes(member)) {
			if (member === "attach") attach = c.value;
			else if (member === "optional") optional = c.value;
			else if (member === "sleepable") sleepable = c.value;
			else if (member === "frags") frags = c.value;
		} else if (c?.kind === "string" && member === "mode") mode = c.value;
		else if (c?.kind !== "undefined") {
			context.refuse("SK5001", module, node, `\`${member}\` of \`${word}\` is not constant`, "write a constant");
			whole = false;
		}
	}
	const found = functionOf(context, module, fnNode);
	if (!found) {
		context.refuse(
			"SK1007",
			module,
			fnNode,
			`\`${module.text.slice(fnNode.start, Math.min(fnNode.end, fnNode.start + 30))}\` is no function that is known when compiling`,
			"write the function here, or name one that is declared at the top of a module",
		);
		return undefined;
	}
	context.programFunction(found.node, found.module);
	if (!whole) return undefined;
	const first = targets[0];
	const name = context.uniqueSymbol(handle.name ?? (first ? first.slice(first.indexOf(":") + 1) : word));
	return {
		module,
		name,
		word,
		targets,
		attach,
		optional,
		sleepable,
		target,
		wants: row.wants,
		mode,
		frags,
		fn: found.node,
		fnModule: found.module,
		call,
	};
}

/** The function that an expression names or is. */
export function functionOf(
	context: Pick<DeclarationContext, "lookup">,
	module: ResolvedModule,
	node: Node,
): { node: Node; module: ResolvedModule } | undefined {
	const inner = unwrap(node);
	if (isFunction(inner)) return { node: inner, module };
	const b = inner.type === "Identifier" ? context.lookup(module, inner["name"]) : undefined;
	return b?.kind === "function" ? { node: b.node, module: b.module as ResolvedModule } : undefined;
}

/** `opt.dev` to the option's name. */
function optionOf(context: DeclarationContext, module: ResolvedModule, node: Node): string | undefined {
	const n = unwrap(node);
	if (n.type !== "MemberExpression" || n["computed"] || n["object"].type !== "Identifier") return undefined;
	const b = context.lookup(module, n["object"].name);
	if (b?.kind !== "options") return undefined;
	return b.options.entries.find((e) => e.option.name === n["property"].name)?.option.name;
}

const OPTION_TYPES: Readonly<Record<OptionType, Type | undefined>> = {
	boolean: { kind: "bool" },
	u8: { kind: "int", bits: 8, signed: false },
	u16: { kind: "int", bits: 16, signed: false },
	u32: U32,
	i32: { kind: "int", bits: 32, signed: true },
	u64: U64,
	i64: { kind: "int", bits: 64, signed: true },
	duration: U64,
	bytes: U64,
	string: undefined,
	comm: { kind: "chars", size: 16 },
	path: undefined,
	pid: U32,
	interface: undefined,
	cgroup: undefined,
	ip4: { kind: "be", bits: 32 },
	port: { kind: "int", bits: 16, signed: false },
};

/** `options({…})` to a declaration; undefined after a report. */
export function readOptions(context: DeclarationContext, handle: HandleCall): OptionsDeclaration | undefined {
	const { module, call } = handle;
	const spec = (call["arguments"] as Node[])[0];
	const members = spec && literalMembers(context, module, spec, "options");
	if (!members) return undefined;
	const entries: OptionEntry[] = [];
	let whole = true;
	for (const [name, node] of members) {
		const refuse = (at: Node, message: string, remedy: string): void => {
			context.refuse("SK5001", module, at, message, remedy);
			whole = false;
		};
		const c = context.evaluate(module, node);
		if (c?.kind !== "object") {
			refuse(
				node,
				`the option \`${name}\` is not constant`,
				'write `{ type: "u32", help: "…" }` with constant members',
			);
			continue;
		}
		const get = (member: string): Constant | undefined => c.members.get(member);
		const text = (member: string): string | undefined => {
			const v = get(member);
			return v?.kind === "string" ? v.value : undefined;
		};
		const flag = (member: string): boolean => {
			const v = get(member);
			return v?.kind === "bool" && v.value;
		};
		const type = text("type");
		if (type === undefined || !(type in OPTION_TYPES)) {
			refuse(
				node,
				`the option \`${name}\` has no type that is known`,
				`write one of ${Object.keys(OPTION_TYPES).join(", ")}`,
			);
			continue;
		}
		const optionType = type as OptionType;
		const max = get("max");
		const size = max?.kind === "int" && max.value > 0n && max.value <= 4096n ? Number(max.value) : undefined;
		let valueType = OPTION_TYPES[optionType];
		if ((optionType === "string" || optionType === "path") && size !== undefined) valueType = { kind: "chars", size };
		const json = (v: Constant, at: Node): OptionJson | undefined => {
			const r = optionJson(v);
			const target = OPTION_TYPES[optionType];
			if (r === undefined) refuse(at, `a value of the option \`${name}\` is not constant`, "write a constant");
			else if (v.kind === "int" && target?.kind === "int" && !fits(v.value, target)) {
				context.refuse(
					"SK5006",
					module,
					at,
					`${v.value} is out of range for the option \`${name}\` of type ${type}`,
					"write a value that fits",
				);
				whole = false;
				return undefined;
			}
			return r;
		};
		const fallback = get("default");
		const value = fallback && fallback.kind !== "undefined" ? json(fallback, node) : undefined;
		const list = get("choices");
		const choices =
			list?.kind === "array" ? list.elements.map((e) => json(e, node)).filter((e) => e !== undefined) : undefined;
		const option: ManifestOption = {
			name,
			type: optionType,
			help: text("help") ?? "",
			...(text("short") === undefined ? {} : { short: text("short")! }),
			...(flag("positional") ? { positional: true as const } : {}),
			...(flag("required") ? { required: true as const } : {}),
			...(size === undefined ? {} : { max: size }),
			...(value === undefined ? {} : { default: value }),
			...(choices ? { choices } : {}),
		};
		entries.push({
			option,
			type: valueType,
			optional: value === undefined && !flag("required") && optionType !== "boolean",
		});
	}
	return whole ? { module, name: handle.name ?? "options", entries, call } : undefined;
}

function optionJson(c: Constant): OptionJson | undefined {
	switch (c.kind) {
		case "bool":
		case "string":
			return c.value;
		case "int":
			return c.big ? c.value.toString() : Number(c.value);
		case "be":
			return formatIp4(c);
		default:
			return undefined;
	}
}

/** `shared<T>({…})` to a declaration; undefined after a report. */
export function readShared(context: DeclarationContext, handle: HandleCall): SharedDeclaration | undefined {
	const { module, call } = handle;
	const name = handle.name ?? "shared";
	const typeNode = typeArguments(call)[0];
	if (!typeNode) {
		context.refuse(
			"SK2101",
			module,
			call["callee"],
			"`shared` is missing its type",
			"write `shared<{ count: u64 }>({ count: 0n })`",
		);
		return undefined;
	}
	const type = context.types.sized(module, typeNode, `${name}_shared`);
	const argument = (call["arguments"] as Node[])[0];
	const initial = argument && context.evaluate(module, argument);
	if (initial?.kind !== "object") {
		context.refuse(
			"SK5001",
			module,
			argument ?? call,
			"the first values of `shared` are not constant",
			"write an object literal with constant members",
		);
		return undefined;
	}
	if (type?.kind !== "struct") {
		if (type)
			context.refuse(
				"SK2101",
				module,
				typeNode,
				"`shared` holds a struct",
				"write `shared<{ count: u64 }>({ count: 0n })`",
			);
		return undefined;
	}
	const members = type.fields.map((f) => ({
		name: f.name,
		type: f.type,
		initial: initial.members.get(f.name) ?? ({ kind: "undefined" } as const),
		variable: context.uniqueSymbol(`${name}_${f.name}`),
	}));
	return { module, name, members, call };
}
