import { flowOf, graphOf, type Listing, listing } from "@skep/bpf/cfg";
import { decode } from "@skep/bpf/isa";
import type { Memory, RoutineShortcut } from "#machine";
import type { Code } from "../prepare.ts";
import { factsOf } from "./analysis.ts";
import { type Form, readsOf, type Step, stepAt, writeOf } from "./forms.ts";
import { Groups } from "./groups.ts";
import { hoistsOf } from "./hoists.ts";
import { type FunctionPlan, isCounting, keyOf, roundsOf, type Shortcuts, shortcutOf, Values } from "./translation.ts";

/** A program as far as it is looked at before it is translated. Functions are named by the slots of their entries. */
export interface ProgramPlan {
	/** Callees before their callers. Those that call themselves, by whatever way, are not among them. */
	readonly functions: readonly FunctionPlan[];
	/** How many frames of the stack each takes, with all that it calls. */
	readonly heights: ReadonlyMap<number, number>;
	/** Those that JavaScript may enter: the program itself, and those whose address is taken. */
	readonly entered: ReadonlySet<number>;
	/** Whether it goes on in other programs. */
	readonly tails: boolean;
	/** Functions that are written where they are called; those that nobody enters are nowhere else. */
	readonly inlined: ReadonlyMap<number, FunctionPlan>;
	/** Routines that are called in place of helpers, by `keyOf`. */
	readonly routines: ReadonlyMap<string, RoutineShortcut>;
}

type Draft = Omit<FunctionPlan, "parameters"> & {
	readonly calls: ReadonlySet<number>;
	readonly callsOut: boolean;
	readonly tails: boolean;
};

const ARGUMENTS = 0b11_1110;
const CALLS: ReadonlySet<Form["shape"]> = new Set(["call", "call_reg", "packet"]);
const CALLEE_SAVED = 0b11_1100_0000;

export function planOf(code: Code, memory: Memory, shortcuts: Shortcuts, checked: boolean): ProgramPlan {
	const list = listing(decode(code.insns));
	const drafts = new Map<number, Draft>();
	const routines = new Map<string, RoutineShortcut>();
	const entered = new Set([0]);
	const work = [0];
	while (work.length > 0) {
		const entry = work.pop()!;
		if (drafts.has(entry)) continue;
		const draft = draftOf(list, entry, code, memory, shortcuts, routines, checked);
		drafts.set(entry, draft);
		work.push(...draft.calls);
		for (const step of code.functions.size > 0 ? draft.steps.flat() : []) {
			const to = addressTaken(code, step);
			if (to === undefined || (list.at[to] ?? -1) < 0) continue;
			entered.add(to);
			work.push(to);
		}
	}
	const ordered = calleesFirst(drafts);
	const sites = sitesOf(ordered);
	const heights = new Map<number, number>();
	const functions: FunctionPlan[] = [];
	const inlined = new Map<number, FunctionPlan>();
	const parameters = new Map<number, number>();
	for (const draft of ordered) {
		const { entry, calls } = draft;
		const known = [...calls].filter((to) => heights.has(to));
		heights.set(entry, 1 + Math.max(0, ...known.map((to) => heights.get(to)!)));
		const live = liveAtEntry(draft, parameters);
		parameters.set(entry, live & ARGUMENTS);
		const one = { ...draft, parameters: live & ARGUMENTS };
		if (entry !== 0 && (live & CALLEE_SAVED) === 0 && isSmallLeaf(draft, sites.get(entry) ?? 1))
			inlined.set(entry, one);
		functions.push(one);
	}
	return { functions, heights, entered, tails: ordered.some(({ tails }) => tails), inlined, routines };
}

/** Slot of the function whose address a wide load gives; undefined: it gives something else. */
function addressTaken(code: Code, { slot, imm }: Step): number | undefined {
	return code.functions.has(slot) ? imm >>> 3 : undefined;
}

function draftOf(
	list: Listing,
	entry: number,
	code: Code,
	memory: Memory,
	shortcuts: Shortcuts,
	routines: Map<string, RoutineShortcut>,
	checked: boolean,
): Draft {
	const graph = graphOf(list, entry);
	const flow = flowOf(graph);
	const steps = graph.blocks.map(({ first, end }) => {
		const found: Step[] = [];
		for (let i = first; i < end; i++) found.push(stepAt(code.words, list.slots[i]!));
		return found;
	});
	// Where loads may come from nowhere, one that does says nothing of the next.
	const groups = checked && !code.probe ? new Groups(steps, code.slots) : undefined;
	const values = new Values(code, memory, shortcuts, groups);
	const facts = factsOf(graph, flow, (block) => steps[block]!, values);
	groups?.freeze();
	if (groups) values.hoists = hoistsOf(flow, steps, facts, values);
	const calls = new Set<number>();
	let callsOut = false;
	let tails = false;
	const isCalling = steps.some((own) => own.some(({ form }) => CALLS.has(form.shape)));
	if (isCalling)
		values.walk(flow, steps, facts, (step, now) => {
			const { form, second } = step;
			if (form.name === "call_function") {
				if ((list.at[second] ?? -1) >= 0) calls.add(second);
				else callsOut = true;
			} else if (form.shape === "call" || form.shape === "call_reg" || form.shape === "packet") {
				const shortcut = shortcutOf(shortcuts, step, now);
				const rounds = roundsOf(shortcut, now, code.id);
				tails ||= shortcut?.kind === "tail";
				if (shortcut?.kind === "routine") routines.set(keyOf(shortcut), shortcut);
				if (rounds !== undefined && (list.at[rounds] ?? -1) >= 0) calls.add(rounds);
				callsOut = true;
			}
		});
	return { entry, graph, flow, steps, facts, values, calls, callsOut, tails };
}

/** Callees before callers; what is part of a circle, or calls such, is left out. */
function calleesFirst(drafts: ReadonlyMap<number, Draft>): Draft[] {
	const waiting = new Map<number, number>();
	const callers = new Map<number, number[]>();
	for (const { entry, calls } of drafts.values()) {
		waiting.set(entry, calls.size);
		for (const to of calls) callers.set(to, [...(callers.get(to) ?? []), entry]);
	}
	const ready = [...drafts.keys()].filter((entry) => waiting.get(entry) === 0).sort((a, b) => a - b);
	const ordered: Draft[] = [];
	for (let i = 0; i < ready.length; i++) {
		const entry = ready[i]!;
		ordered.push(drafts.get(entry)!);
		for (const caller of callers.get(entry) ?? []) {
			const left = waiting.get(caller)! - 1;
			waiting.set(caller, left);
			if (left === 0) ready.push(caller);
		}
	}
	return ordered;
}

/** How often each function is called, at how many places. */
function sitesOf(drafts: readonly Draft[]): ReadonlyMap<number, number> {
	const sites = new Map<number, number>();
	for (const { steps } of drafts)
		for (const { form, second } of steps.flat())
			if (form.name === "call_function") sites.set(second, (sites.get(second) ?? 0) + 1);
	return sites;
}

/** Instructions of a function that is written where it is called, and of all places where it is. */
const SMALL = 48;
const SMALL_IN_ALL = 192;

/** Whether a function calls nothing and is so small that a call would be much of it. */
function isSmallLeaf(draft: Draft, sites: number): boolean {
	const { steps, flow, calls, callsOut } = draft;
	const size = steps.reduce((sum, own) => sum + own.length, 0);
	if (calls.size > 0 || callsOut || !flow.reducible || isCounting(draft)) return false;
	return size <= SMALL && size * sites <= SMALL_IN_ALL;
}

/** Registers that are read before they are written, on some way through the function, as bits. */
function liveAtEntry({ graph, flow, steps }: Draft, callees: ReadonlyMap<number, number>): number {
	const { blocks } = graph;
	const live = new Int32Array(blocks.length);
	const read = new Int32Array(blocks.length);
	const written = new Int32Array(blocks.length);
	for (const [index, own] of steps.entries()) {
		let before = 0;
		let after = 0;
		for (let i = own.length - 1; i >= 0; i--) {
			const step = own[i]!;
			const register = writeOf(step);
			if (register >= 0) {
				before &= ~(1 << register);
				after |= 1 << register;
			}
			before |= readsOf(step, callees.get(step.second) ?? ARGUMENTS);
		}
		read[index] = before;
		written[index] = after;
	}
	for (let changed = true; changed; ) {
		changed = false;
		for (let i = flow.order.length - 1; i >= 0; i--) {
			const index = flow.order[i]!;
			const { taken = -1, next = -1 } = blocks[index]!;
			const behind = (live[taken] ?? 0) | (live[next] ?? 0);
			const now = read[index]! | (behind & ~written[index]!);
			if (now === live[index]) continue;
			live[index] = now;
			changed = true;
		}
	}
	return live[0]!;
}
