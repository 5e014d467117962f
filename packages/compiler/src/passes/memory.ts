import type { Block, Func, Inst, Slot } from "#ir";
import type { PassContext } from "./context.ts";
import { type ArgumentEffect, callEffects, isHelper } from "./helper-memory.ts";

/** Memory whose every use in the function is seen: a stack slot, or a ring-buffer record from its reservation on. */
export interface Area {
	readonly root: Slot | Inst;
	readonly size: number;
	readonly kind: "stack" | "ringbuf";
	/** Pointers into it, with the distance from its start; undefined: not constant. */
	readonly pointers: Map<Inst, number | undefined>;
	/** What touches it, by block, in order. */
	readonly events: Map<Block, Event[]>;
}

/** One instruction's effect on an area. */
export interface Event {
	readonly inst: Inst;
	/** `text`: written, but not all of it. */
	readonly kind: "read" | "write" | "text" | "both" | "end";
	/** undefined: somewhere in the area. */
	readonly offset: number | undefined;
	readonly size: number | undefined;
}

/** Areas that do not escape. An area whose address is stored, merged by a phi or made a number is left out. */
export function findAreas(func: Func, context: PassContext): Area[] {
	const areas = new Map<Slot | Inst, Area>();
	const owner = new Map<Inst, Area>();
	const escaped = new Set<Area>();
	const area = (root: Slot | Inst, size: number, kind: Area["kind"]): Area => {
		let a = areas.get(root);
		if (!a) {
			a = { root, size, kind, pointers: new Map(), events: new Map() };
			areas.set(root, a);
		}
		return a;
	};
	const point = (i: Inst, a: Area, offset: number | undefined): void => {
		owner.set(i, a);
		a.pointers.set(i, offset);
	};
	const order = func.blocks;
	for (const b of order)
		for (const i of b.insts) {
			if (i.op === "slot") point(i, area(i.slot, i.slot.size, "stack"), 0);
			else if (isHelper(i, 131) && i.args[1]?.op === "const") point(i, area(i, Number(i.args[1].value), "ringbuf"), 0);
		}
	if (areas.size === 0) return [];
	for (let changed = true; changed; ) {
		changed = false;
		for (const b of order)
			for (const i of b.insts) {
				if (i.op !== "offset" || owner.has(i)) continue;
				const a = owner.get(i.args[0]!);
				if (!a) continue;
				const from = a.pointers.get(i.args[0]!);
				point(i, a, from === undefined || i.args.length > 1 || i.core ? undefined : from + i.offset);
				changed = true;
			}
	}
	const leave = (i: Inst): void => {
		const a = owner.get(i);
		if (a) escaped.add(a);
	};
	for (const b of order) {
		for (const phi of b.phis) phi.args.forEach(leave);
		for (const i of b.insts) {
			if (!i.args.some((a) => owner.has(a))) continue;
			for (const [a, e] of eventsOf(i, owner, context)) {
				if (e === "escape") escaped.add(a);
				else {
					const list = a.events.get(b);
					if (list) list.push(e);
					else a.events.set(b, [e]);
				}
			}
		}
		const t = b.terminator;
		if (t?.op === "return") leave(t.args[0]);
		if (t?.op === "branch") for (const a of t.args) if (owner.get(a)?.kind === "stack") leave(a);
	}
	return [...areas.values()].filter((a) => !escaped.has(a));
}

function eventsOf(i: Inst, owner: ReadonlyMap<Inst, Area>, context: PassContext): [Area, Event | "escape"][] {
	const list: [Area, Event | "escape"][] = [];
	const access = (k: number, kind: Event["kind"], offset: number, size: number | undefined): void => {
		const a = owner.get(i.args[k]!);
		if (!a) return;
		const from = a.pointers.get(i.args[k]!);
		list.push([a, { inst: i, kind, offset: from === undefined ? undefined : from + offset, size }]);
	};
	const value = (k: number): void => {
		const a = i.args[k] && owner.get(i.args[k]!);
		if (a) list.push([a, "escape"]);
	};
	switch (i.op) {
		case "offset":
			value(1);
			break;
		case "load":
			access(0, "read", i.offset, i.size);
			break;
		case "store":
			value(1);
			access(0, "write", i.offset, i.size);
			break;
		case "zero":
			access(0, "write", i.offset, i.size);
			break;
		case "copy":
			access(1, "read", i.fromOffset, i.size);
			access(0, "write", i.toOffset, i.size);
			break;
		case "atomic":
			value(1);
			value(2);
			access(0, "both", i.offset, i.size);
			break;
		case "call": {
			const effects = new Map<number, ArgumentEffect>(callEffects(i, context).map((e) => [e.argument, e]));
			const submit = isHelper(i, 132);
			const discard = isHelper(i, 133);
			i.args.forEach((arg, k) => {
				const a = owner.get(arg);
				if (!a) return;
				const e = effects.get(k);
				if (a.kind === "ringbuf" && k === 0 && (submit || discard)) access(k, submit ? "read" : "end", 0, undefined);
				else if (!e) access(k, "both", 0, undefined);
				else access(k, e.kind, 0, e.size);
			});
			break;
		}
		case "compare":
			if (owner.get(i.args[0]!)?.kind === "stack" || owner.get(i.args[1]!)?.kind === "stack") {
				value(0);
				value(1);
			}
			break;
		default:
			i.args.forEach((_, k) => void value(k));
	}
	return list;
}
