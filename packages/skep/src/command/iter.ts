import type { Invocation } from "#cli";
import { runVerb } from "./desk.ts";
import { ITER_VERBS } from "./iter-verbs.ts";

/** `skep iter pin`: iterators as files. */
export async function run(call: Invocation): Promise<number> {
	return runVerb("iter", ITER_VERBS, call);
}
