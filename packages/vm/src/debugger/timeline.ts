import { BpfError, VmFault } from "@skep/bpf/base";
import type { Cpu } from "#machine";
import { restoreSystem, resumeRun, type Snapshot, type System, saveSystem, startTracing } from "#objects";
import { Checkpoints } from "./checkpoints.ts";

/** What happens to the machine, one after the other. Each is the same again whenever it is run in the same state. */
export interface DebugEvents {
	readonly count: number;
	/** Makes event `index` happen. @throws VmFault where its program faults */
	run(index: number): void;
}

/** A place in the history: before an instruction of an event, or behind the last one. */
export interface Position {
	/** From 0. */
	readonly event: number;
	/** Instructions of this event that have run. */
	readonly instruction: number;
	/** The event is over; the next has not begun. */
	readonly ended: boolean;
}

/** How an event ended. */
export interface Outcome {
	/** That ran to their end. */
	readonly instructions: number;
	/** What ended it; undefined: the program's exit. */
	readonly fault: VmFault | undefined;
}

/** Told of the state before instruction `n`; true: stop there. */
export type Visitor = (cpu: Cpu, n: number) => boolean;

/** Ends a run at an instruction: thrown through it. */
class Stopped extends BpfError {
	constructor() {
		super("ERR_STOPPED", "stopped by the debugger");
	}
}

/** Instructions between two saved states, at least. */
const INTERVAL = 32_768;
/** Saving a page takes about as long as so many instructions; saving is to be a small part of it all. */
const INSTRUCTIONS_A_PAGE = 256;

/** Instructions after which it is tried again to save a state that is due, where callbacks are under way. */
const RETRY = 64;

interface Place {
	readonly at: number;
	readonly snapshot: Snapshot;
	/** The processor that runs there. */
	readonly cpu: Cpu;
}

/**
 * A machine's history, in which any instruction can be gone to: states are saved before events and every some ten thousand
 * instructions within one, and from the nearest one before it is run again. Runs cannot be resumed in the midst of a
 * callback: then it is from the state before the helper's call.
 */
export class Timeline {
	readonly system: System;
	readonly events: DebugEvents;
	/** Before events, by number. */
	readonly #starts = new Checkpoints<Place>();
	/** Within `#inside`, by instructions. */
	#within = new Checkpoints<Place>();
	#inside = -1;
	readonly #outcomes = new Map<number, Outcome>();
	#position: Position = { event: 0, instruction: 0, ended: false };
	#current: Snapshot;
	/** Whether a run can go on from `#current`. */
	#resumable = false;
	/** The processor that runs at `#current`. */
	#cpu: Cpu;

	/** The machine must be as it is before the first event; it belongs to the timeline from now on. */
	constructor(system: System, events: DebugEvents) {
		if (events.count < 1) throw new BpfError("ERR_NO_EVENTS", "nothing happens: there is no event to debug");
		this.system = system;
		this.events = events;
		this.#cpu = system.cpus[0]!;
		this.#current = saveSystem(system);
		this.#starts.add({ at: 0, snapshot: this.#current, cpu: this.#cpu });
		this.travel(0, 0);
	}

	get position(): Position {
		return this.#position;
	}
	/** The processor that runs the instruction gone to. */
	get cpu(): Cpu {
		return this.#cpu;
	}
	/** How an event ended, once that was seen. */
	outcome(event: number): Outcome | undefined {
		return this.#outcomes.get(event);
	}
	/** Saved states, for whoever wants to know what they take. */
	get saved(): number {
		return this.#starts.size + this.#within.size;
	}

	/** Goes to an instruction of an event, or to the event's end where it has fewer. */
	travel(event: number, instruction: number): Position {
		this.forward(event, instruction, () => true);
		return this.#position;
	}

	/** Goes behind the last instruction of an event. */
	end(event: number): void {
		if (!this.#outcomes.has(event)) this.forward(event, Number.POSITIVE_INFINITY, () => false);
		else this.#toEnd(event);
	}

	/**
	 * Shows `visit` the instructions of an event from `from` on, and stops where it says so, else behind the last one.
	 * True: it was stopped. A faulting instruction is shown and stopped before, whatever `visit` says.
	 */
	forward(event: number, from: number, visit: Visitor): boolean {
		const known = this.#outcomes.get(event);
		if (known && from >= known.instructions + (known.fault ? 1 : 0)) {
			this.#toEnd(event);
			return false;
		}
		const reached = this.#replay(event, from, visit, true);
		if (reached) return true;
		const { instructions, fault } = this.#outcomes.get(event)!;
		if (fault && from <= instructions) return this.#replay(event, instructions, () => true, true);
		this.#toEnd(event);
		return false;
	}

	/** Shows `visit` the instructions `from` … `to` (both) of an event as they were; goes nowhere. */
	look(event: number, from: number, to: number, visit: (cpu: Cpu, n: number) => void): void {
		const show: Visitor = (cpu, n) => {
			visit(cpu, n);
			return n >= to;
		};
		this.#replay(event, from, show, false);
		restoreSystem(this.system, this.#current);
	}

	/** Where states are saved within an event, ascending, from 0. */
	marks(event: number): number[] {
		return [0, ...(this.#inside === event ? this.#within.places().filter((at) => at > 0) : [])];
	}

	/** Runs from the nearest saved state; true: `visit` stopped it. `stay`: then that is the new position. */
	#replay(event: number, from: number, visit: Visitor, stay: boolean): boolean {
		this.#enter(event);
		const base = this.#base(event, from);
		restoreSystem(this.system, base?.snapshot ?? this.#start(event));
		let run = this.#run(event, from, visit, stay, base);
		if (run.stopped) return true;
		const known = this.#outcomes.get(event);
		if (base && !run.fault && (known === undefined || run.count < known.instructions)) {
			// What was resumed is over; whether that was all of the event, only the event can tell.
			restoreSystem(this.system, this.#start(event));
			run = this.#run(event, Math.max(from, run.count), visit, stay, undefined);
			if (run.stopped) return true;
		}
		this.#outcomes.set(event, { instructions: run.fault ? run.count - 1 : run.count, fault: run.fault });
		return false;
	}

	#run(
		event: number,
		from: number,
		visit: Visitor,
		stay: boolean,
		base: Place | undefined,
	): { readonly stopped: boolean; readonly count: number; readonly fault: VmFault | undefined } {
		const { system } = this;
		let count = base?.at ?? 0;
		let next = this.#nextMark(count);
		let fault: VmFault | undefined;
		/** How many run untold, and who counts down how many are left of them. */
		let granted = 0;
		let counter: { quiet: number } = { quiet: 0 };
		const stop = startTracing(system, (cpu, trace) => {
			const n = count + granted;
			count = n + 1;
			granted = 0;
			if (n >= next && cpu.nested === 0) {
				if (this.#within.before(n)?.at !== n) this.#within.add({ at: n, snapshot: this.#save(), cpu });
				next = this.#nextMark(n);
			}
			if (n >= from) {
				if (!visit(cpu, n)) return;
				if (stay) this.#stay(event, n, cpu);
				throw new Stopped();
			}
			// A state that is due and cannot be saved here is tried again a little later.
			granted = Math.min(from, next > n ? next : n + RETRY) - count;
			trace.quiet = granted;
			counter = trace;
		});
		try {
			if (base) resumeRun(system, base.cpu);
			else this.events.run(event);
		} catch (error) {
			if (error instanceof Stopped) {
				if (stay) restoreSystem(system, this.#current);
				return { stopped: true, count, fault: undefined };
			}
			if (!(error instanceof VmFault)) throw error;
			fault = error;
		} finally {
			stop();
		}
		return { stopped: false, count: count + granted - (granted > 0 ? counter.quiet : 0), fault };
	}

	#stay(event: number, n: number, cpu: Cpu): void {
		this.#current = this.#save();
		this.#cpu = cpu;
		this.#resumable = cpu.nested === 0;
		this.#position = { event, instruction: n, ended: false };
	}

	#save(): Snapshot {
		return saveSystem(this.system, this.#current);
	}

	/** A saved state in the midst of this event from which `instruction` can be reached. */
	#base(event: number, instruction: number): Place | undefined {
		const place = this.#within.before(instruction);
		const position = this.#position;
		const here = position.event === event && !position.ended && this.#resumable && position.instruction <= instruction;
		if (here && position.instruction > 0 && position.instruction >= (place?.at ?? 0))
			return { at: position.instruction, snapshot: this.#current, cpu: this.#cpu };
		return place;
	}

	/** The next of the regular places for saved states behind `n`. */
	#nextMark(n: number): number {
		const interval = Math.max(INTERVAL, this.#current.memory.pages.length * INSTRUCTIONS_A_PAGE);
		return (Math.floor(n / interval) + 1) * interval;
	}

	/** States within another event are given up. */
	#enter(event: number): void {
		if (this.#inside === event) return;
		this.#inside = event;
		this.#within = new Checkpoints<Place>();
	}

	/** The state before an event. */
	#start(event: number): Snapshot {
		const nearest = this.#starts.before(event)!;
		if (nearest.at === event) return nearest.snapshot;
		restoreSystem(this.system, nearest.snapshot);
		let snapshot = nearest.snapshot;
		for (let at = nearest.at; at < event; at++) {
			this.#happen(at);
			snapshot = saveSystem(this.system, snapshot);
			this.#starts.add({ at: at + 1, snapshot, cpu: nearest.cpu });
		}
		return snapshot;
	}

	/** A whole event, at full speed. A fault ends it as it ends it elsewhere. */
	#happen(event: number): void {
		try {
			this.events.run(event);
		} catch (error) {
			if (!(error instanceof VmFault)) throw error;
		}
	}

	#toEnd(event: number): void {
		this.#enter(event);
		this.#current = this.#start(event + 1);
		restoreSystem(this.system, this.#current);
		this.#resumable = false;
		this.#position = { event, instruction: this.#outcomes.get(event)!.instructions, ended: true };
	}
}
