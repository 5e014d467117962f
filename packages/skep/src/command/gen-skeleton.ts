import { basename } from "node:path";
import { readObject } from "@skep/bpf/object";
import { generateSkeleton } from "@skep/bpf/skeleton";
import { STATUS, UsageError } from "#cli";
import { readBytes } from "#run/files";
import { type Task, writeJson } from "./desk.ts";

/** `skeleton OBJ [name N] [--path FILE] [--record MAP=STRUCT,…]`: the module on stdout. */
export const skeleton: Task = (words, desk) => {
	const file = words.next("the object");
	const name = words.skip("name") ? words.next("the name") : basename(file).replace(/(\.bpf)?\.o$/, "");
	words.end();
	const path = desk.flags.get("path");
	const records = recordsOf(desk.flags.get("record"));
	const bytes = readBytes(file);
	const text = generateSkeleton(readObject(bytes, { name }), {
		name,
		from: basename(file),
		...(records === undefined ? {} : { records }),
		...(typeof path === "string" ? { path } : { object: bytes }),
	});
	if (desk.json) writeJson(desk, { file, name, text });
	else desk.write(text);
	return STATUS.ok;
};

/** `--record MAP=STRUCT,…`: what goes through which ring buffer. @throws UsageError */
function recordsOf(text: string | true | undefined): Record<string, string> | undefined {
	if (typeof text !== "string") return undefined;
	return Object.fromEntries(
		text.split(",").map((pair) => {
			const [map, struct, ...more] = pair.split("=");
			if (!map || !struct || more.length > 0)
				throw new UsageError(`--record: "${pair}" is not MAP=STRUCT, a ring buffer and what goes through it`, "gen");
			return [map, struct];
		}),
	);
}
