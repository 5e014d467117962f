import { encodeUtf8, FormatError, LinkError } from "#base";
import { type BtfBuilder, type BtfExt, type BtfMember, type ExtSection, encodeExt } from "#btf";
import { type ElfRelocation, type ElfSection, type ElfSymbol, R_BPF, SHF, SHT, STB, STT, writeElf } from "#elf";
import { CORE_KINDS, type Reference } from "#spec";
import { MAP_TYPES } from "#uapi";
import type { ObjectData, ObjectFunction, ObjectMap, ObjectModel } from "./model.ts";

/** `bpf_core_read.h`'s and libbpf's word for pinning by name. */
const PIN_BY_NAME = 1;
/** Distance between the variables of `.maps`: room for the eight members that a definition may have. */
const MAP_STRIDE = 64;

interface Symbols {
	readonly list: readonly ElfSymbol[];
	readonly index: ReadonlyMap<string, number>;
	/** Offset in `.text` of each subprogram. */
	readonly text: ReadonlyMap<string, number>;
}

/** Position of the section symbol of `.text`. */
const TEXT_SYMBOL = 0;

/**
 * Writes a relocatable object that libbpf, bpftool and llvm-objdump read: one section for each program section, `.text`,
 * `license`, `.maps`, data sections, `.BTF` with the DATASECs, `.BTF.ext`, `.skep`. Little-endian.
 * @throws LinkError where a reference names nothing of the model, FormatError where a part of it cannot be written.
 */
export function writeObject(model: ObjectModel): Uint8Array<ArrayBuffer> {
	const groups = groupBySection(model.functions);
	const sections: ElfSection[] = [];
	const symbols = makeSymbols(model, groups);
	for (const [name, functions] of groups) {
		const { data, list } = codeOf(model, functions, symbols);
		sections.push(section(name, SHT.progbits, SHF.alloc | SHF.exec, 8, data, list));
	}
	sections.push(section("license", SHT.progbits, SHF.alloc | SHF.write, 1, encodeUtf8(`${model.license}\0`)));
	if (model.kernelVersion !== undefined) {
		const version = new Uint8Array(4);
		new DataView(version.buffer).setUint32(0, model.kernelVersion, true);
		sections.push(section("version", SHT.progbits, SHF.alloc | SHF.write, 4, version));
	}
	if (model.maps.length)
		sections.push(
			section(".maps", SHT.progbits, SHF.alloc | SHF.write, 8, new Uint8Array(model.maps.length * MAP_STRIDE)),
		);
	for (const d of model.data) sections.push(dataSection(d));
	addMaps(model.btf, model.maps);
	addDatasecs(model);
	const ext = encodeExt(extOf(groups), (text) => model.btf.string(text));
	sections.push(section(".BTF", SHT.progbits, 0, 4, model.btf.encode()));
	sections.push(section(".BTF.ext", SHT.progbits, 0, 4, ext));
	if (model.manifest !== undefined) sections.push(section(".skep", SHT.progbits, 0, 1, encodeUtf8(model.manifest)));
	return writeElf({ littleEndian: true, flags: 0, sections, symbols: symbols.list });
}

const section = (
	name: string,
	type: number,
	flags: number,
	align: number,
	data: Uint8Array,
	relocations: readonly ElfRelocation[] = [],
): ElfSection => ({ name, type, flags, align, entrySize: 0, size: data.length, data, relocations });

/** `.text` first, as libbpf and compilers have it. */
function groupBySection(functions: readonly ObjectFunction[]): Map<string, ObjectFunction[]> {
	const groups = new Map<string, ObjectFunction[]>();
	// There is always one, empty or not, as in every object of clang.
	groups.set(".text", []);
	for (const f of functions) {
		const group = groups.get(f.section);
		if (group) group.push(f);
		else groups.set(f.section, [f]);
	}
	return groups;
}

const kindOf = (d: ObjectData): ".rodata" | ".data" | ".bss" => {
	for (const kind of [".rodata", ".data", ".bss"] as const)
		if (d.name === kind || d.name.startsWith(`${kind}.`)) return kind;
	throw new FormatError({ offset: 0, path: d.name }, `"${d.name}" is no data section: expected .rodata, .data or .bss`);
};

function dataSection(d: ObjectData): ElfSection {
	const kind = kindOf(d);
	if (d.contents.length > d.size)
		throw new FormatError({ offset: 0, path: d.name }, `${d.contents.length} bytes of contents in ${d.size}`);
	const flags = kind === ".rodata" ? SHF.alloc : SHF.alloc | SHF.write;
	if (kind === ".bss") return { ...section(d.name, SHT.nobits, flags, 8, new Uint8Array(0)), size: d.size };
	const data = new Uint8Array(d.size);
	data.set(d.contents);
	return section(d.name, SHT.progbits, flags, 8, data);
}

/** Local symbols first. Section numbers follow the order in which `writeObject` makes sections. */
function makeSymbols(model: ObjectModel, groups: ReadonlyMap<string, readonly ObjectFunction[]>): Symbols {
	const locals: ElfSymbol[] = [];
	const globals: ElfSymbol[] = [];
	const add = (name: string, type: number, local: boolean, at: number, value: number, size: number): void => {
		const binding = local ? STB.local : STB.global;
		(local ? locals : globals).push({ name, binding, type, other: 0, section: at, value, size });
	};
	const text = new Map<string, number>();
	locals.push({ name: "", binding: STB.local, type: STT.section, other: 0, section: 0, value: 0, size: 0 });
	let number = 0;
	for (const [name, functions] of groups) {
		let value = 0;
		for (const f of functions) {
			add(f.name, STT.func, !f.global, number, value, f.insns.length);
			if (name === ".text") text.set(f.name, value);
			value += f.insns.length;
		}
		number++;
	}
	add("_license", STT.object, false, number++, 0, encodeUtf8(model.license).length + 1);
	if (model.kernelVersion !== undefined) add("_version", STT.object, false, number++, 0, 4);
	if (model.maps.length) {
		for (const [i, m] of model.maps.entries()) add(m.name, STT.object, false, number, i * MAP_STRIDE, MAP_STRIDE);
		number++;
	}
	for (const d of model.data) {
		for (const v of d.variables) add(v.name, STT.object, false, number, v.offset, v.size);
		number++;
	}
	for (const k of model.kfuncs ?? [])
		globals.push({
			name: k.name,
			binding: k.weak ? STB.weak : STB.global,
			type: STT.notype,
			other: 0,
			section: "undefined",
			value: 0,
			size: 0,
		});
	const list = [...locals, ...globals];
	const index = new Map<string, number>();
	for (const [i, s] of list.entries()) {
		if (s.type === STT.section) continue;
		if (index.has(s.name)) throw new LinkError(`two things of the object are named "${s.name}"`, { symbol: s.name });
		index.set(s.name, i);
	}
	return { list, index, text };
}

function codeOf(
	model: ObjectModel,
	functions: readonly ObjectFunction[],
	symbols: Symbols,
): { data: Uint8Array; list: ElfRelocation[] } {
	const data = new Uint8Array(functions.reduce((sum, f) => sum + f.insns.length, 0));
	const view = new DataView(data.buffer);
	const list: ElfRelocation[] = [];
	let start = 0;
	for (const f of functions) {
		data.set(f.insns, start);
		for (const r of f.references) {
			const at = start + r.slot * 8;
			if (r.slot < 0 || at + 8 > start + f.insns.length)
				throw new LinkError(`reference outside of ${f.name}`, { section: f.section, insn: r.slot });
			const { symbol, addend, call } = targetOf(model, f, r);
			const isCall = data[at] === 0x85;
			// The address of a static function: libbpf takes only the section's symbol and the offset in the instruction.
			const callback = r.kind === "function" && !isCall ? symbols.text.get(symbol) : undefined;
			const number = callback === undefined ? symbols.index.get(symbol) : TEXT_SYMBOL;
			if (number === undefined)
				throw new LinkError(`${f.name} refers to "${symbol}", which the object does not have`, {
					symbol,
					section: f.section,
					insn: r.slot,
				});
			if (isCall !== (call ?? isCall) || (!isCall && data[at] !== 0x18))
				throw new LinkError(`instruction of ${f.name} cannot refer to "${symbol}"`, { symbol, insn: r.slot });
			// Calls: pseudo source 1 and -1, the distance from a symbol that libbpf adds up to its first instruction.
			data[at + 1] = (data[at + 1]! & 15) | (isCall ? 0x10 : 0);
			view.setInt32(at + 4, isCall ? -1 : (callback ?? addend), true);
			if (!isCall) view.setInt32(at + 12, 0, true);
			list.push({ offset: at, symbol: number, type: isCall ? R_BPF.call : R_BPF.ld64 });
		}
		start += f.insns.length;
	}
	list.sort((a, b) => a.offset - b.offset);
	return { data, list };
}

function targetOf(
	model: ObjectModel,
	f: ObjectFunction,
	r: Reference,
): { symbol: string; addend: number; call?: boolean } {
	switch (r.kind) {
		case "map":
			return { symbol: r.map, addend: 0, call: false };
		case "function":
			return { symbol: r.function, addend: 0 };
		case "kfunc":
			return { symbol: r.name, addend: 0, call: true };
		case "ksym":
			return { symbol: r.name, addend: 0, call: false };
		case "map-value": {
			const variable = model.data
				.find((d) => d.name === r.map)
				?.variables.find((v) => r.offset >= v.offset && r.offset < v.offset + v.size);
			if (!variable)
				throw new LinkError(`${f.name} refers to offset ${r.offset} of ${r.map}, where no variable is`, {
					section: r.map,
					insn: r.slot,
				});
			return { symbol: variable.name, addend: r.offset - variable.offset, call: false };
		}
	}
}

const INT = { kind: "int", offset: 0, char: false, bool: false } as const;

/** `int (*)[value]`: how libbpf's `__uint(name, value)` says a number. */
function numberType(btf: BtfBuilder, value: number): number {
	const type = btf.once({ ...INT, name: "int", size: 4, bits: 32, signed: true });
	const index = btf.once({ ...INT, name: "__ARRAY_SIZE_TYPE__", size: 4, bits: 32, signed: false });
	return btf.once({ kind: "ptr", type: btf.once({ kind: "array", type, index, length: value }) });
}

/** BTF-defined maps: a DATASEC `.maps` with a VAR for each map, whose anonymous struct says in its members what it is. */
function addMaps(btf: BtfBuilder, maps: readonly ObjectMap[]): void {
	if (!maps.length) return;
	const pointer = (type: number): number => btf.once({ kind: "ptr", type });
	const vars = maps.map((m, index) => {
		const members: BtfMember[] = [];
		const put = (name: string, type: number): void => {
			members.push({ name, type, bitOffset: members.length * 64, bitSize: 0 });
		};
		put("type", numberType(btf, MAP_TYPES[m.type].value));
		if (m.keyType) put("key", pointer(m.keyType));
		else if (m.keySize) put("key_size", numberType(btf, m.keySize));
		if (m.valueType) put("value", pointer(m.valueType));
		else if (m.valueSize) put("value_size", numberType(btf, m.valueSize));
		if (m.maxEntries) put("max_entries", numberType(btf, m.maxEntries));
		if (m.flags) put("map_flags", numberType(btf, m.flags));
		if (m.pinning === "by-name") put("pinning", numberType(btf, PIN_BY_NAME));
		if (m.numaNode !== undefined) put("numa_node", numberType(btf, m.numaNode));
		if (m.mapExtra) {
			if (m.mapExtra > 0xffffffffn)
				throw new FormatError({ offset: 0, path: `${m.name}/map_extra` }, `${m.mapExtra} does not fit in 32 bits`);
			put("map_extra", numberType(btf, Number(m.mapExtra)));
		}
		const struct = btf.add({ kind: "struct", name: "", size: members.length * 8, members });
		const type = btf.add({ kind: "var", name: m.name, type: struct, linkage: "global" });
		return { type, offset: index * MAP_STRIDE, size: members.length * 8 };
	});
	btf.add({ kind: "datasec", name: ".maps", size: maps.length * MAP_STRIDE, vars });
}

/** DATASECs of everything that has a symbol; linkers want them for `license` too. */
function addDatasecs(model: ObjectModel): void {
	const { btf } = model;
	const one = (section: string, name: string, type: number, size: number): void => {
		const v = btf.add({ kind: "var", name, type, linkage: "global" });
		btf.add({ kind: "datasec", name: section, size, vars: [{ type: v, offset: 0, size }] });
	};
	const char = btf.once({ ...INT, name: "char", size: 1, bits: 8, signed: true });
	const unsigned = btf.once({ ...INT, name: "unsigned int", size: 4, bits: 32, signed: false });
	const length = encodeUtf8(model.license).length + 1;
	one("license", "_license", btf.add({ kind: "array", type: char, index: unsigned, length }), length);
	if (model.kernelVersion !== undefined) one("version", "_version", unsigned, 4);
	for (const d of model.data) {
		const sorted = [...d.variables].sort((a, b) => a.offset - b.offset);
		const vars = sorted.map((v) => ({
			type: btf.add({ kind: "var", name: v.name, type: v.type, linkage: "global" }),
			offset: v.offset,
			size: v.size,
		}));
		if (vars.length) btf.add({ kind: "datasec", name: d.name, size: d.size, vars });
	}
	const kfuncs = model.kfuncs ?? [];
	if (kfuncs.length)
		btf.add({
			kind: "datasec",
			name: ".ksyms",
			size: 0,
			vars: kfuncs.map((k) => ({ type: k.type, offset: 0, size: 0 })),
		});
}

function extOf(groups: ReadonlyMap<string, readonly ObjectFunction[]>): BtfExt {
	const funcs: ExtSection<BtfExt["funcs"][number]["records"][number]>[] = [];
	const lines: ExtSection<BtfExt["lines"][number]["records"][number]>[] = [];
	const core: ExtSection<BtfExt["core"][number]["records"][number]>[] = [];
	for (const [name, functions] of groups) {
		let start = 0;
		const f0: { offset: number; type: number }[] = [];
		const l0: BtfExt["lines"][number]["records"][number][] = [];
		const c0: BtfExt["core"][number]["records"][number][] = [];
		for (const f of functions) {
			const base = start;
			if (f.btfFunc) f0.push({ offset: base, type: f.btfFunc });
			for (const { slot, ...line } of f.lines) l0.push({ offset: base + slot * 8, ...line });
			for (const c of f.core)
				c0.push({ offset: base + c.slot * 8, type: c.type, access: c.access, kind: CORE_KINDS.indexOf(c.kind) });
			start += f.insns.length;
		}
		const byOffset = (a: { offset: number }, b: { offset: number }): number => a.offset - b.offset;
		if (f0.length) funcs.push({ section: name, records: f0.sort(byOffset) });
		if (l0.length) lines.push({ section: name, records: l0.sort(byOffset) });
		if (c0.length) core.push({ section: name, records: c0.sort(byOffset) });
	}
	return { funcs, lines, core };
}
