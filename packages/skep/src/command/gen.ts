import { type Invocation, selectVerb } from "#cli";

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
	const { verb, rest } = selectVerb("gen", VERBS, call.rest);
	return (await verb()).run({ flags: call.flags, rest });
}
