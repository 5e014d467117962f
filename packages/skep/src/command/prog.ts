import { type Invocation, selectVerb } from "#cli";

/** A verb of `skep prog`; the words after it are `call.rest`. */
export interface ProgVerb {
	run(call: Invocation): Promise<number>;
}

/** The verbs; a beginning is enough where it is clear. */
const VERBS: Readonly<Record<string, () => Promise<ProgVerb>>> = {
	load: async () => ({ run: (await import("./prog-load.ts")).load }),
	loadall: async () => ({ run: (await import("./prog-load.ts")).loadAll }),
};

/** `skep prog load|loadall …`: programs in the kernel. */
export async function run(call: Invocation): Promise<number> {
	const { verb, rest } = selectVerb("prog", VERBS, call.rest);
	return (await verb()).run({ flags: call.flags, rest });
}
