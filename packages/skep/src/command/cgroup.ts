import type { Invocation } from "#cli";
import { CGROUP_VERBS } from "./cgroup-verbs.ts";
import { runVerb } from "./desk.ts";

/** `skep cgroup show|tree|attach|detach …`: programs on cgroups. */
export async function run(call: Invocation): Promise<number> {
	return runVerb("cgroup", CGROUP_VERBS, call);
}
