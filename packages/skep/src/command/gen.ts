import { type Invocation, nearest, UsageError } from "#cli";

/** A verb of `skep gen`; the words after it are `call.rest`. */
export interface GenVerb {
	run(call: Invocation): Promise<number>;
}

/** The verbs, one file each; a beginning is enough where it is clear. */
const VERBS: Readonly<Record<string, () => Promise<GenVerb>>> = {
	object: () => import("./gen-object.ts"),
	skeleton: () => import("./gen-skeleton.ts"),
	min_core_btf: () => import("./gen-min-core.ts"),
};

/** `skep gen object|… …`: makes files from objects. */
export async function run(call: Invocation): Promise<number> {
	const [word, ...rest] = call.rest;
	const names = Object.keys(VERBS);
	if (word === undefined) throw new UsageError(`what of ${names.join(", ")}?`, "gen");
	const matches = names.includes(word) ? [word] : names.filter((name) => name.startsWith(word));
	if (matches.length > 1) throw new UsageError(`"${word}" may be ${matches.join(" or ")}`, "gen");
	const [name] = matches;
	if (name === undefined) {
		const near = nearest(word, names);
		throw new UsageError(`no "gen ${word}"${near === undefined ? "" : `, did you mean ${near}?`}`, "gen");
	}
	const verb = await VERBS[name]!();
	return verb.run({ flags: call.flags, rest });
}
