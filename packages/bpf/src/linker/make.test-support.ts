import { encodeUtf8 } from "#base";
import { BtfBuilder } from "#btf";
import { type ElfRelocation, type ElfSection, SHF, SHT, STB, STT, writeElf } from "#elf";

/** A symbol of an object made by hand. Functions stand in `.text`, variables in `.data`, maps in `.maps`. */
export interface Made {
	readonly name: string;
	readonly kind: "function" | "variable" | "map";
	readonly binding?: number;
	readonly visibility?: number;
	/** Of an extern variable: the kernel's section that it is declared in. */
	readonly kernel?: ".kconfig" | ".ksyms";
	/** A declaration only. */
	readonly extern?: true;
	/** Bytes of the variable's int, or its elements; of a map its entries; of a function its parameters. Default 4. */
	readonly size?: number;
	/** Of the variable: an array of so many. */
	readonly elements?: number;
	/** Name of the struct that it is, instead of an int. */
	readonly struct?: string;
}

const RETURN = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

/** A small object with these symbols. */
export function makeObject(
	list: readonly Made[],
	options: {
		readonly license?: string;
		readonly littleEndian?: boolean;
		readonly btf?: false;
		readonly version?: number;
	} = {},
): Uint8Array {
	const { license = "GPL" } = options;
	const b = new BtfBuilder();
	const text: number[] = [];
	const data: number[] = [];
	const maps: number[] = [];
	const symbols: Parameters<typeof writeElf>[0]["symbols"][number][] = [];
	const vars = new Map<string, { type: number; offset: number; size: number }[]>([
		[".data", []],
		[".maps", []],
	]);
	const int = (size: number) =>
		b.once({
			kind: "int",
			name: `int${size}`,
			size,
			bits: size * 8,
			offset: 0,
			signed: true,
			char: false,
			bool: false,
		});
	const place = { function: 0, variable: 1, map: 2 } as const;
	for (const s of list) {
		const size = s.size ?? 4;
		const linkage = s.extern ? "extern" : s.binding === STB.local ? "static" : "global";
		let value = 0;
		let bytes = 0;
		if (s.kind === "function") {
			const params = Array.from({ length: size }, (_, i) => ({ name: `p${i}`, type: int(4) }));
			b.add({ kind: "func", name: s.name, type: b.add({ kind: "func_proto", ret: int(4), params }), linkage });
			value = text.length;
			bytes = s.extern ? 0 : RETURN.length;
			if (!s.extern) text.push(...RETURN);
		} else {
			const target = s.kind === "map" ? maps : data;
			let type = int(4);
			bytes = size;
			if (s.kind === "map") {
				const number = (n: number) =>
					b.add({ kind: "ptr", type: b.add({ kind: "array", type: int(4), index: int(4), length: n }) });
				type = b.add({
					kind: "struct",
					name: "",
					size: 16,
					members: [
						{ name: "type", type: number(2), bitOffset: 0, bitSize: 0 },
						{ name: "max_entries", type: number(size), bitOffset: 64, bitSize: 0 },
					],
				});
				bytes = 16;
			} else if (s.struct !== undefined)
				type = b.add({
					kind: "struct",
					name: s.struct,
					size,
					members: [{ name: "x", type: int(size), bitOffset: 0, bitSize: 0 }],
				});
			else type = int(size);
			if (s.elements !== undefined) {
				type = b.add({ kind: "array", type, index: int(4), length: s.elements });
				bytes = size * s.elements;
			}
			const id = b.add({ kind: "var", name: s.name, type, linkage });
			value = s.extern ? 0 : target.length;
			if (!s.extern) target.push(...new Array<number>(bytes).fill(7));
			if (s.kernel) vars.set(s.kernel, [...(vars.get(s.kernel) ?? []), { type: id, offset: 0, size: bytes }]);
			if (s.kind === "map" || !s.extern)
				vars.get(s.kind === "map" ? ".maps" : ".data")!.push({ type: id, offset: value, size: bytes });
		}
		symbols.push({
			name: s.name,
			binding: s.binding ?? STB.global,
			type: s.extern ? STT.notype : s.kind === "function" ? STT.func : STT.object,
			other: s.visibility ?? 0,
			section: s.extern ? "undefined" : place[s.kind],
			value,
			size: s.extern ? 0 : bytes,
		});
	}
	for (const [name, entries] of vars) if (entries.length) b.add({ kind: "datasec", name, size: 0, vars: entries });
	const sections: ElfSection[] = [
		section(".text", Uint8Array.from(text), SHF.alloc | SHF.exec),
		section(".data", Uint8Array.from(data), SHF.alloc | SHF.write),
		section(".maps", Uint8Array.from(maps), SHF.alloc | SHF.write),
		section("license", encodeUtf8(`${license}\0`), SHF.alloc | SHF.write, 1),
	];
	if (options.version !== undefined)
		sections.push(section("version", Uint8Array.of(options.version, 0, 0, 0), SHF.alloc | SHF.write, 4));
	if (options.btf !== false) sections.push(section(".BTF", b.encode(), 0, 4));
	return writeElf({
		littleEndian: options.littleEndian ?? true,
		flags: 0,
		sections,
		symbols: symbols.sort((x, y) => x.binding - y.binding || 0),
	});
}

export function section(
	name: string,
	data: Uint8Array,
	flags: number,
	align = 8,
	relocations: readonly ElfRelocation[] = [],
): ElfSection {
	return { name, type: SHT.progbits, flags, align, entrySize: 0, size: data.length, data, relocations };
}
