import { basename } from "node:path";
import { readObject } from "@skep/bpf/object";
import { generateSkeleton } from "@skep/bpf/skeleton";
import { type Invocation, STATUS, UsageError } from "#cli";
import { readBytes } from "#run/files";

/** `skep gen skeleton OBJ [name N] [--path FILE] [--record MAP=STRUCT,…]`: the module on stdout. */
export async function run(call: Invocation): Promise<number> {
	const [file, word, given, ...more] = call.rest;
	if (file === undefined) throw new UsageError("gen skeleton wants an object: FILE.o", "gen");
	if ((word !== undefined && word !== "name") || more.length > 0)
		throw new UsageError(`gen skeleton FILE.o [name N]: "${more[0] ?? word}" is not understood`, "gen");
	if (word !== undefined && given === undefined) throw new UsageError("name wants a name after it", "gen");
	const name = given ?? basename(file).replace(/(\.bpf)?\.o$/, "");
	const path = call.flags.get("path");
	const records = recordsOf(call.flags.get("record"));
	const bytes = readBytes(file);
	const text = generateSkeleton(readObject(bytes, { name }), {
		name,
		from: basename(file),
		...(records === undefined ? {} : { records }),
		...(typeof path === "string" ? { path } : { object: bytes }),
	});
	process.stdout.write(call.flags.has("json") ? `${JSON.stringify({ file, name, text })}\n` : text);
	return STATUS.ok;
}

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
