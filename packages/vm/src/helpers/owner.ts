import { BpfError } from "@skep/bpf/base";
import type { Environment } from "./environment.ts";

/** @throws BpfError ERR_WORKER where a program wants what only the worker that owns the machine can do */
export function forOwner(env: Environment, what: string): void {
	if (env.isWorker)
		throw new BpfError("ERR_WORKER", `${what}: a program cannot do that in a worker, only where the machine was made`);
}
