import { type Command, type Invocation, renderHelp, renderOverview, STATUS, selectCommand } from "#cli";
import { VERSION } from "./version.ts";

/** `skep help [COMMAND]`. */
export async function run(call: Invocation, commands: readonly Command[]): Promise<number> {
	const [about] = call.rest;
	process.stdout.write(
		about === undefined ? renderOverview(commands, VERSION) : renderHelp(selectCommand(commands, about)),
	);
	return STATUS.ok;
}
