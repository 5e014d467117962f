import type { Invocation } from "#cli";
import { runVerb } from "./desk.ts";
import { NET_VERBS } from "./net-verbs.ts";

/** `skep net show`: programs on network devices. */
export async function run(call: Invocation): Promise<number> {
	return runVerb("net", NET_VERBS, call);
}
