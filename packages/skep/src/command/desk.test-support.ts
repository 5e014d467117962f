import type { TestContext } from "node:test";
import type { Kernel } from "@skep/bpf/kernel";
import { traceFds } from "@skep/bpf/live";
import { chooseKernel, openVirtual } from "#backend";
import type { Verb } from "#cli";
import { type Machine, NO_MACHINE, THIS_MACHINE } from "#inspect";
import { type Desk, runVerb, type Task } from "./desk.ts";
import { COMMANDS } from "./index.ts";

/** The verbs of a noun of the command table. */
const verbsOf = (noun: string): readonly Verb<Task>[] =>
	(COMMANDS.find(({ name, verbs }) => verbs && name === noun)?.verbs ?? []) as readonly Verb<Task>[];

/** What a command line answered. */
export interface Answer {
	readonly status: number;
	readonly text: string;
	readonly notes: readonly string[];
}

/** A front of the command for one kernel: lines of words with bpftool's options before the noun. */
export class Front {
	readonly kernel: Kernel;
	readonly machine: Machine;

	constructor(kernel: Kernel) {
		this.kernel = kernel;
		this.machine = kernel.name === "linux" ? THIS_MACHINE : NO_MACHINE;
	}

	/**
	 * @param words `["map", "show"]`, or a line of them
	 * @param more flags with values; screen: as a terminal so wide
	 */
	async run(
		line: string | readonly string[],
		options = "",
		more: {
			readonly flags?: Readonly<Record<string, string>>;
			readonly width?: number;
			readonly colour?: boolean;
		} = {},
	): Promise<Answer> {
		const [noun = "", ...rest] = typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line;
		const { desk, parts, notes } = this.desk(options, more);
		const status = await runVerb(noun, verbsOf(noun), { flags: desk.flags, rest }, desk);
		return { status, text: Buffer.concat(parts).toString("utf8"), notes };
	}

	/** A desk of this kernel, and what is written and noted at it. */
	desk(
		options: string,
		more: Parameters<Front["run"]>[2] = {},
	): { readonly desk: Desk; readonly parts: Uint8Array[]; readonly notes: string[] } {
		const flags = new Map<string, string | true>(Object.entries(more.flags ?? {}));
		if (/[jp]/.test(options)) flags.set("json", true);
		if (options.includes("p")) flags.set("pretty", true);
		if (options.includes("f")) flags.set("bpffs", true);
		const parts: Uint8Array[] = [];
		const notes: string[] = [];
		const desk: Desk = {
			kernel: this.kernel,
			machine: this.machine,
			screen: { width: more.width, colour: more.colour ?? false },
			json: flags.has("json"),
			pretty: flags.has("pretty"),
			bpffs: flags.has("bpffs"),
			debug: false,
			flags,
			write: (text) => void parts.push(typeof text === "string" ? Buffer.from(text) : text.slice()),
			note: (text) => void notes.push(text),
		};
		return { desk, parts, notes };
	}

	/** The value that a line answers with `-j`. */
	async json(line: string | readonly string[], options = "j"): Promise<unknown> {
		return JSON.parse((await this.run(line, options)).text);
	}
}

/** Runs `body` on Linux, where it may, and on the virtual kernel; no descriptor may be left. */
export function onBoth(body: (front: Front, t: TestContext) => Promise<void>): (t: TestContext) => Promise<void> {
	const checked = async (kernel: Kernel, t: TestContext) => {
		const tracer = traceFds();
		try {
			await body(new Front(kernel), t);
			t.assert.deepEqual(
				tracer.open().map((each) => each.what),
				[],
				"no descriptor is left open",
			);
		} finally {
			tracer.stop();
		}
	};
	return async (t) => {
		await t.test("virtual", (inner) => checked(openVirtual({ cpus: 4 }), inner));
		await t.test("linux", async (inner) => {
			let kernel: Kernel;
			try {
				kernel = chooseKernel("linux").kernel;
			} catch (error) {
				return inner.skip(`needs Linux that permits eBPF: ${(error as Error).message.split("\n")[0]}`);
			}
			await checked(kernel, inner);
		});
	};
}
