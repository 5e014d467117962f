import { BpfError } from "@skep/bpf/base";
import { IteratorReader, type Link } from "@skep/bpf/live";
import { present, type Shape } from "#output";
import type { IteratorBinding } from "#program";
import { recordReader, shapeOf } from "./shapes.ts";
import type { Source } from "./source.ts";

/** An iterator of a file: how its output is read. */
export interface IteratorOutput {
	readonly program: string;
	readonly link: Link;
	/** How its records are; undefined: it prints text. */
	readonly records: RecordOutput | undefined;
}

export interface RecordOutput {
	readonly size: number;
	readonly shape: Shape;
	readonly decode: (view: DataView, offset: number, length: number) => unknown;
}

/** What the iterator `program` of a source writes; undefined: it prints text, or nobody knows. */
export function recordsOf(
	{ manifest, spec }: Pick<Source, "manifest" | "spec">,
	program: string,
): RecordOutput | undefined {
	const name = manifest?.programs.find((each) => each.name === program)?.record;
	const id = name === undefined ? undefined : spec.btf?.find(name, "struct");
	if (id === undefined || !spec.btf) return undefined;
	return { size: spec.btf.sizeOf(id), shape: shapeOf(spec.btf, id), decode: recordReader(spec.btf, id) };
}

/** One run of an iterator: its records as they are. @throws FormatError */
export function* readRecords(
	link: Pick<Link, "fd">,
	{ size, decode }: RecordOutput,
): Generator<unknown, void, undefined> {
	for (const view of new IteratorReader(link).records(size)) yield decode(view, 0, size);
}

/** As people and JSON see them: network order as numbers of the host. */
export function presentedRecords(link: Pick<Link, "fd">, output: RecordOutput): unknown[] {
	return [...readRecords(link, output)].map((record) => present(output.shape, record));
}

/** An iterator as its handle shows it; `link` makes it one where it has none yet. */
export function iteratorBinding(program: string, link: () => Link, output: RecordOutput | undefined): IteratorBinding {
	return {
		text: () => {
			if (output) throw new BpfError("ERR_PROGRAM", `${program} writes records, not text: use ${program}.records()`);
			return new IteratorReader(link()).text();
		},
		records: () => {
			if (!output)
				throw new BpfError("ERR_PROGRAM", `${program} prints text, and writes no records: use ${program}.text()`);
			return [...readRecords(link(), output)];
		},
		pin: (path) => link().pin(path),
	};
}
