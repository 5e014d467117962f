import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { FormatError, NotSupportedError } from "#base";
import { type ElfFile, type ElfRelocation, type ElfSection, type ElfSymbol, readElf, SHT, STB, writeElf } from "#elf";

const folder = new URL("../../testdata/", import.meta.url).pathname;
const golden = readdirSync(folder)
	.filter((f) => f.endsWith(".o"))
	.map((f) => [f, readFileSync(join(folder, f))] as const);

const name = fc.stringMatching(/^[a-zA-Z_.][a-zA-Z0-9_./]{0,12}$/).filter((s) => s !== ".strtab" && s !== ".shstrtab");
const symbolCount = 6;

const section: fc.Arbitrary<ElfSection> = fc
	.record({
		name,
		nobits: fc.boolean(),
		flags: fc.integer({ min: 0, max: 0xffff }),
		align: fc.constantFrom(0, 1, 2, 4, 8, 64, 4096),
		entrySize: fc.integer({ min: 0, max: 64 }),
		data: fc.uint8Array({ maxLength: 64 }),
		size: fc.integer({ min: 1, max: 2 ** 40 }),
		relocations: fc.array(
			fc.record({
				offset: fc.nat(1000),
				symbol: fc.integer({ min: -1, max: symbolCount - 1 }),
				type: fc.constantFrom(1, 2, 10, 0xffffffff),
				addend: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { nil: undefined }),
			}),
			{ maxLength: 5 },
		),
		linksToSymbols: fc.boolean(),
	})
	.map(({ nobits, data, size, relocations, linksToSymbols, ...rest }): ElfSection => {
		const real = nobits ? size : data.length;
		const list = relocations.map(({ addend, ...r }): ElfRelocation => {
			const base = { ...r, offset: real ? r.offset % real : 0 };
			return addend === undefined ? base : { ...base, addend };
		});
		return {
			...rest,
			type: nobits ? SHT.nobits : SHT.progbits,
			size: real,
			data: nobits ? new Uint8Array(0) : new Uint8Array(data),
			relocations:
				real === 0 ? [] : list.sort((a, b) => Number(a.addend !== undefined) - Number(b.addend !== undefined)),
			...(linksToSymbols ? { linksToSymbols: true as const } : {}),
		};
	});

const file: fc.Arbitrary<ElfFile> = fc
	.record({
		littleEndian: fc.boolean(),
		flags: fc.integer({ min: 0, max: 0xffffffff }),
		sections: fc.array(section, { maxLength: 5 }),
		symbols: fc.array(
			fc.record({
				name: fc.oneof(fc.constant(""), name),
				binding: fc.constantFrom(STB.local, STB.global, STB.weak),
				type: fc.integer({ min: 0, max: 15 }),
				other: fc.integer({ min: 0, max: 255 }),
				place: fc.oneof(fc.nat(4), fc.constantFrom("undefined" as const, "absolute" as const, "common" as const)),
				value: fc.nat(),
				size: fc.nat(),
			}),
			{ minLength: symbolCount, maxLength: symbolCount },
		),
	})
	.map(({ symbols, ...rest }) => ({
		...rest,
		symbols: symbols
			.map(
				({ place, ...s }): ElfSymbol => ({
					...s,
					section: typeof place === "number" ? (place < rest.sections.length ? place : "undefined") : place,
				}),
			)
			.sort((a, b) => Number(a.binding !== STB.local) - Number(b.binding !== STB.local)),
	}));

test("read(write(x)) = x, both byte orders", () => {
	fc.assert(
		fc.property(file, (x) => assert.deepEqual(readElf(writeElf(x)), x)),
		{ numRuns: 300, seed: 1 },
	);
});

test("clang's objects: read, written, read again the same; llvm-readelf has nothing to say", (t) => {
	assert.ok(golden.length >= 3);
	const scratch = mkdtempSync(join(tmpdir(), "skep-elf-"));
	try {
		for (const [file, bytes] of golden) {
			const first = readElf(bytes, file);
			const written = writeElf(first);
			assert.deepEqual(readElf(written), first);
			const path = join(scratch, file);
			writeFileSync(path, written);
			const run = spawnSync("llvm-readelf-19", ["-a", "-W", path], { encoding: "utf8" });
			if (run.error) return t.skip(`needs llvm-readelf-19: ${run.error.message}`);
			assert.equal(run.status, 0);
			assert.equal(run.stderr, "");
		}
	} finally {
		rmSync(scratch, { recursive: true });
	}
});

const kitchen = golden.find(([f]) => f === "kitchen.bpf.o")![1];
/** A copy with a change at an offset. */
const patched = (at: number, ...bytes: number[]): Uint8Array => {
	const copy = new Uint8Array(kitchen);
	copy.set(bytes, at);
	return copy;
};
const table = Number(new DataView(kitchen.buffer, kitchen.byteOffset).getBigUint64(40, true));
const view = new DataView(kitchen.buffer, kitchen.byteOffset, kitchen.length);
/** Offset of the header of the first section of a type. */
const header = (type: number): number => {
	for (let at = table; at < kitchen.length; at += 64) if (view.getUint32(at + 4, true) === type) return at;
	throw new Error(`no section of type ${type}`);
};
const symtab = header(SHT.symtab);
const symbols = Number(view.getBigUint64(symtab + 24, true));
const rel = header(SHT.rel);
const relocations = Number(view.getBigUint64(rel + 24, true));

const refused: readonly (readonly [what: string, bytes: Uint8Array, path: RegExp, message: RegExp])[] = [
	["empty", new Uint8Array(0), /Ehdr\/ident/, /0 bytes are no ELF file/],
	["text", new TextEncoder().encode("const a = 1; // not ELF"), /Ehdr\/ident/, /first bytes are not/],
	["cut in the header", new Uint8Array(kitchen).slice(0, 50), /Ehdr/, /expected/],
	[
		"cut in the sections",
		new Uint8Array(kitchen).slice(0, 1000),
		/Ehdr.shoff/,
		/the file has 1000 bytes, .* cut short/,
	],
	["32 bit", patched(4, 1), /Ehdr\/class/, /ELF class 1, expected 2/],
	["byte order", patched(5, 3), /Ehdr\/data/, /byte order 3/],
	["executable", patched(16, 2), /Ehdr\/type/, /file type 2, expected 1/],
	["x86", patched(18, 62), /Ehdr\/machine/, /machine 62, expected 247/],
	["section count", patched(60, 0xff, 0xfe), /Ehdr\/shnum/, /section headers/],
	["names", patched(62, 0xee), /Ehdr\/shstrndx/, /no string table/],
	["section name", patched(table + 64, 0xff, 0xff, 0xff), /Shdr\[1\]\/name/, /string table of/],
	["section size", patched(table + 64 + 32, 0, 0, 0, 0, 1), /Shdr\[1\]\/size/, /behind the file/],
	["alignment", patched(table + 64 + 48, 3), /Shdr\[1\]\/addralign/, /power of two/],
	["symbol's section", patched(symbols + 3 * 24 + 6, 0x77), /Sym\[3\]\/shndx/, /section 119 of/],
	["symbol's name", patched(symbols + 3 * 24, 0xff, 0xff), /Sym\[3\]\/name/, /name at 65535/],
	["symbol's size", patched(symtab + 56, 25), /Shdr\[\d+\]\/entsize/, /symbols of 25/],
	["relocation's symbol", patched(relocations + 12, 0xff, 0xff), /Rel\[0\]\/sym/, /symbol 65535 of/],
	["relocation's offset", patched(relocations, 0, 0, 0, 1), /Rel\[0\]\/offset/, /of a section of/],
];
test("what is refused, and how", () => {
	for (const [what, bytes, path, message] of refused)
		assert.throws(
			() => readElf(bytes, "k.o"),
			(e) => e instanceof FormatError && path.test(e.place.path) && message.test(e.message) && e.place.file === "k.o",
			what,
		);
});

test("values that no file can hold are refused by the writer", () => {
	const symbol = {
		name: "a",
		binding: STB.global,
		type: 0,
		other: 0,
		section: "undefined",
		value: 0,
		size: 0,
	} as const;
	const base = { littleEndian: true, flags: 0, sections: [], symbols: [] };
	assert.throws(
		() => writeElf({ ...base, symbols: [symbol, { ...symbol, binding: STB.local }] }),
		/local symbol "a" after/,
	);
	assert.throws(() => writeElf({ ...base, symbols: [{ ...symbol, section: 0 }] }), /section 0 of 0/);
	assert.throws(() => writeElf({ ...base, symbols: [{ ...symbol, name: "a\0b" }] }), /NUL/);
});

test("mutations and truncations of real objects are a value or a FormatError", () => {
	const source = fc.constantFrom(...golden.map(([, b]) => b));
	const change = fc.tuple(fc.nat(), fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 8, 24));
	fc.assert(
		fc.property(source, fc.array(change, { maxLength: 8 }), fc.option(fc.nat()), (bytes, changes, cut) => {
			const copy = new Uint8Array(bytes);
			// Half of the changes hit the tables, where every byte matters.
			for (const [at, value] of changes) copy[at % 2 ? at % copy.length : copy.length - 1 - (at % 3000)] = value;
			try {
				readElf(cut === null ? copy : copy.subarray(0, cut % copy.length));
			} catch (e) {
				assert.ok(e instanceof FormatError || e instanceof NotSupportedError, String(e));
			}
		}),
		{ numRuns: 1500, seed: 5 },
	);
});

test("names that overlap cannot outgrow the file", () => {
	const long = "x".repeat(4000);
	const bytes = writeElf({
		littleEndian: true,
		flags: 0,
		sections: [],
		symbols: Array.from({ length: 200 }, (_, i) => ({
			name: i ? `s${i}` : long,
			binding: STB.global,
			type: 0,
			other: 0,
			section: "undefined" as const,
			value: 0,
			size: 0,
		})),
	});
	const at = Number(new DataView(bytes.buffer).getBigUint64(40, true));
	const v = new DataView(bytes.buffer);
	const table = Number(v.getBigUint64(at + 64 + 24, true));
	// Every symbol is named by another tail of the long name.
	for (let i = 1; i <= 200; i++) v.setUint32(table + i * 24, i, true);
	assert.throws(() => readElf(bytes), /names are longer than the file can hold/);
});
