import type { ManifestMap } from "@skep/bpf/spec";
import type { Func, Inst, MapDecl, Module } from "#ir";
import { find } from "./found.ts";
import { Instrument } from "./instrument.ts";
import { Log, RECORDING, SCRATCH, SLOT_BYTES } from "./log.ts";
import { contextOf, type RecordingTarget, writePrologue } from "./prologue.ts";
import { Sites } from "./sites.ts";
import { Weaver } from "./weaver.ts";

export interface RecordedModule {
	/** With the maps and the manifest's `recording` that the log takes; without, where no program can be recorded. */
	readonly module: Module;
	/** Functions that stay as they are: their programs cannot be recorded. */
	readonly refused: readonly Func[];
}

/** Bytes of the ring buffer that the records of runs go to. */
const RING_BYTES = 8 * 1024 * 1024;

/** Per-CPU counters of what a ring buffer lost; lowering makes the map where a program emits. */
const LOST = "skep_lost";

const U32 = { kind: "int", bits: 32, signed: false } as const;

const U64 = { kind: "int", bits: 64, signed: false } as const;

/** Makes the programs of a module log their runs. The functions are changed in place; they should have had their passes. */
export function record(module: Module, target: RecordingTarget): RecordedModule {
	const functions = module.functions.filter((f) => contextOf(f, target));
	const refused = module.functions.filter((f) => !functions.includes(f));
	if (functions.length === 0) return { module, refused };
	const counters = module.maps.find((m) => m.name === LOST)?.maxEntries ?? 0;
	const sites = new Sites();
	const maps = new Map(module.maps.map((m) => [m.name, m]));
	for (const [program, func] of functions.entries()) instrument(func, program, counters, sites, maps, target);
	const internal = (name: string, word: string): ManifestMap => ({ name, word, internal: true });
	const recording = {
		map: RECORDING,
		lost: { map: LOST, key: counters },
		programs: functions.map((f) => f.name),
		sites: sites.list,
	};
	return {
		module: {
			...module,
			maps: [...module.maps.filter((m) => m.name !== LOST), ...mapsOf(functions.length, counters + 1)],
			manifest: {
				...module.manifest,
				maps: [
					...module.manifest.maps.filter((m) => m.name !== LOST),
					internal(LOST, "perCpuArray"),
					internal(SCRATCH, "perCpuArray"),
					internal(RECORDING, "ringbuf"),
				],
				recording,
			},
		},
		refused,
	};
}

function mapsOf(programs: number, counters: number): MapDecl[] {
	const slot = { kind: "array", element: U64, length: SLOT_BYTES / 8 } as const;
	const common = { flags: 0, pinned: false, position: undefined } as const;
	return [
		{ name: LOST, type: "percpu_array", key: U32, value: U64, maxEntries: counters, ...common },
		{ name: SCRATCH, type: "percpu_array", key: U32, value: slot, maxEntries: programs, ...common },
		{ name: RECORDING, type: "ringbuf", key: undefined, value: undefined, maxEntries: RING_BYTES, ...common },
	];
}

function instrument(
	func: Func,
	program: number,
	counter: number,
	sites: Sites,
	maps: ReadonlyMap<string, MapDecl>,
	target: RecordingTarget,
): void {
	const blocks = [...func.blocks];
	const found = find(func, target.kernel);
	const w = new Weaver(func);
	const { entry } = func;
	const first = entry.insts;
	const firstEnd = entry.terminator!;
	const context = first.find((i): i is Inst => i.op === "param");
	if (!context) throw new Error(`${func.name} has no context`);
	// Before: the slot. It is there for every program; without it nothing can be done, and nothing is.
	entry.insts = [context];
	const [start, none, body, exit] = [w.newBlock(), w.newBlock(), w.newBlock(), w.newBlock()];
	const key = w.slot("rec_key", 4, 4);
	w.store(key, 0, 4, w.constant(program, 32));
	const slot = w.helper(1, "bpf_map_lookup_elem", [w.map(SCRATCH), key], "map_value");
	w.branch("ne", slot, w.constant(0), start, none, true);
	w.block = none;
	w.return(w.constant(0, 32));
	w.block = start;
	const log = new Log(w, sites, slot);
	writePrologue(w, log, slot, context, program, target);
	w.jump(body);

	const instrument = new Instrument(w, log, target.kernel, maps, found);
	const results: Inst[] = [];
	for (const b of blocks) {
		const insts = b === entry ? first.filter((i) => i !== context) : b.insts;
		const end = b === entry ? firstEnd : b.terminator!;
		w.block = b === entry ? body : b;
		if (b !== entry) b.insts = [];
		for (const i of insts) instrument.pass(i);
		w.position = end.position;
		if (end.op === "return") {
			results.push(end.args[0]);
			w.jump(exit);
		} else w.endAs(b, end);
	}

	w.block = exit;
	const result = results.length === 1 ? results[0]! : w.phi(results, results[0]!.width);
	log.output(() => {
		const counterKey = w.slot("rec_lost_key", 4, 4);
		w.store(counterKey, 0, 4, w.constant(counter, 32));
		const count = w.helper(1, "bpf_map_lookup_elem", [w.map(LOST), counterKey], "map_value");
		const [found, done] = [w.newBlock(), w.newBlock()];
		w.branch("ne", count, w.constant(0), found, done, true);
		w.block = found;
		w.store(count, 0, 8, w.binary("add", w.load(count, 0, 8), w.constant(1)));
		w.jump(done);
		w.block = done;
	});
	w.return(result);
}
