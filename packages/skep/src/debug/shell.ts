import { BpfError } from "@skep/bpf/base";
import { type BreakpointSpec, Debugger, Inspector, type StopReason, type WatchTarget } from "#backend";
import { nearest } from "#cli";
import { evaluate, type Names } from "./expression.ts";
import type { Target } from "./target.ts";
import { type View, Views } from "./views.ts";

/** What a command came to. */
export interface Answer extends View {
	/** It moved: where it stands is another place now. */
	readonly moved: boolean;
	readonly quit: boolean;
}

interface Row {
	readonly words: readonly string[];
	readonly takes?: string;
	readonly help: string;
	run(shell: Shell, argument: string): View | undefined;
}

const count = (text: string): number => {
	if (text === "") return 1;
	const n = Number(text);
	if (!Number.isSafeInteger(n) || n < 1) throw new BpfError("ERR_COMMAND", `"${text}" is not a number from 1`);
	return n;
};

/** Commands, one row each; the first word is the short one. */
// biome-ignore format: table
const COMMANDS: readonly Row[] = [
	{ words: ["s", "step"], takes: "[N]", help: "on to another line, into what is called", run: (shell, n) => shell.move((d) => d.stepLine(), n) },
	{ words: ["n", "next"], takes: "[N]", help: "on to another line, over what is called", run: (shell, n) => shell.move((d) => d.nextLine(), n) },
	{ words: ["si", "stepi"], takes: "[N]", help: "N instructions on", run: (shell, n) => shell.move((d) => d.step(count(n))) },
	{ words: ["c", "continue"], takes: "[N]", help: "on to a breakpoint, a change, a fault, the end", run: (shell, n) => shell.move((d) => d.continue(), n) },
	{ words: ["fin", "finish"], help: "on to where this function has come back, or the event's end", run: (shell) => shell.move((d) => d.finish()) },
	{ words: ["rs", "reverse-step"], takes: "[N]", help: "back to the beginning of a line", run: (shell, n) => shell.move((d) => d.reverseStepLine(), n) },
	{ words: ["rn", "reverse-next"], takes: "[N]", help: "the same, over what was called", run: (shell, n) => shell.move((d) => d.reverseNextLine(), n) },
	{ words: ["rsi", "reverse-stepi"], takes: "[N]", help: "N instructions back", run: (shell, n) => shell.move((d) => d.back(count(n))) },
	{ words: ["rc", "reverse-continue"], takes: "[N]", help: "back to a breakpoint, to who made a change, to the beginning", run: (shell, n) => shell.move((d) => d.reverseContinue(), n) },
	{ words: ["rfin", "reverse-finish"], help: "back to the call of this function", run: (shell) => shell.move((d) => d.reverseFinish()) },
	{ words: ["g", "goto"], takes: "EVENT [N]", help: "to an event (from 0), before its instruction N", run: (shell, at) => shell.goto(at) },
	{ words: ["b", "break"], takes: "[FILE:]LINE|FUNCTION|*SLOT", help: "stop there; without anything: list", run: (shell, at) => at === "" ? shell.views.stops() : shell.addBreak(at) },
	{ words: ["watch"], takes: "rN|map NAME|ADDRESS [BYTES]", help: "stop behind what changes it", run: (shell, what) => shell.addWatch(what) },
	{ words: ["d", "delete"], takes: "[N]", help: "delete a breakpoint or watch, or all", run: (shell, n) => shell.remove(n) },
	{ words: ["w", "where"], help: "where it stands", run: (shell) => shell.views.where(shell.debug.reason) },
	{ words: ["bt", "backtrace"], help: "functions that are active, innermost first", run: (shell) => shell.views.frames() },
	{ words: ["f", "frame"], takes: "N", help: "look at a caller: p, l, r and dis are about it", run: (shell, n) => shell.frame(n) },
	{ words: ["l", "list"], takes: "[LINE]", help: "source lines", run: (shell, line) => shell.views.list(shell.frameIndex, line) },
	{ words: ["dis", "disassemble"], takes: "[N]", help: "instructions around, N of them", run: (shell, n) => shell.views.disassembly(shell.frameIndex, n === "" ? 11 : count(n)) },
	{ words: ["r", "registers"], help: "all registers", run: (shell) => shell.views.registers(shell.frameIndex) },
	{ words: ["p", "print"], takes: "EXPRESSION|TYPE @ ADDRESS|ctx|packet|map NAME", help: "a value", run: (shell, what) => shell.print(what) },
	{ words: ["x"], takes: "[/BYTES] ADDRESS", help: "memory", run: (shell, what) => shell.memory(what) },
	{ words: ["maps", "map"], takes: "[NAME]", help: "entries of a map, or what maps there are", run: (shell, name) => name === "" ? shell.views.maps() : shell.views.map(name) },
	{ words: ["ctx", "context"], help: "what the program was called with", run: (shell) => shell.views.context() },
	{ words: ["packet"], help: "the packet as it is now", run: (shell) => shell.views.packet() },
	{ words: ["e", "event"], help: "this event, and what came of it", run: (shell) => shell.views.event() },
	{ words: ["h", "help"], help: "this text", run: () => ({ text: helpText(), data: { commands: COMMANDS.map(({ words, takes, help }) => ({ words, takes, help })) } }) },
	{ words: ["q", "quit", "exit"], help: "end", run: () => undefined },
];

const helpText = (): string =>
	`${COMMANDS.map(({ words, takes, help }) => `${`${words.join(", ")}${takes === undefined ? "" : ` ${takes}`}`.padEnd(44)} ${help}`).join("\n")}
Expressions: 12 0x1f r1 pc ctx packet, + - * / % & | ^ << >> ( ), u8[A] u16[A] u32[A] u64[A] for what is in memory.
An empty line is the last command again. Commands may be shortened where it is clear.
`;

/** Takes commands one by one, as lines of text. */
export class Shell {
	readonly debug: Debugger;
	readonly target: Target;
	readonly views: Views;
	readonly #inspector: Inspector;
	#frame = 0;
	#last = "";

	/** Stands before the first instruction of event `from`. */
	constructor(target: Target, from = 0) {
		this.target = target;
		this.debug = new Debugger(target.kernel.system, target.events);
		this.#inspector = new Inspector(target.kernel.system);
		this.views = new Views(this.debug, this.#inspector, target);
		if (from > 0) this.debug.goto(from, 0);
	}

	/** Which of the active functions is looked at; 0: the one that runs. */
	get frameIndex(): number {
		return this.#frame;
	}

	/** Runs one command. An empty line is the one before. @throws BpfError that says what was not understood */
	command(line: string): Answer {
		const text = line.trim() === "" ? this.#last : line.trim();
		this.#last = text;
		if (text === "" || text.startsWith("#")) return { text: "", data: {}, moved: false, quit: false };
		const [, word = "", argument = ""] = /^([A-Za-z-]+|\S+)\s*(.*)$/s.exec(text)!;
		const row = find(word);
		const before = this.debug.position;
		const view = row.run(this, argument.trim());
		const moved = this.debug.position !== before;
		return { text: "", data: {}, ...view, moved, quit: view === undefined };
	}

	move(go: (debug: Debugger) => StopReason, times = ""): View {
		let reason: StopReason = this.debug.reason;
		for (let left = count(times); left > 0; left--) {
			reason = go(this.debug);
			if (reason.kind === "end" || reason.kind === "start") break;
		}
		this.#frame = 0;
		return this.views.where(reason);
	}

	goto(text: string): View {
		const [event, instruction = "0", ...more] = text.split(/[\s:]+/);
		if (!/^\d+$/.test(event ?? "") || !/^\d+$/.test(instruction) || more.length > 0)
			throw new BpfError("ERR_COMMAND", `goto wants EVENT [INSTRUCTION], both from 0, not "${text}"`);
		return this.move((debug) => debug.goto(Number(event), Number(instruction)));
	}

	addBreak(text: string): View {
		const id = this.debug.break(this.#breakpoint(text));
		return this.views.stops(id);
	}

	#breakpoint(text: string): BreakpointSpec {
		if (text.startsWith("*")) {
			const program = this.debug.place?.program ?? this.debug.cpu.code;
			return { kind: "slot", program, slot: Number(this.#evaluate(text.slice(1))) };
		}
		const [, file, line] = /^(?:(.+):)?(\d+)$/.exec(text) ?? [];
		if (line === undefined) return { kind: "function", name: text };
		const here = this.debug.frames()[this.#frame]?.source?.file;
		return { kind: "line", file: file ?? here, line: Number(line) };
	}

	addWatch(text: string): View {
		if (text === "") return this.views.stops();
		const id = this.debug.watch(this.#watched(text));
		return this.views.stops(id);
	}

	#watched(text: string): WatchTarget {
		const register = /^\$?r(\d+)$/.exec(text)?.[1];
		if (register !== undefined && Number(register) <= 10) return { kind: "register", register: Number(register) };
		const map = /^map\s+(\S+)$/.exec(text)?.[1];
		if (map !== undefined) return { kind: "map", map: this.views.mapNamed(map).id };
		const [, address = text, size = "8"] = /^(.*\S)\s+(\d+)$/s.exec(text) ?? [];
		const at = Number(this.#evaluate(address));
		if (this.#inspector.memory(at, Number(size))?.bytes.length !== Number(size))
			throw new BpfError("ERR_MEMORY", `no ${size} bytes are at 0x${at.toString(16)}`);
		return { kind: "memory", address: at, size: Number(size) };
	}

	remove(text: string): View {
		if (text === "") {
			for (const { id } of [...this.debug.breakpoints.list, ...this.debug.watches]) this.debug.delete(id);
			return { text: "", data: {} };
		}
		if (!this.debug.delete(count(text))) throw new BpfError("ERR_COMMAND", `there is no breakpoint or watch ${text}`);
		return { text: "", data: { deleted: Number(text) } };
	}

	frame(text: string): View {
		const frames = this.debug.frames();
		const index = text === "" ? this.#frame : Number(text);
		if (frames[index] === undefined)
			throw new BpfError("ERR_COMMAND", `there is no frame ${text}; there are ${frames.length}`);
		this.#frame = index;
		return this.views.frames(index);
	}

	print(text: string): View {
		if (text === "ctx" || text === "context") return this.views.context();
		if (text === "packet") return this.views.packet();
		const map = /^map\s+(\S+)$/.exec(text)?.[1];
		if (map !== undefined) return this.views.map(map);
		const [, type, address] = /^(?:struct\s+|union\s+)?([A-Za-z_]\w*)\s*@\s*(.+)$/s.exec(text) ?? [];
		if (type !== undefined && address !== undefined) return this.views.typed(type, Number(this.#evaluate(address)));
		if (text === "")
			throw new BpfError("ERR_COMMAND", "p wants what to print: p r1, p u32[r10-8], p iphdr @ r6, p map NAME");
		return this.views.number(text, this.#evaluate(text));
	}

	memory(text: string): View {
		const [, size = "64", address = ""] = /^(?:\/?(\d+)\s+)?(.*)$/s.exec(text) ?? [];
		if (address === "") throw new BpfError("ERR_COMMAND", "x wants an address: x/16 r10-16");
		return this.views.memory(Number(this.#evaluate(address)), Number(size));
	}

	#evaluate(text: string): bigint {
		return evaluate(text, this.#names());
	}

	#names(): Names {
		const registers = this.debug.registers(this.#frame);
		return {
			value: (name) => {
				const register = /^r(\d+)$/.exec(name)?.[1];
				if (register !== undefined) return registers[Number(register)];
				if (name === "fp") return registers[10];
				if (name === "pc") {
					const slot = this.debug.frames()[this.#frame]?.slot;
					return slot === undefined ? undefined : BigInt(slot);
				}
				if (name === "ctx") return toAddress(this.#inspector.context()?.address);
				if (name === "packet") return toAddress(this.#inspector.packet()?.address);
				return undefined;
			},
			load: (address, size) => {
				const found = this.#inspector.memory(Number(address), size)?.bytes;
				if (found?.length !== size) return undefined;
				return found.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
			},
		};
	}
}

const toAddress = (address: number | undefined): bigint | undefined =>
	address === undefined ? undefined : BigInt(address);

function find(word: string): Row {
	const exact = COMMANDS.find(({ words }) => words.includes(word));
	if (exact) return exact;
	const matches = COMMANDS.filter(({ words }) => words.some((each) => each.length > 2 && each.startsWith(word)));
	if (matches.length === 1) return matches[0]!;
	const names = COMMANDS.flatMap(({ words }) => words);
	if (matches.length > 1)
		throw new BpfError("ERR_COMMAND", `"${word}" may be ${matches.map(({ words }) => words.at(-1)).join(" or ")}`);
	const near = nearest(word, names);
	throw new BpfError(
		"ERR_COMMAND",
		`no command "${word}"${near === undefined ? "" : `, did you mean ${near}?`} (help lists them)`,
	);
}
