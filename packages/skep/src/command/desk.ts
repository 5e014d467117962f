import type { Kernel } from "@skep/bpf/kernel";
import { chooseLinux } from "#backend/linux";
import { findVerb, type Invocation, mayBeTerminal, STATUS, type Verb, Words, writeError, writeOutput } from "#cli";
import { type Machine, NO_MACHINE, THIS_MACHINE, type View } from "#inspect";
import { type Screen, screenOf, toJson, toPrettyJson } from "#output";

/** What a verb works with: a kernel, what stands around it, where the answer goes and how it is wanted. */
export interface Desk {
	readonly kernel: Kernel;
	readonly machine: Machine;
	readonly screen: Screen;
	/** JSON instead of text; `pretty`: over several lines. */
	readonly json: boolean;
	readonly pretty: boolean;
	/** Tell where objects are pinned. */
	readonly bpffs: boolean;
	/** Tell all that there is to tell: the verifier's log of what is loaded. */
	readonly debug: boolean;
	/** Switches and values of this verb's own. */
	readonly flags: Invocation["flags"];
	/** Bytes are the caller's again when it returns. */
	write(text: string | Uint8Array): void;
	/** A remark that is no answer. */
	note(text: string): void;
}

/** A verb: takes its words, answers at the desk. The result is the exit status. */
export type Task = (words: Words, desk: Desk) => number | Promise<number>;

/** A desk of this process: standard output, and Linux as soon as somebody asks for a kernel. */
export function openDesk(call: Invocation, open?: () => Kernel): Desk {
	let kernel: Kernel | undefined;
	let screen: Screen | undefined;
	return {
		get kernel() {
			kernel ??= open ? open() : chooseLinux().kernel;
			return kernel;
		},
		get machine() {
			// Asked for alone it needs no privilege.
			return open && this.kernel.name !== "linux" ? NO_MACHINE : THIS_MACHINE;
		},
		get screen() {
			screen ??= mayBeTerminal() ? screenOf(process.stdout) : { width: undefined, colour: false };
			return screen;
		},
		json: call.flags.has("json"),
		pretty: call.flags.has("pretty"),
		bpffs: call.flags.has("bpffs"),
		debug: call.flags.has("debug"),
		flags: call.flags,
		write: writeOutput,
		note: writeError,
	};
}

/** Runs the verb that the first word names. `desk`: absent, one of this process. */
export async function runVerb(
	noun: string,
	verbs: readonly Verb<Task>[],
	call: Invocation,
	desk?: Desk,
): Promise<number> {
	const { verb, rest } = findVerb(noun, verbs, call.rest);
	const task = await verb.load();
	return task(new Words(`${noun} ${verb.name}`, rest), desk ?? openDesk(call));
}

/** A value as JSON and a newline. */
export function writeJson(desk: Desk, value: unknown): void {
	desk.write(`${desk.pretty ? toPrettyJson(value) : toJson(value)}\n`);
}

/** The end of a verb that has nothing to tell: `null` where JSON is wanted, as with bpftool. */
export function done(desk: Desk): number {
	if (desk.json) writeJson(desk, null);
	return STATUS.ok;
}

/** What listings look at: pins only where they are wanted, for they must be searched. */
export function viewOf(desk: Desk): View {
	const { kernel, machine } = desk;
	const booted = machine.booted();
	let owners: View["owners"];
	return {
		kernel,
		machine,
		booted,
		// All processes are looked at for it: not before the first object is there to be shown.
		get owners() {
			owners ??= machine.owners();
			return owners;
		},
		...(desk.bpffs ? { pins: machine.pins(kernel) } : {}),
	};
}
