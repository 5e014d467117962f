import type { Invocation } from "#cli";
import { STATUS } from "#cli";

/** Of the package; a test holds it equal to package.json. */
export const VERSION = "0.1.0";

/** `skep version`. */
export async function run(call: Invocation): Promise<number> {
	const told = { version: VERSION, node: process.versions.node };
	process.stdout.write(call.flags.has("json") ? `${JSON.stringify(told)}\n` : `skep ${VERSION}\n`);
	return STATUS.ok;
}
