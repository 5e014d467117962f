import { LinkError, NotSupportedError } from "#base";
import type { Btf } from "#btf";
import { type ElfRelocation, type ElfSection, R_BPF, SHF, SHT, STB, STT } from "#elf";
import { CALL, decode, encode, type Instruction, WIDE } from "#isa";
import type { CoreRelocation, FunctionSpec, LineInfo, Reference } from "#spec";
import type { Source } from "./source.ts";

/** A function as its symbol says it. `start` and `end` in bytes of its section. */
export interface CodeFunction {
	/** Unique in the object. */
	readonly name: string;
	readonly section: ElfSection;
	readonly sectionIndex: number;
	readonly binding: number;
	readonly start: number;
	readonly end: number;
}

export interface Functions {
	readonly all: readonly CodeFunction[];
	/** The function that begins at an offset of a section. */
	at(sectionIndex: number, offset: number): CodeFunction | undefined;
}

/** `.BTF.ext` by function; the key is `section index:start`. */
export interface ExtTables {
	readonly funcs: ReadonlyMap<string, number>;
	readonly lines: ReadonlyMap<string, readonly LineInfo[]>;
	readonly core: ReadonlyMap<string, readonly CoreRelocation[]>;
}

/** What instructions may refer to. */
export interface FunctionContext {
	readonly source: Source;
	readonly btf: Btf | undefined;
	readonly ext: ExtTables;
	readonly functions: Functions;
	/** Name of the map whose definition begins at an offset of `.maps`. */
	readonly maps: ReadonlyMap<number, string>;
	/** Section index to name of the map that holds it. */
	readonly data: ReadonlyMap<number, string>;
}

const SLOT = 8;
const CALL_OPCODE = 0x85;

/** All functions of all sections with code. Every one begins and ends at a slot, and none overlaps another. */
export function functionsOf(source: Source): Functions {
	const all: CodeFunction[] = [];
	const starts = new Map<string, CodeFunction>();
	const names = new Set<string>();
	for (const [i, s] of source.elf.symbols.entries()) {
		if (s.type !== STT.func || typeof s.section !== "number") continue;
		const section = source.elf.sections[s.section]!;
		if (section.type !== SHT.progbits || (section.flags & SHF.exec) === 0) continue;
		const path = `Sym[${i + 1}]`;
		const end = s.value + s.size;
		if (s.size === 0 || s.value % SLOT !== 0 || s.size % SLOT !== 0 || end > section.data.length)
			throw source.error(
				{ section: section.name, offset: s.value, path: `${path}/size` },
				`function "${s.name}" takes bytes ${s.value} to ${end} of ${section.data.length}, expected whole instructions`,
			);
		if (s.name === "") throw source.error({ section: section.name, path: `${path}/name` }, "a function has no name");
		// Static functions of linked objects may share a name; the place tells them apart.
		const name = names.has(s.name) ? `${s.name}@${section.name}+${s.value}` : s.name;
		names.add(name);
		const f = { name, section, sectionIndex: s.section, binding: s.binding, start: s.value, end };
		const key = `${s.section}:${s.value}`;
		const other = starts.get(key);
		if (other)
			throw source.error(
				{ section: section.name, offset: s.value, path },
				`functions "${other.name}" and "${s.name}" begin at the same instruction`,
			);
		starts.set(key, f);
		all.push(f);
	}
	all.sort((a, b) => a.sectionIndex - b.sectionIndex || a.start - b.start);
	for (let i = 1; i < all.length; i++) {
		const a = all[i - 1]!;
		const b = all[i]!;
		if (a.sectionIndex === b.sectionIndex && a.end > b.start)
			throw source.error(
				{ section: a.section.name, offset: b.start, path: "Sym" },
				`functions "${a.name}" and "${b.name}" overlap`,
			);
	}
	return { all, at: (sectionIndex, offset) => starts.get(`${sectionIndex}:${offset}`) };
}

const relocationIndex = new WeakMap<ElfSection, Map<number, ElfRelocation>>();

/** Relocations of a section by offset; one made for each section and kept. */
function relocationsOf(section: ElfSection): Map<number, ElfRelocation> {
	let map = relocationIndex.get(section);
	if (!map) {
		map = new Map(section.relocations.map((r) => [r.offset, r]));
		relocationIndex.set(section, map);
	}
	return map;
}

/** Instructions, references, lines and CO-RE relocations of one function. */
export function specOf(f: CodeFunction, context: FunctionContext): FunctionSpec {
	const { source, ext } = context;
	const { littleEndian } = source.elf;
	const raw = f.section.data.subarray(f.start, f.end);
	const place = {
		section: f.section.name,
		origin: f.start,
		...(source.file === undefined ? {} : { file: source.file }),
	};
	const list = decode(raw, { littleEndian, ...place });
	const relocations = relocationsOf(f.section);
	const references: Reference[] = [];
	let slot = 0;
	for (const insn of list) {
		const relocation = relocations.get(f.start + slot * SLOT);
		const reference = relocation
			? relocated(f, slot, insn, relocation, context)
			: insn.opcode === CALL_OPCODE && insn.src === CALL.function
				? direct(f, slot, insn, context)
				: undefined;
		if (reference) references.push(reference);
		slot += insn.opcode === WIDE ? 2 : 1;
	}
	const key = `${f.sectionIndex}:${f.start}`;
	return {
		name: f.name,
		insns: littleEndian ? raw.slice() : encode(list),
		references,
		core: ext.core.get(key) ?? [],
		lines: ext.lines.get(key) ?? [],
		btfFunc: ext.funcs.get(key) ?? 0,
	};
}

/** A call to a static function of the same section: the distance is in the instruction, no relocation tells. */
function direct(f: CodeFunction, slot: number, insn: Instruction, context: FunctionContext): Reference {
	const target = f.start + (slot + insn.imm + 1) * SLOT;
	const callee = context.functions.at(f.sectionIndex, target);
	if (!callee)
		throw context.source.error(
			{ section: f.section.name, offset: f.start + slot * SLOT, path: `Insn[${slot}]/imm` },
			`"${f.name}" calls ${target} bytes into ${f.section.name}, where no function begins`,
		);
	return { slot, kind: "function", function: callee.name };
}

function relocated(
	f: CodeFunction,
	slot: number,
	insn: Instruction,
	relocation: ElfRelocation,
	context: FunctionContext,
): Reference {
	const { source } = context;
	const at = f.start + slot * SLOT;
	const fail = (message: string) =>
		source.error({ section: f.section.name, offset: at, path: `Insn[${slot}]/relocation` }, message);
	const symbol = source.elf.symbols[relocation.symbol];
	if (!symbol) throw fail("a relocation without a symbol");
	const call = insn.opcode === CALL_OPCODE;
	if (call ? relocation.type !== R_BPF.call : insn.opcode !== WIDE || relocation.type !== R_BPF.ld64)
		throw fail(`relocation of type ${relocation.type} on an instruction of opcode 0x${insn.opcode.toString(16)}`);
	const addend = relocation.addend === undefined ? insn.imm : Number(relocation.addend);

	if (typeof symbol.section === "string") {
		if (symbol.section !== "undefined") throw fail(`"${symbol.name}" is in no section`);
		if (call) return { slot, kind: "kfunc", name: symbol.name, weak: symbol.binding === STB.weak };
		if (context.btf?.find(symbol.name, "func") !== undefined)
			throw new NotSupportedError(
				`address of "${symbol.name}" (section ".ksyms")`,
				"of a kernel function only calls can be linked yet",
			);
		const home = context.btf && datasecOf(context.btf, symbol.name);
		throw new NotSupportedError(
			`extern variable "${symbol.name}" (section "${home ?? "unknown"}")`,
			"variables of the kernel cannot be linked yet",
		);
	}
	const target = source.elf.sections[symbol.section]!;
	if ((target.flags & SHF.exec) !== 0) {
		const offset = call ? symbol.value + (addend + 1) * SLOT : symbol.value + addend;
		const callee = context.functions.at(symbol.section, offset);
		if (!callee) throw fail(`a reference to byte ${offset} of ${target.name}, where no function begins`);
		return { slot, kind: "function", function: callee.name };
	}
	if (call) throw fail(`a call to "${symbol.name}" in ${target.name}, which has no code`);
	if (target.name === ".maps") {
		const map = context.maps.get(symbol.value);
		if (map === undefined) throw fail(`"${symbol.name}" is no map of .maps`);
		return { slot, kind: "map", map };
	}
	const map = context.data.get(symbol.section);
	if (map === undefined)
		throw new LinkError(`"${f.name}" refers to "${symbol.name}" in section "${target.name}", which holds no data`, {
			symbol: symbol.name,
			section: f.section.name,
			insn: slot,
		});
	const offset = symbol.value + addend;
	if (offset < 0 || offset > target.size)
		throw fail(`offset ${offset} of ${target.name}, which has ${target.size} bytes`);
	return { slot, kind: "map-value", map, offset };
}

/** Name of the DATASEC that holds a variable. */
function datasecOf(btf: Btf, variable: string): string | undefined {
	for (const id of btf.ofKind("datasec")) {
		const section = btf.type(id);
		if (section.kind === "datasec" && section.vars.some((v) => btf.name(v.type) === variable)) return section.name;
	}
	return undefined;
}
