import type { Invocation } from "#cli";
import { runVerb } from "./desk.ts";
import { MAP_VERBS } from "./map-verbs.ts";

/** `skep map show|dump|update …`: maps in the kernel. */
export async function run(call: Invocation): Promise<number> {
	return runVerb("map", MAP_VERBS, call);
}
