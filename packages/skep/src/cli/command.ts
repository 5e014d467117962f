import type { Verb } from "./verb.ts";

/** One flag of a command: `--duration N`, `-o FILE`, `--json`. */
export interface Flag {
	readonly name: string;
	readonly short?: string;
	/** What stands after it; absent: a switch. */
	readonly value?: string;
	readonly help: string;
	/** Another flag that this one sets too: `--pretty` is JSON. */
	readonly implies?: string;
}

/** A command line after parsing: what the flags of this command said and the rest. */
export interface Invocation {
	readonly flags: ReadonlyMap<string, string | true>;
	/** Positional arguments; for a command that runs a file, everything from the file's name on. */
	readonly rest: readonly string[];
}

/** A row of the command table. `load` keeps the start of other commands free of this one's code. */
export interface Command {
	readonly name: string;
	/** `[--json] FILE.ts`, without the name. */
	readonly usage: string;
	readonly summary: string;
	/** More to say in `--help`; lines. */
	readonly details?: readonly string[];
	/** Whole command lines. */
	readonly examples: readonly [string, ...string[]];
	readonly flags: readonly Flag[];
	/** Of a noun: its verbs, one row each. */
	readonly verbs?: readonly Verb[];
	/** Flags end at the first positional argument: what follows belongs to the file. */
	readonly stopsAtFile?: true;
	load(): Promise<{ run(call: Invocation, commands: readonly Command[]): Promise<number> }>;
}
