import { BpfError } from "@skep/bpf/base";
import { type Btf, type BtfKind, diffTypes, formatLayout, Layouts, namePattern, search } from "@skep/bpf/btf";
import { nearest, STATUS, type Words } from "#cli";
import { printable, toJson } from "#output";
import { RUNNING, readTypes } from "./btf-source.ts";
import { renderDifference } from "./btf-text.ts";
import { type Task, writeJson } from "./desk.ts";
import { textOf } from "./values.ts";

/** `layout NAME… [--file F]`. */
export const layout: Task = (words, desk) => {
	if (words.empty) throw words.wrong("the name of a struct or union is missing");
	const file = textOf(desk, "file") ?? RUNNING;
	const btf = readTypes(file, textOf(desk, "base-btf"));
	const layouts = new Layouts(btf);
	for (const word of words.rest()) {
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
			if (desk.json) writeJson(desk, shown);
			else desk.write(formatLayout(shown));
		}
	}
	return STATUS.ok;
};

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
export const find: Task = (words, desk) => {
	const pattern = words.next("the pattern");
	words.end();
	const file = textOf(desk, "file") ?? RUNNING;
	const btf = readTypes(file, textOf(desk, "base-btf"));
	const kinds = textOf(desk, "kind")
		?.split(",")
		.map((k) => {
			const kind = KINDS.find((known) => known === k);
			if (!kind) throw words.wrong(`--kind: "${k}" is none of ${KINDS.join(", ")}`);
			return kind;
		});
	const fits = patternOf(words, pattern);
	let out = "";
	for (const id of search(btf, fits, kinds)) {
		const [name, kind, size] = [btf.name(id), btf.kind(id), SIZED.has(btf.kind(id)) ? btf.sizeOf(id) : undefined];
		if (desk.json) out += `${toJson({ id, kind, name, size })}\n`;
		else out += `[${id}] ${kind} ${printable(name)}${size === undefined ? "" : `, ${size} bytes`}\n`;
	}
	desk.write(out);
	if (out !== "") return STATUS.ok;
	// As grep has it: nothing found is status 1. Near names help who mistyped one.
	const of = kinds === undefined ? "type" : kinds.join(" or ");
	desk.note(`skep: ${file} has no ${of} ${pattern}${/^\w+$/.test(pattern) ? similar(btf, pattern, kinds) : ""}`);
	return STATUS.error;
};

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

function patternOf(words: Words, text: string): (name: string) => boolean {
	try {
		return namePattern(text);
	} catch (error) {
		throw words.wrong(`${text} is no regular expression: ${(error as Error).message}`);
	}
}

/** `diff A B [NAME…]`. */
export const diff: Task = (words, desk) => {
	const [a, b] = [words.next("the first file"), words.next("the second file")];
	const base = textOf(desk, "base-btf");
	const patterns = words.rest().map((name) => patternOf(words, name));
	const result = diffTypes(
		readTypes(a, base),
		readTypes(b, base),
		patterns.length === 0 ? undefined : (name) => patterns.some((fits) => fits(name)),
	);
	if (desk.json) writeJson(desk, result);
	else desk.write(renderDifference(result));
	return STATUS.ok;
};
