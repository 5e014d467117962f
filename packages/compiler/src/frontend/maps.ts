import { type StructType, sizeOf, type Type } from "#ir";
import { MAP_WORDS } from "#language";
import type { MapDeclaration } from "./analysis.ts";
import { type DeclarationContext, type HandleCall, literalMembers } from "./declarations.ts";
import type { ResolvedModule } from "./resolve.ts";
import { type Node, typeArguments } from "./tree.ts";
import { layout } from "./types.ts";

const U32: Type = { kind: "int", bits: 32, signed: false };
const U64: Type = { kind: "int", bits: 64, signed: false };
const NO_PREALLOC = 1;
const NUMA_NODE = 4;
const RDONLY = 8;
const RDONLY_PROG = 128;
/** How many keys times buckets a keyed histogram has room for where the source says nothing. */
const HISTOGRAM_KEYS = 10240;
const LOG2_SLOTS = 65;

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
