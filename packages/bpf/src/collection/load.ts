import { NotSupportedError, SyscallError } from "#base";
import type { Btf } from "#btf";
import type { Kernel } from "#kernel";
import { type BpfMap, type Fd, loadBtf, type MappedMap, type Program } from "#live";
import { relocate } from "#relocate";
import type { CollectionSpec, MapSpec, ProgramSpec } from "#spec";
import { type LoadableBtf, loadableBtf } from "./btf.ts";
import { KernelTypes } from "./kernel-types.ts";
import { checkVariables, fillValues, openMap } from "./maps.ts";
import type { LoadOptions } from "./options.ts";
import { loadProgram } from "./programs.ts";
import { type KernelStructOps, kernelStructOps, structOpsValue } from "./struct-ops.ts";

/** A struct_ops map that is ready to be registered. */
export interface ReadyStructOps {
	readonly map: BpfMap;
	/** To be written under key 0: that registers it, or, with `link`, lets a link do so. */
	readonly value: Uint8Array;
	/** `.struct_ops.link` */
	readonly link: boolean;
}

export interface Loaded {
	readonly maps: ReadonlyMap<string, BpfMap>;
	readonly programs: ReadonlyMap<string, Program>;
	readonly btf: Fd | undefined;
	readonly structOps: ReadonlyMap<string, ReadyStructOps>;
	/** Memory of arenas, where it was mapped: an arena is mapped once. */
	readonly arenas: ReadonlyMap<string, MappedMap>;
	/** What was done otherwise than the object asked, in words. */
	readonly notes: readonly string[];
}

/** Makes everything of a spec, in order; closes it again, in reverse, where a step fails. */
export function loadAll(kernel: Kernel, spec: CollectionSpec, options: LoadOptions): Loaded {
	const made: { close(): void }[] = [];
	const own = <T extends { close(): void }>(thing: T): T => {
		made.push(thing);
		return thing;
	};
	try {
		return build(kernel, spec, options, own);
	} catch (error) {
		for (const thing of made.reverse()) thing.close();
		throw error;
	}
}

function build(
	kernel: Kernel,
	whole: CollectionSpec,
	options: LoadOptions,
	own: <T extends { close(): void }>(thing: T) => T,
): Loaded {
	if (whole.byteOrder === "big")
		throw new NotSupportedError(
			`loading ${whole.name}`,
			"it was compiled for big-endian machines (clang -target bpfeb), and this kernel is little-endian",
		);
	checkVariables(whole, options.variables ?? {});
	using types = new KernelTypes(kernel, options.kernelBtf);
	const notes: string[] = [...(whole.notes ?? [])];
	const spec = chosen(whole, options, notes);
	const target = wantsCore(spec) ? (coreTarget(kernel, options) ?? types.vmlinux) : types.known;
	const modules = () => (target === types.known ? types.modules.map((each) => each.btf) : []);
	const relocated = relocate(spec, { kernel: target, modules });

	const loadable = spec.btf && loadableBtf(spec, spec.btf);
	const btf = loadable && tryLoadBtf(kernel, loadable, notes);
	if (btf) own(btf);
	const tables = new Map<MapSpec, KernelStructOps>();
	for (const map of spec.maps.values()) if (map.structOps) tables.set(map, kernelStructOps(map, types));
	const structOpsOf = (map: MapSpec): KernelStructOps => tables.get(map)!;

	const maps = new Map<string, BpfMap>();
	const fresh = new Set<string>();
	const arenas = new Map<string, MappedMap>();
	const mapParts = {
		spec,
		btf,
		options,
		structOps: structOpsOf,
		onUndo: (undo: () => void) => void own({ close: undo }),
		mapped: (name: string, memory: MappedMap) => void arenas.set(name, own(memory)),
	};
	for (const [name, map] of spec.maps) {
		const opened = openMap(kernel, map, mapParts);
		maps.set(name, own(opened.map));
		if (opened.fresh) fresh.add(name);
	}
	notes.push(...fillValues(spec, "map", maps, fresh, (name) => maps.get(name)?.fd));

	const programs = new Map<string, Program>();
	const parts = {
		maps,
		types,
		options,
		structOps: tables,
		btf: btf && loadable ? { fd: btf, loadable } : undefined,
	};
	for (const [name, program] of relocated.programs) programs.set(name, own(loadProgram(kernel, spec, program, parts)));
	const fdOf = (name: string) => programs.get(name)?.fd;
	notes.push(...fillValues(spec, "program", maps, fresh, fdOf));
	const structOps = new Map<string, ReadyStructOps>();
	for (const [map, table] of tables) {
		const value = structOpsValue(spec, map, table, (name) => fdOf(name)?.number);
		structOps.set(map.name, { map: maps.get(map.name)!, value, link: map.structOps!.link });
	}
	return { maps, programs, btf, structOps, arenas, notes };
}

/** The spec with those programs and maps that are to be loaded. */
function chosen(whole: CollectionSpec, options: LoadOptions, notes: string[]): CollectionSpec {
	const wantedMap = options.maps ?? ((map: MapSpec) => map.autocreate ?? true);
	const wanted = options.programs ?? ((program: ProgramSpec) => program.autoload);
	const maps = new Map([...whole.maps].filter(([, map]) => wantedMap(map)));
	const inTable = new Set([...maps.values()].flatMap((map) => map.structOps?.programs.map((p) => p.program) ?? []));
	const programs = new Map(
		[...whole.programs].filter(([name, program]) => {
			if (!wanted(program)) return false;
			if (program.type !== "struct_ops" || inTable.has(name)) return true;
			notes.push(
				`program ${name} (${program.section}) stands in no struct_ops map that is loaded, so it is not loaded`,
			);
			return false;
		}),
	);
	return { ...whole, maps, programs };
}

function coreTarget(kernel: Kernel, { coreBtf }: LoadOptions): Btf | undefined {
	return typeof coreBtf === "function" ? coreBtf(kernel.release) : coreBtf;
}

function wantsCore(spec: CollectionSpec): boolean {
	return [...spec.programs.values(), ...spec.functions.values()].some((each) => each.core.length > 0);
}

/** Without BTF programs still run, but nobody can show their types: that is said, not hidden. */
function tryLoadBtf(kernel: Kernel, btf: LoadableBtf, notes: string[]): Fd | undefined {
	try {
		return loadBtf(kernel, btf.bytes);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		notes.push(`the kernel refused the object's BTF, so maps and programs have no type information: ${error.message}`);
		return undefined;
	}
}
