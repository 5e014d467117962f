import { type Invocation, ReportedError } from "#cli";

export async function run(_call: Invocation): Promise<number> {
	throw new ReportedError("skep: not yet built");
}
