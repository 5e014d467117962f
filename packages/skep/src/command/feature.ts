import { PermissionError } from "@skep/bpf/base";
import type { Kernel } from "@skep/bpf/kernel";
import { chooseLinux, openLinux } from "#backend/linux";
import { type Invocation, UsageError } from "#cli";
import { openDesk, runVerb } from "./desk.ts";
import { FEATURE_VERBS } from "./feature-verbs.ts";
import { textOf } from "./values.ts";

/** `skep feature probe|list_builtins`: what a kernel can do. */
export async function run(call: Invocation): Promise<number> {
	const open = await opener(
		textOf(call, "kernel"),
		call.rest.some((word) => word === "unprivileged"),
	);
	return runVerb("feature", FEATURE_VERBS, call, openDesk(call, open));
}

async function opener(kernel: string | undefined, unprivileged: boolean): Promise<() => Kernel> {
	if (kernel === "virtual") {
		const { openVirtual } = await import("#backend");
		return openVirtual;
	}
	if (kernel !== undefined && kernel !== "linux")
		throw new UsageError(`--kernel: "${kernel}" is not one of linux, virtual`, "feature");
	// Whoever may not load anything can still ask what that comes to.
	return unprivileged ? openLinux : permitted;
}

function permitted(): Kernel {
	try {
		return chooseLinux().kernel;
	} catch (error) {
		if (!(error instanceof PermissionError)) throw error;
		const way = "\n  what anybody may do here → skep feature probe unprivileged";
		throw new PermissionError(`${error.message}${way}`, error.missing);
	}
}
