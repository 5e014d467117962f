import { type Btf, type BtfKind, formatC, formatRaw, formatRawJson, search } from "@skep/bpf/btf";
import { STATUS } from "#cli";
import { takeSource } from "./btf-source.ts";
import type { Task } from "./desk.ts";

const FORMATS = ["raw", "c", "ts"] as const;

/** `dump SOURCE [format raw|c|ts] [root_id N …]`. */
export const dump: Task = async (words, desk) => {
	const source = takeSource(words, desk);
	let format: (typeof FORMATS)[number] = "raw";
	const roots: number[] = [];
	while (!words.empty) {
		const word = words.oneOf(["format", "root_id"], "part of a dump");
		if (word === "format") format = words.oneOf(FORMATS, "format");
		else roots.push(words.number("root_id", source.btf.count));
		// bpftool sorts types unless it is told not to; here they stand as they depend on each other either way.
		if (format === "c") words.skip("unsorted");
	}
	const ids = roots.length > 0 ? roots : source.ids;
	if (format !== "raw" && desk.json) throw words.wrong(`--json is for format raw, not ${format}`);
	if (format === "raw")
		desk.write(desk.json ? `${formatRawJson(source.btf, { ids })}\n` : formatRaw(source.btf, { ids }));
	else desk.write(format === "c" ? formatC(source.btf, { ids }) : await declarations(source.btf, ids));
	return STATUS.ok;
};

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
