import { BpfError, PermissionError } from "@skep/bpf/base";

/** Exit statuses of `skep`, as `skep help` prints them. */
export const STATUS = {
	ok: 0,
	/** The work could not be done. */
	error: 1,
	/** The command line was not understood. */
	usage: 2,
	/** A capability, sysctl, lockdown or container stands in the way. */
	permission: 3,
	/** A second Ctrl-C did not wait for the summary. */
	interrupted: 130,
} as const;

/** A command line that was not understood. `command` names whose `--help` tells more. */
export class UsageError extends BpfError {
	readonly command: string | undefined;
	constructor(message: string, command?: string) {
		super("ERR_USAGE", message);
		this.command = command;
	}
}

/** A refusal whose text is complete as it stands: printed without the program's name before it. */
export class ReportedError extends BpfError {
	readonly status: number;
	constructor(text: string, status: number = STATUS.error) {
		super("ERR_REPORTED", text);
		this.status = status;
	}
}

/** What a refusal looks like on stderr, and the exit status it gives. Never a stack trace, unless SKEP_DEBUG is set. */
export function renderFailure(error: unknown): { readonly text: string; readonly status: number } {
	const debug = process.env["SKEP_DEBUG"] ? `\n${stackOf(error)}` : "";
	if (error instanceof ReportedError) return { text: `${error.message}${debug}`, status: error.status };
	if (error instanceof UsageError) {
		const help = error.command === undefined ? "skep help" : `skep ${error.command} --help`;
		return { text: `skep: ${error.message}\n      ${help} tells more${debug}`, status: STATUS.usage };
	}
	if (error instanceof PermissionError) return { text: `skep: ${error.message}${debug}`, status: STATUS.permission };
	if (error instanceof BpfError) return { text: `skep: ${error.message}${debug}`, status: STATUS.error };
	const message = error instanceof Error ? error.message : String(error);
	const hint = debug || "\n      SKEP_DEBUG=1 shows where";
	return { text: `skep: ${message}${hint}`, status: STATUS.error };
}

/** The same as JSON, for who asked for JSON: bpftool's key, and where a command line was not understood, what tells more. */
export function failureJson(error: unknown): { readonly error: string; readonly hint?: string } {
	const message = error instanceof Error ? error.message : String(error);
	if (!(error instanceof UsageError)) return { error: message };
	return { error: message, hint: error.command === undefined ? "skep help" : `skep ${error.command} --help` };
}

function stackOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	const cause = error.cause === undefined ? "" : `\ncaused by: ${stackOf(error.cause)}`;
	return `${error.stack ?? error.message}${cause}`;
}
