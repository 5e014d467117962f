import {
	definition,
	eachUse,
	FIRST_VIRTUAL,
	FRAME,
	type Machine,
	type MachineFunc,
	machine,
	NONE,
	type Place,
} from "./machine.ts";

/** Reloads that are kept for the next use, per block. */
const KEPT = 2;

/**
 * Rewrites the code so that the registers in `failed` live in memory (8 bytes whole, so that the verifier keeps what
 * it knows of them), or are made anew at each use. With `keep`, a reloaded value serves the next uses in its block
 * until a call.
 */
export function spill(
	func: MachineFunc,
	failed: readonly number[],
	places: ReadonlyMap<number, Place>,
	keep: boolean,
): void {
	const gone = new Set(failed);
	const remade = new Map<number, Machine>();
	for (const r of failed) {
		const how = func.remake.get(r);
		if (how) remade.set(r, how);
		func.remake.delete(r);
	}
	const fresh = (): number => {
		const r = func.registers++;
		func.temporary.add(r);
		return r;
	};
	for (const b of func.blocks) {
		const insts: Machine[] = [];
		const kept = new Map<number, number>();
		const remember = (r: number, t: number): void => {
			if (!keep) return;
			kept.delete(r);
			kept.set(r, t);
			if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
		};
		const load = (r: number, into: number, m: Machine): void => {
			const how = remade.get(r);
			if (how) insts.push({ ...how, dst: into, position: m.position });
			else insts.push(machine("load", m.position, { dst: into, src: FRAME, place: places.get(r)! }));
		};
		const save = (r: number, from: number, m: Machine): void => {
			insts.push(machine("store", m.position, { dst: FRAME, src: from, place: places.get(r)! }));
		};
		for (const m of b.insts) {
			const d = definition(m);
			const dGone = d >= FIRST_VIRTUAL && gone.has(d);
			if (dGone && remade.has(d)) continue;
			if (m.kind === "move") {
				// Straight to and from memory.
				const sGone = gone.has(m.src);
				const held = sGone ? kept.get(m.src) : undefined;
				if (dGone && sGone && places.get(d) === places.get(m.src) && !remade.has(m.src)) {
					kept.delete(d);
					if (held !== undefined) remember(d, held);
					continue;
				}
				if (dGone && !(sGone && held === undefined)) {
					save(d, held ?? m.src, m);
					kept.delete(d);
					continue;
				}
				if (sGone && !dGone) {
					if (held === undefined) load(m.src, m.dst, m);
					else insts.push({ ...m, src: held });
					continue;
				}
			}
			const renamed = new Map<number, number>();
			eachUse(m, (r) => {
				if (!gone.has(r) || renamed.has(r)) return;
				const held = kept.get(r);
				if (held !== undefined) {
					renamed.set(r, held);
					return;
				}
				const t = fresh();
				load(r, t, m);
				renamed.set(r, t);
				remember(r, t);
			});
			if (dGone && !renamed.has(d)) renamed.set(d, fresh());
			const copy = { ...m };
			copy.dst = renamed.get(m.dst) ?? m.dst;
			copy.src = m.src === NONE ? NONE : (renamed.get(m.src) ?? m.src);
			copy.src2 = m.src2 === NONE ? NONE : (renamed.get(m.src2) ?? m.src2);
			insts.push(copy);
			if (m.kind === "call") kept.clear();
			if (dGone) {
				const t = renamed.get(d)!;
				save(d, t, m);
				remember(d, t);
			}
		}
		b.insts = dropOverwrittenSaves(insts);
	}
}

/** A saved value that is saved again in the same block before anybody loads it. */
function dropOverwrittenSaves(insts: Machine[]): Machine[] {
	const pending = new Map<Place, Machine>();
	const dead = new Set<Machine>();
	for (const m of insts) {
		if (!m.place || m.place.slot) continue;
		if (m.kind === "store") {
			const before = pending.get(m.place);
			if (before) dead.add(before);
			pending.set(m.place, m);
		} else pending.delete(m.place);
	}
	return dead.size === 0 ? insts : insts.filter((m) => !dead.has(m));
}
