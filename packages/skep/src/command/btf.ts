import { BpfError } from "@skep/bpf/base";
import {
	type Btf,
	type BtfKind,
	diffTypes,
	formatC,
	formatLayout,
	formatRaw,
	formatRawJson,
	Layouts,
	namePattern,
	search,
} from "@skep/bpf/btf";
import { type Invocation, nearest, STATUS, selectVerb, UsageError, Words, writeError } from "#cli";
import { printable, toJson } from "#output";
import { RUNNING, readTypes, takeSource } from "./btf-source.ts";
import { renderDifference } from "./btf-text.ts";
import { openDesk } from "./desk.ts";
import { textOf } from "./values.ts";

type Verb = (words: string[], call: Invocation) => number | Promise<number>;

/** The verbs; a beginning is enough where it is clear. */
const VERBS: Readonly<Record<string, Verb>> = { show, list: show, dump, layout, find, diff };

/** `skep btf show|dump|layout|find|diff …`. */
export async function run(call: Invocation): Promise<number> {
	const { verb, rest } = selectVerb("btf", VERBS, call.rest);
	return verb([...rest], call);
}

/** `show [id N]`, `list`. */
async function show(words: string[], call: Invocation): Promise<number> {
	const { list } = await import("./btf-list.ts");
	return list(new Words("btf show", words), openDesk(call));
}

const FORMATS = ["raw", "c", "ts"] as const;

/** `dump SOURCE [format raw|c|ts] [root_id N …]`. */
async function dump(words: string[], call: Invocation): Promise<number> {
	const json = call.flags.has("json");
	const source = await takeSource(words, textOf(call, "base-btf"));
	let format: (typeof FORMATS)[number] = "raw";
	const roots: number[] = [];
	for (let word = words.shift(); word !== undefined; word = words.shift()) {
		const value = words.shift();
		if (word === "format") {
			const known = FORMATS.find((f) => f === value);
			if (!known) throw new UsageError(`format ${value ?? ""}: it is raw, c or ts`, "btf");
			format = known;
		} else if (word === "root_id") {
			const id = Number(value);
			if (value === undefined || !/^\d+$/.test(value) || id > source.btf.count)
				throw new UsageError(`root_id ${value ?? ""}: types go from 1 to ${source.btf.count}`, "btf");
			roots.push(id);
		} else throw new UsageError(`"${word}" is one word too many`, "btf");
	}
	const ids = roots.length > 0 ? roots : source.ids;
	if (format !== "raw" && json) throw new UsageError(`--json is for format raw, not ${format}`, "btf");
	if (format === "raw")
		process.stdout.write(json ? `${formatRawJson(source.btf, { ids })}\n` : formatRaw(source.btf, { ids }));
	else process.stdout.write(format === "c" ? formatC(source.btf, { ids }) : await declarations(source.btf, ids));
	return STATUS.ok;
}

/** A `kernel.d.ts` of all named records and enums, or of those that the ids lead to. */
async function declarations(btf: Btf, ids: readonly number[] | undefined): Promise<string> {
	const { kernelDeclarations, tracepointTable } = await import("@skep/compiler/declare");
	const roots = ids?.map((id) => btf.name(id) || btf.name(btf.resolve(id))).filter((name) => name !== "");
	const named = (kinds: readonly BtfKind[]) => [...new Set(search(btf, () => true, kinds).map((id) => btf.name(id)))];
	return kernelDeclarations({
		btf,
		tracepoints: tracepointTable([]),
		structs: roots ?? named(["struct", "union"]),
		enums: roots ? [] : named(["enum", "enum64"]),
		title: `Types by "skep btf dump … format ts"`,
	});
}

/** `layout NAME… [--file F]`. */
function layout(words: string[], call: Invocation): number {
	if (words.length === 0) throw new UsageError("layout wants the name of a struct or union", "btf");
	const file = textOf(call, "file") ?? RUNNING;
	const btf = readTypes(file, textOf(call, "base-btf"));
	const layouts = new Layouts(btf);
	const out: string[] = [];
	for (const word of words) {
		const [, keyword, name = ""] = /^(?:(struct|union) )?(.*)$/s.exec(word) ?? [];
		const records = btf
			.findAll(name)
			.filter((id) => (keyword === undefined ? ["struct", "union"].includes(btf.kind(id)) : btf.kind(id) === keyword));
		const typedefs = keyword === undefined ? btf.findAll(name).filter((id) => btf.kind(id) === "typedef") : [];
		const found = (records.length > 0 ? records : typedefs).flatMap((id) => layouts.of(id) ?? []);
		if (found.length === 0)
			throw new BpfError("ERR_TYPE", `${file} has no ${keyword ?? "struct or union"} ${otherwise(btf, name)}`);
		for (const one of found) {
			const shown = one.name === "" ? { ...one, name } : one;
			out.push(call.flags.has("json") ? `${toJson(shown)}\n` : formatLayout(shown));
		}
	}
	process.stdout.write(out.join(""));
	return STATUS.ok;
}

/** Whose layouts are asked for. */
const LAID_OUT: readonly BtfKind[] = ["struct", "union", "typedef"];

/** The name, and what it is instead of a struct or which one may be meant. */
function otherwise(btf: Btf, name: string): string {
	const [id] = btf.findAll(name);
	if (id === undefined) return `${name}${similar(btf, name, LAID_OUT)}`;
	const real = btf.resolve(id);
	const kind = btf.kind(real) === "int" || btf.kind(real) === "float" ? "" : `${btf.kind(real)} `;
	const of = btf.kind(id) === "typedef" ? ` of ${`${kind}${btf.name(real)}`.trim()}` : "";
	return `${name}: it is ${/^[aeiou]/.test(btf.kind(id)) ? "an" : "a"} ${btf.kind(id)}${of}`;
}

function similar(btf: Btf, name: string, kinds?: readonly BtfKind[]): string {
	const names = search(btf, () => true, kinds).map((id) => btf.name(id));
	const near = nearest(name, [...new Set(names)]);
	return near === undefined ? "" : `, did you mean ${near}?`;
}

const KINDS = [
	"int",
	"struct",
	"union",
	"enum",
	"enum64",
	"fwd",
	"typedef",
	"func",
	"var",
	"datasec",
	"float",
	"decl_tag",
	"type_tag",
] as const satisfies readonly BtfKind[];

/** `find PATTERN [--kind K] [--file F]`. */
function find(words: string[], call: Invocation): number {
	const [pattern, ...more] = words;
	if (pattern === undefined || more.length > 0) throw new UsageError("find wants one pattern", "btf");
	const file = textOf(call, "file") ?? RUNNING;
	const btf = readTypes(file, textOf(call, "base-btf"));
	const kinds = textOf(call, "kind")
		?.split(",")
		.map((k) => {
			const kind = KINDS.find((known) => known === k);
			if (!kind) throw new UsageError(`--kind: "${k}" is none of ${KINDS.join(", ")}`, "btf");
			return kind;
		});
	const fits = patternOf(pattern);
	let out = "";
	for (const id of search(btf, fits, kinds)) {
		const [name, kind, size] = [btf.name(id), btf.kind(id), SIZED.has(btf.kind(id)) ? btf.sizeOf(id) : undefined];
		if (call.flags.has("json")) out += `${toJson({ id, kind, name, size })}\n`;
		else out += `[${id}] ${kind} ${printable(name)}${size === undefined ? "" : `, ${size} bytes`}\n`;
	}
	process.stdout.write(out);
	if (out !== "") return STATUS.ok;
	// As grep has it: nothing found is status 1. Near names help who mistyped one.
	const of = kinds === undefined ? "type" : kinds.join(" or ");
	writeError(`skep: ${file} has no ${of} ${pattern}${/^\w+$/.test(pattern) ? similar(btf, pattern, kinds) : ""}`);
	return STATUS.error;
}

const SIZED: ReadonlySet<BtfKind> = new Set([
	"int",
	"struct",
	"union",
	"enum",
	"enum64",
	"typedef",
	"float",
	"datasec",
]);

function patternOf(text: string): (name: string) => boolean {
	try {
		return namePattern(text);
	} catch (error) {
		throw new UsageError(`${text} is no regular expression: ${(error as Error).message}`, "btf");
	}
}

/** `diff A B [NAME…]`. */
function diff(words: string[], call: Invocation): number {
	const [a, b, ...names] = words;
	if (a === undefined || b === undefined) throw new UsageError("diff wants two files: A B [NAME…]", "btf");
	const base = textOf(call, "base-btf");
	const patterns = names.map(patternOf);
	const result = diffTypes(
		readTypes(a, base),
		readTypes(b, base),
		patterns.length === 0 ? undefined : (name) => patterns.some((fits) => fits(name)),
	);
	process.stdout.write(call.flags.has("json") ? `${toJson(result)}\n` : renderDifference(result));
	return STATUS.ok;
}
