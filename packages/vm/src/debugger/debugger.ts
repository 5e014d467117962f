import type { VmFault } from "@skep/bpf/base";
import type { Cpu } from "#machine";
import type { System } from "#objects";
import { type BreakpointSpec, Breakpoints } from "./breakpoints.ts";
import { type Frame, framesOf, registersOf } from "./frames.ts";
import { type ProgramSymbols, type SourcePlace, symbolsOf } from "./symbols.ts";
import { type DebugEvents, type Outcome, type Position, Timeline } from "./timeline.ts";
import { type Look, lookAt, type WatchTarget } from "./watch.ts";

/** Why it stands where it stands. */
export type StopReason =
	| { readonly kind: "step" }
	| { readonly kind: "breakpoint"; readonly id: number }
	/** What is watched was changed by the instruction at `program`, `slot`. */
	| { readonly kind: "watch"; readonly id: number; readonly program: number; readonly slot: number }
	/** The instruction here does what no verifier lets pass: it does not run. */
	| { readonly kind: "fault"; readonly fault: VmFault }
	/** The event is over. */
	| { readonly kind: "event-end" }
	/** There is nothing behind, or before. */
	| { readonly kind: "end" }
	| { readonly kind: "start" };

export interface Watchpoint {
	readonly id: number;
	readonly target: WatchTarget;
}

/** Where the next instruction is. */
export interface CodePlace {
	/** Id of the program. */
	readonly program: number;
	readonly slot: number;
	readonly source: SourcePlace | undefined;
	/** Callers that are active. */
	readonly depth: number;
}

/** An instruction to stop at. */
interface Hit {
	readonly at: number;
	readonly reason: StopReason;
	/** The instruction before made a change. */
	readonly isWatch?: boolean;
}

const STEP: StopReason = { kind: "step" };

type HitVisitor = (cpu: Cpu, n: number) => Hit | undefined;
type Looks = readonly { readonly id: number; readonly look: Look }[];

/**
 * A debugger on a virtual machine: it goes through the instructions of events in both directions. State is the machine's
 * own: whatever reads maps, memory or descriptors sees it as it is at the instruction gone to, until the next step.
 * Everything is synchronous and deterministic; nothing here knows a terminal.
 */
export class Debugger {
	readonly system: System;
	readonly breakpoints: Breakpoints;
	readonly #timeline: Timeline;
	readonly #symbols = new Map<number, ProgramSymbols | undefined>();
	readonly #watches = new Map<number, Watchpoint>();
	#nextId = 1;
	#reason: StopReason = { kind: "start" };

	/** The machine as it is before the first event; it is the debugger's from now on. @throws BpfError ERR_NO_EVENTS */
	constructor(system: System, events: DebugEvents) {
		this.system = system;
		this.breakpoints = new Breakpoints(system, (id) => this.symbols(id));
		this.#timeline = new Timeline(system, events);
	}

	// ── Where it is ──

	get position(): Position {
		return this.#timeline.position;
	}
	get reason(): StopReason {
		return this.#reason;
	}
	get events(): number {
		return this.#timeline.events.count;
	}
	/** How an event ended, once that was seen. */
	outcome(event: number): Outcome | undefined {
		return this.#timeline.outcome(event);
	}
	/** The processor that runs; between events it is as the last run left it. */
	get cpu(): Cpu {
		return this.#timeline.cpu;
	}
	/** The next instruction; undefined between events. */
	get place(): CodePlace | undefined {
		return this.position.ended ? undefined : this.#placeOf(this.cpu);
	}
	/** The function that runs and its callers, innermost first; empty between events. */
	frames(): Frame[] {
		return this.position.ended ? [] : framesOf(this.cpu, (id) => this.symbols(id));
	}
	/** r0 … r10 of a frame, unsigned; of callers only what they get back, r6 … r10. */
	registers(frame = 0): (bigint | undefined)[] {
		return registersOf(this.cpu, frame);
	}
	/** Functions and lines of a loaded program. */
	symbols(program: number): ProgramSymbols | undefined {
		if (!this.#symbols.has(program)) this.#symbols.set(program, symbolsOf(this.system, program));
		return this.#symbols.get(program);
	}

	// ── Going there ──

	/** `n` instructions on; ends of events count as one. */
	step(n = 1): StopReason {
		let known = this.#reason.kind === "fault";
		for (let left = n; left > 0; known = false) {
			const { event, instruction, ended } = this.position;
			if (ended) {
				if (!this.#enter(event + 1)) return this.#reason;
				left--;
				continue;
			}
			const reached = this.#timeline.forward(event, instruction + left, () => true);
			if (reached) return this.#arrived();
			const { instructions, fault } = this.outcome(event)!;
			if (fault && !known) {
				this.#timeline.travel(event, instructions);
				return this.#arrived();
			}
			// Only what stands at the instruction that faults goes on, to the end.
			left = Math.max(0, left - (instructions - instruction) - (fault ? 1 : 0));
		}
		return this.#arrived();
	}

	/** `n` instructions back. */
	back(n = 1): StopReason {
		let left = n;
		while (left > 0) {
			const { event, instruction, ended } = this.position;
			if (ended) {
				const last = this.outcome(event)!;
				const to = last.fault ? last.instructions : last.instructions - 1;
				left--;
				if (to < 0) {
					// Nothing ran: before it is the end of the event before.
					if (event === 0) return this.#set({ kind: "start" });
					this.#timeline.end(event - 1);
					continue;
				}
				if (to - left >= 0) {
					this.#timeline.travel(event, to - left);
					left = 0;
				} else {
					left -= to;
					this.#timeline.travel(event, 0);
				}
			} else if (instruction >= left) {
				this.#timeline.travel(event, instruction - left);
				left = 0;
			} else {
				left -= instruction + 1;
				if (event === 0) {
					this.#timeline.travel(0, 0);
					return this.#set({ kind: "start" });
				}
				this.#timeline.end(event - 1);
			}
		}
		return this.#arrived();
	}

	/** Goes to an instruction of an event, from wherever it is. */
	goto(event: number, instruction: number): StopReason {
		if (event >= this.events) {
			this.#timeline.end(this.events - 1);
			return this.#set({ kind: "end" });
		}
		this.#timeline.travel(Math.max(0, event), Math.max(0, instruction));
		return this.#arrived();
	}

	/** On to a breakpoint, a change of what is watched, a fault, or the end of everything. */
	continue(): StopReason {
		return this.#onward(this.events - 1, (looks) => this.#stops(looks));
	}

	/** Back to a breakpoint, or to the instruction that changed what is watched, or to the beginning. */
	reverseContinue(): StopReason {
		return this.#backward(0, (looks) => this.#stops(looks), true);
	}

	/** On to another line, into what is called. */
	stepLine(): StopReason {
		return this.#line(true);
	}
	/** On to another line of this function, over what is called. */
	nextLine(): StopReason {
		return this.#line(false);
	}
	/** On to where this function has come back. */
	finish(): StopReason {
		const { event, ended } = this.position;
		const { depth } = this.cpu;
		if (ended) return this.step();
		return this.#onward(event, () => (cpu, n) => (cpu.depth < depth ? { at: n, reason: STEP } : undefined), true);
	}

	/** Back to the beginning of a line: this one's, or the one that ran before. */
	reverseStepLine(): StopReason {
		return this.#reverseLine(Number.POSITIVE_INFINITY);
	}
	/** The same, over what was called. */
	reverseNextLine(): StopReason {
		return this.#reverseLine(this.position.ended ? 0 : this.cpu.depth);
	}
	/** Back to the call of this function. */
	reverseFinish(): StopReason {
		const { event, ended } = this.position;
		const { depth } = this.cpu;
		if (ended || depth === 0) return this.goto(event, 0);
		return this.#backward(event, () => (cpu, n) => (cpu.depth < depth ? { at: n, reason: STEP } : undefined));
	}

	// ── What stops it ──

	/** Stops where an instruction of it is about to run. @throws BpfError ERR_BREAKPOINT where there is none */
	break(spec: BreakpointSpec): number {
		return this.breakpoints.add(spec, this.#nextId++);
	}
	/** Stops behind an instruction that changes it. */
	watch(target: WatchTarget): number {
		const id = this.#nextId++;
		this.#watches.set(id, { id, target });
		return id;
	}
	/** Breakpoint or watch; false: there is none of this number. */
	delete(id: number): boolean {
		return this.#watches.delete(id) || this.breakpoints.delete(id);
	}
	get watches(): readonly Watchpoint[] {
		return [...this.#watches.values()];
	}

	#looks(): Looks {
		return this.watches.map(({ id, target }) => ({ id, look: lookAt(this.system, target) }));
	}

	/** Tells whether to stop at instruction `n` of an event: `at` is where. The first one shown is only compared with. */
	#stops(looks: Looks): HitVisitor {
		let first = true;
		let program = 0;
		let slot = 0;
		return (cpu, n) => {
			let found: Hit | undefined;
			for (const { id, look } of looks) {
				if (first) look.begin(cpu);
				else if (look.changed(cpu)) found = { at: n, reason: { kind: "watch", id, program, slot }, isWatch: true };
			}
			const isFirst = first;
			first = false;
			program = cpu.code;
			slot = cpu.pc;
			if (found) return found;
			const hit = this.breakpoints.at(cpu.code, cpu.pc);
			if (hit === 0 || (isFirst && n > 0)) return undefined;
			return { at: n, reason: { kind: "breakpoint", id: hit } };
		};
	}

	/** Forward up to the end of event `last`. */
	#onward(last: number, make: (looks: Looks) => HitVisitor, stopAtEnd = false): StopReason {
		// A fault that was told holds nothing up a second time.
		if (this.#reason.kind === "fault") this.#timeline.end(this.position.event);
		for (let { event, instruction, ended } = this.position; ; ended = true) {
			if (ended) {
				if (event >= last) return this.#arrived();
				event++;
				instruction = -1;
			}
			const visit = make(this.#looks());
			let found: StopReason | undefined;
			const from = Math.max(0, instruction);
			const here = instruction;
			const stopped = this.#timeline.forward(event, from, (cpu, n) => {
				const hit = visit(cpu, n);
				// Where it stands now it does not stop again.
				if (hit === undefined || n <= here) return false;
				found = hit.reason;
				return true;
			});
			if (stopped) return found === undefined ? this.#arrived() : this.#set(found);
			if (stopAtEnd) return this.#set({ kind: "event-end" });
		}
	}

	/** Backward to the beginning of event `first`. */
	#backward(first: number, make: (looks: Looks) => HitVisitor, watches = false): StopReason {
		const { event: now, instruction, ended } = this.position;
		for (let event = now; event >= first; event--) {
			const limit = event < now || ended ? Number.POSITIVE_INFINITY : instruction;
			for (let to = limit; to > 0; ) {
				const from = this.#timeline.marks(event).findLast((at) => at < to) ?? 0;
				const found = this.#lastHit(event, from, to, limit, make(watches ? this.#looks() : []));
				if (found) {
					this.#timeline.travel(event, found.at);
					return this.#set(found.reason);
				}
				to = from;
			}
		}
		this.#timeline.travel(first, 0);
		return this.#set({ kind: "start" });
	}

	/** The last hit in a stretch of an event, before instruction `limit`. */
	#lastHit(event: number, from: number, to: number, limit: number, visit: HitVisitor): Hit | undefined {
		let last: Hit | undefined;
		this.#timeline.look(event, from, to, (cpu, n) => {
			const hit = visit(cpu, n);
			if (!hit) return;
			// A change is gone back to before it was made.
			const at = hit.isWatch ? hit.at - 1 : hit.at;
			if (at < limit) last = { at, reason: hit.reason };
		});
		return last;
	}

	#line(into: boolean): StopReason {
		const { event, ended } = this.position;
		if (ended) return this.step();
		const { depth } = this.cpu;
		const start = this.#lineKey(this.cpu);
		return this.#onward(
			event,
			() => (cpu, n) => {
				if (!into && cpu.depth > depth) return undefined;
				const key = this.#lineKey(cpu);
				const isOther = cpu.depth !== depth || key !== start;
				return isOther && key !== "" ? { at: n, reason: STEP } : undefined;
			},
			true,
		);
	}

	#reverseLine(depth: number): StopReason {
		const { event, instruction } = this.position;
		// Before the first line of an event there is the end of the one before.
		const first = instruction === 0 ? Math.max(0, event - 1) : event;
		return this.#backward(first, () => {
			let last: string | undefined;
			return (cpu, n) => {
				if (cpu.depth > depth) return undefined;
				const key = `${cpu.depth} ${this.#lineKey(cpu)}`;
				const isNew = last === undefined ? n === 0 : key !== last;
				last = key;
				return isNew ? { at: n, reason: STEP } : undefined;
			};
		});
	}

	/** Tells lines apart; empty: the instruction is of no line. */
	#lineKey(cpu: Cpu): string {
		const source = this.symbols(cpu.code)?.lineAt(cpu.pc);
		return source === undefined || source.line === 0 ? "" : `${source.file}:${source.line}`;
	}

	/** To the first instruction of an event; false: there is none. */
	#enter(event: number): boolean {
		if (event >= this.events) {
			this.#set({ kind: "end" });
			return false;
		}
		this.#timeline.travel(event, 0);
		this.#arrived();
		return true;
	}

	/** After a step: an instruction, the end of an event, or the instruction that is known to fault. */
	#arrived(): StopReason {
		const { event, instruction, ended } = this.position;
		if (ended) return this.#set({ kind: event + 1 >= this.events ? "end" : "event-end" });
		const outcome = this.outcome(event);
		const isFault = outcome?.fault !== undefined && instruction === outcome.instructions;
		if (isFault) return this.#set({ kind: "fault", fault: outcome.fault });
		return this.#set({ kind: "step" });
	}

	#set(reason: StopReason): StopReason {
		this.#reason = reason;
		return reason;
	}

	#placeOf(cpu: Cpu): CodePlace {
		return { program: cpu.code, slot: cpu.pc, source: this.symbols(cpu.code)?.lineAt(cpu.pc), depth: cpu.depth };
	}
}
