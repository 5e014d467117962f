import { LinkError } from "@skep/bpf/base";
import { type Btf, BtfBuilder } from "@skep/bpf/btf";
import { type ObjectData, type ObjectFunction, type ObjectMap, writeObject } from "@skep/bpf/object";
import type { Reference } from "@skep/bpf/spec";
import { alignOf, type Global, type MapDecl, type Module, sizeOf } from "#ir";
import { DebugTypes, KernelTypes, SourceLines } from "./debug.ts";
import type { CompiledFunction, CompiledReference } from "./output.ts";

const SECTIONS = [".rodata", ".data", ".bss"] as const;

interface Place {
	readonly section: string;
	readonly offset: number;
}

/**
 * The object of a compiled module: ELF that libbpf, bpftool and `readObject` take. `kernel` is the BTF that the ids in
 * the module's CO-RE accesses belong to.
 * @throws LinkError where the module refers to something it does not have.
 */
export function writeCollection(
	module: Module,
	functions: readonly CompiledFunction[],
	kernel: Btf,
): Uint8Array<ArrayBuffer> {
	const btf = new BtfBuilder();
	const types = new DebugTypes(btf);
	// The source's types come first, so that a search by name finds them before a kernel's type of the same name.
	const maps = module.maps.map((m) => mapOf(m, types));
	for (const record of module.records ?? []) types.type(record);
	const { data, places } = dataOf(module.globals, types);
	const shadows = new KernelTypes(btf, kernel);
	for (const f of functions) for (const c of f.core) shadows.use(c.access);
	shadows.write();
	const lines = new SourceLines(module.files);
	const written = functions.map(
		(f): ObjectFunction => ({
			name: f.func.name,
			section: f.func.section,
			global: f.func.section !== ".text" || f.func.global,
			insns: f.insns,
			references: f.references.map((r) => referenceOf(r, f, places)),
			core: f.core.map(({ slot, access }) => shadows.relocation(slot, access)),
			lines: lines.of(f.lines),
			btfFunc: types.func(f.func, shadows),
		}),
	);
	const kfuncs = [
		...new Set(functions.flatMap((f) => f.references.flatMap((r) => (r.kind === "kfunc" ? [r.name] : [])))),
	];
	return writeObject({
		license: module.license,
		btf,
		functions: written,
		maps,
		data,
		kfuncs: kfuncs.map((name) => {
			const type = shadows.kfunc(name);
			if (type === undefined) throw new LinkError(`the kernel's BTF has no function "${name}"`, { symbol: name });
			return { name, type, weak: false };
		}),
		manifest: JSON.stringify(module.manifest),
	});
}

function mapOf(m: MapDecl, types: DebugTypes): ObjectMap {
	if (m.record) types.type(m.record);
	return {
		name: m.name,
		type: m.type,
		keySize: m.key ? sizeOf(m.key) : 0,
		valueSize: m.value ? sizeOf(m.value) : 0,
		maxEntries: m.maxEntries,
		flags: m.flags,
		keyType: m.key ? types.type(m.key) : 0,
		valueType: m.value ? types.type(m.value) : 0,
		pinning: m.pinned ? "by-name" : "none",
		...(m.numaNode === undefined ? {} : { numaNode: m.numaNode }),
	};
}

/** Lays the variables of each section out, in the module's order, each at its natural alignment. */
function dataOf(
	globals: readonly Global[],
	types: DebugTypes,
): { data: ObjectData[]; places: ReadonlyMap<string, Place> } {
	const places = new Map<string, Place>();
	const data: ObjectData[] = [];
	for (const section of SECTIONS) {
		let size = 0;
		const own = globals.filter((g) => g.section === section);
		const variables = own.map((g) => {
			const align = alignOf(g.type);
			const offset = Math.ceil(size / align) * align;
			size = offset + sizeOf(g.type);
			if (places.has(g.name)) throw new LinkError(`two variables are named "${g.name}"`, { symbol: g.name });
			places.set(g.name, { section, offset });
			return { name: g.name, offset, size: sizeOf(g.type), type: types.type(g.type) };
		});
		if (own.length === 0) continue;
		const contents = new Uint8Array(section === ".bss" ? 0 : size);
		if (section !== ".bss")
			for (const [i, g] of own.entries()) {
				const v = variables[i]!;
				contents.set(g.initial.subarray(0, v.size), v.offset);
			}
		data.push({ name: section, size, contents, variables });
	}
	return { data, places };
}

function referenceOf(r: CompiledReference, f: CompiledFunction, places: ReadonlyMap<string, Place>): Reference {
	switch (r.kind) {
		case "map":
		case "function":
			return r;
		case "kfunc":
			return { slot: r.slot, kind: "kfunc", name: r.name, weak: false };
		case "global": {
			const place = places.get(r.variable);
			if (!place)
				throw new LinkError(`${f.func.name} refers to the variable "${r.variable}", which the module does not have`, {
					symbol: r.variable,
					insn: r.slot,
				});
			return { slot: r.slot, kind: "map-value", map: place.section, offset: place.offset };
		}
	}
}
