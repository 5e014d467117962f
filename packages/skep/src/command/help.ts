import { type Invocation, renderHelp, renderOverview, STATUS, selectCommand } from "#cli";
import { COMMANDS } from "./table.ts";
import { VERSION } from "./version.ts";

/** `skep help [COMMAND]`. */
export async function run(call: Invocation): Promise<number> {
	const [about] = call.rest;
	process.stdout.write(
		about === undefined ? renderOverview(COMMANDS, VERSION) : renderHelp(selectCommand(COMMANDS, about)),
	);
	return STATUS.ok;
}
