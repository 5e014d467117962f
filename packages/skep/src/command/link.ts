import type { Invocation } from "#cli";
import { runVerb } from "./desk.ts";
import { LINK_VERBS } from "./link-verbs.ts";

/** `skep link show|pin|detach …`: links in the kernel. */
export async function run(call: Invocation): Promise<number> {
	return runVerb("link", LINK_VERBS, call);
}
