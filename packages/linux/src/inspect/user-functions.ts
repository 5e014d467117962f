import { ERRNO, type UserFunction } from "@skep/bpf/kernel";
import { errnoOf } from "#sys";
import { globPattern } from "./glob.ts";
import { NotElf, ProgramFile, type Section, stringAt } from "./program-file.ts";

const SYMTAB = 2;
const DYNSYM = 11;
const SYMBOL_BYTES = 24;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const SHN_UNDEF = 0;
const SHN_ABS = 0xfff1;
/** Versions beyond this bit are not what a plain name means. */
const VERSYM_HIDDEN = 0x8000;

/** What a call of node:fs or a broken file gives, as -errno. */
export function attemptRead<T>(read: () => T): T | number {
	try {
		return read();
	} catch (error) {
		return error instanceof NotElf || error instanceof RangeError ? -ERRNO.ENOEXEC : -errnoOf(error);
	}
}

/**
 * Functions of an executable or library by name (with `@VERSION`: that version; else the one that programs are linked with)
 * or glob; each place once, the exported name first. -errno; -ENOEXEC where it is no ELF file of 64 bits.
 */
export function userFunctions(path: string, pattern: string): readonly UserFunction[] | number {
	return attemptRead(() => {
		using file = new ProgramFile(path);
		const [bare = pattern, version] = pattern.split(/@@?/);
		const wanted = globPattern(bare);
		const found: UserFunction[] = [];
		for (const type of [DYNSYM, SYMTAB]) {
			const table = file.sections.find((each) => each.type === type);
			if (table)
				found.push(...functionsOf(file, table, wanted, type === DYNSYM ? versionsOf(file, version) : undefined));
			// Of a version only the dynamic symbols tell.
			if (version !== undefined) break;
		}
		const once = new Map(found.map((each) => [`${each.name} ${each.offset}`, each]));
		return [...once.values()];
	});
}

function functionsOf(
	file: ProgramFile,
	table: Section,
	wanted: (name: string) => boolean,
	fits: ((index: number) => boolean) | undefined,
): UserFunction[] {
	const strings = file.sections[table.link];
	if (!strings) throw new NotElf("symbols without names");
	const symbols = file.contents(table);
	const names = file.contents(strings);
	const found: UserFunction[] = [];
	for (let at = 0; at + SYMBOL_BYTES <= symbols.byteLength; at += SYMBOL_BYTES) {
		const type = symbols.getUint8(at + 4) & 15;
		const section = symbols.getUint16(at + 6, true);
		if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || section === SHN_UNDEF || section === SHN_ABS) continue;
		const name = stringAt(names, symbols.getUint32(at, true));
		if (!wanted(name) || fits?.(at / SYMBOL_BYTES) === false) continue;
		const offset = file.offsetOf(symbols.getBigUint64(at + 8, true));
		if (offset !== undefined) found.push({ name, offset, size: Number(symbols.getBigUint64(at + 16, true)) });
	}
	return found;
}

/** Whether a dynamic symbol is of the wanted version, or where none is wanted, not hidden behind one; undefined: no versions. */
function versionsOf(file: ProgramFile, wanted: string | undefined): ((index: number) => boolean) | undefined {
	const table = file.section(".gnu.version");
	if (!table) return undefined;
	const versions = file.contents(table);
	const number = wanted === undefined ? undefined : versionNumber(file, wanted);
	return (index) => {
		if (index * 2 + 2 > versions.byteLength) return false;
		const value = versions.getUint16(index * 2, true);
		return wanted === undefined ? (value & VERSYM_HIDDEN) === 0 : (value & ~VERSYM_HIDDEN) === number;
	};
}

/** Number of a version that the file defines. */
function versionNumber(file: ProgramFile, name: string): number | undefined {
	const section = file.section(".gnu.version_d");
	const strings = section && file.sections[section.link];
	if (!section || !strings) return undefined;
	const table = file.contents(section);
	const names = file.contents(strings);
	for (let at = 0; ; ) {
		const text = stringAt(names, table.getUint32(at + table.getUint32(at + 12, true), true));
		if (text === name) return table.getUint16(at + 4, true);
		const next = table.getUint32(at + 16, true);
		if (next === 0) return undefined;
		at += next;
	}
}
