import { LinkError } from "#base";
import type { Btf } from "#btf";
import { type ElfRelocation, type ElfSection, type ElfSymbol, R_BPF, SHF, SHT, STB, STT } from "#elf";
import { CALL, decode, encode, type Instruction, WIDE } from "#isa";
import type { CoreRelocation, ExternSpec, FunctionSpec, LineInfo, Reference } from "#spec";
import { KCONFIG } from "./externs.ts";
import type { Source } from "./source.ts";

/** A function as its symbol says it. `start` and `end` in bytes of its section. */
export interface CodeFunction {
	/** Unique in the object. */
	readonly name: string;
	readonly section: ElfSection;
	readonly sectionIndex: number;
	readonly binding: number;
	/** STV_HIDDEN or STV_INTERNAL. */
	readonly hidden: boolean;
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
	/** Name of the map whose definition begins at an offset, by the index of the section (`.maps`, legacy `maps`). */
	readonly maps: ReadonlyMap<number, ReadonlyMap<number, string>>;
	/** Section index to name of the map that holds it. */
	readonly data: ReadonlyMap<number, string>;
	/** What the kernel has, by name. */
	readonly externs: ReadonlyMap<string, ExternSpec>;
	/** Function that bpf_throw ends in, by the name of the function that says so. */
	readonly exceptions: ReadonlyMap<string, string>;
}

const SLOT = 8;
const CALL_OPCODE = 0x85;

/** All functions of all sections with code. Every one begins and ends at a slot, and none overlaps another. */
export function functionsOf(source: Source): Functions {
	const all: CodeFunction[] = [];
	const starts = new Map<string, CodeFunction>();
	const names = new Set<string>();
	const add = (s: ElfSymbol, sectionIndex: number, size: number, path: string): void => {
		const section = source.elf.sections[sectionIndex]!;
		const end = s.value + size;
		if (size === 0 || s.value % SLOT !== 0 || size % SLOT !== 0 || end > section.data.length)
			throw source.error(
				{ section: section.name, offset: s.value, path: `${path}/size` },
				`function "${s.name}" takes bytes ${s.value} to ${end} of ${section.data.length}, expected whole instructions`,
			);
		if (s.name === "") throw source.error({ section: section.name, path: `${path}/name` }, "a function has no name");
		// Static functions of linked objects may share a name; the place tells them apart.
		const name = names.has(s.name) ? `${s.name}@${section.name}+${s.value}` : s.name;
		names.add(name);
		const hidden = s.binding !== STB.local && ((s.other & 3) === 1 || (s.other & 3) === 2);
		const f = { name, section, sectionIndex, binding: s.binding, hidden, start: s.value, end };
		const key = `${sectionIndex}:${s.value}`;
		const other = starts.get(key);
		if (other)
			throw source.error(
				{ section: section.name, offset: s.value, path },
				`functions "${other.name}" and "${s.name}" begin at the same instruction`,
			);
		starts.set(key, f);
		all.push(f);
	};
	const hasCode = (index: number): boolean => {
		const { type, flags } = source.elf.sections[index]!;
		return type === SHT.progbits && (flags & SHF.exec) !== 0;
	};
	for (const [i, s] of source.elf.symbols.entries())
		if (s.type === STT.func && typeof s.section === "number" && hasCode(s.section))
			add(s, s.section, s.size, `Sym[${i + 1}]`);
	// Compilers before LLVM 6 gave functions no type and no size: a section is one function, which a global symbol names.
	const known = new Set(all.map((f) => f.sectionIndex));
	for (const [index, section] of source.elf.sections.entries()) {
		if (!hasCode(index) || known.has(index) || section.size === 0) continue;
		const starting = source.symbolsOf(index).filter((s) => s.type === STT.notype && s.binding !== STB.local);
		if (starting.length === 1 && starting[0]!.value === 0)
			add(starting[0]!, index, section.size, `Sym/${starting[0]!.name}`);
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
	const exceptionCallback = context.exceptions.get(f.name);
	return {
		name: f.name,
		insns: littleEndian ? raw.slice() : encode(list),
		references,
		core: ext.core.get(key) ?? [],
		lines: ext.lines.get(key) ?? [],
		btfFunc: ext.funcs.get(key) ?? 0,
		...(exceptionCallback === undefined ? {} : { exceptionCallback }),
		...(f.hidden ? { hidden: true } : {}),
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
		const { name } = symbol;
		const weak = symbol.binding === STB.weak;
		if (call) return { slot, kind: "kfunc", name, weak };
		const extern = context.externs.get(name);
		if (!extern)
			throw new LinkError(
				`"${f.name}" refers to "${name}", which the object lacks and its BTF puts neither into .ksyms nor into .kconfig`,
				{ symbol: name, section: f.section.name, insn: slot },
			);
		if (extern.kind !== "kconfig") return { slot, kind: "ksym", name, weak, typed: extern.type !== 0 };
		const inside = extern.offset + addend;
		if (addend < 0 || addend > extern.size) throw fail(`byte ${addend} of "${name}", which has ${extern.size} bytes`);
		return { slot, kind: "map-value", map: KCONFIG, offset: inside };
	}
	const target = source.elf.sections[symbol.section]!;
	if ((target.flags & SHF.exec) !== 0) {
		const offset = call ? symbol.value + (addend + 1) * SLOT : symbol.value + addend;
		const callee = context.functions.at(symbol.section, offset);
		if (!callee) throw fail(`a reference to byte ${offset} of ${target.name}, where no function begins`);
		return { slot, kind: "function", function: callee.name };
	}
	if (call) throw fail(`a call to "${symbol.name}" in ${target.name}, which has no code`);
	const maps = context.maps.get(symbol.section);
	if (maps) {
		const map = maps.get(symbol.type === STT.section ? addend : symbol.value);
		if (map === undefined) throw fail(`"${symbol.name}" is no map of ${target.name}`);
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

const EXCEPTION = "exception_callback:";

/** Declaration tags `exception_callback:NAME` of functions: the callback's name by the function's. */
export function exceptionCallbacks(btf: Btf | undefined): Map<string, string> {
	const found = new Map<string, string>();
	if (!btf) return found;
	for (const id of btf.ofKind("decl_tag")) {
		const tag = btf.type(id);
		if (tag.kind !== "decl_tag" || !tag.name.startsWith(EXCEPTION) || btf.kind(tag.type) !== "func") continue;
		found.set(btf.name(tag.type), tag.name.slice(EXCEPTION.length));
	}
	return found;
}
