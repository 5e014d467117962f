import type { Invocation } from "#cli";
import { runVerb } from "./desk.ts";
import { PROG_VERBS } from "./prog-verbs.ts";

/** `skep prog show|dump|load …`: programs in the kernel. */
export async function run(call: Invocation): Promise<number> {
	return runVerb("prog", PROG_VERBS, call);
}
