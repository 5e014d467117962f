import { type Btf, type BtfType, Btf as Types } from "#btf";
import { type ElfFile, readElf, SHT, STT } from "#elf";

/** An object as lines that do not depend on the order in which a linker writes things. */
export interface Content {
	/** Name, binding, visibility, type, section, offset, size. */
	readonly symbols: readonly string[];
	/** Name, type, flags, alignment, bytes. */
	readonly sections: readonly string[];
	/** Section, offset, type, symbol. */
	readonly relocations: readonly string[];
	/** Types by what they say, each once; and how many there are. */
	readonly types: readonly string[];
	readonly typeCount: number;
}

/** What a loader sees in an object. Symbols of sections and files are names for people and for relocations. */
export function contentOf(bytes: Uint8Array): Content {
	const elf = readElf(bytes);
	const kept = elf.sections.filter(
		(s) => !/^\.BTF/.test(s.name) && s.type !== SHT.strtab && s.name !== ".llvm_addrsig",
	);
	const btf = elf.sections.find((s) => s.name === ".BTF");
	const types = btf ? typesOf(Types.decode(btf.data)) : [];
	return {
		symbols: elf.symbols
			.filter((s) => s.type !== STT.section && s.type !== STT.file)
			.map((s) => `${s.name} ${s.binding} ${s.other} ${s.type} ${sectionName(elf, s.section)} ${s.value} ${s.size}`)
			.sort(),
		sections: kept
			.map((s) => `${s.name} ${s.type} ${s.flags} ${s.size} ${s.align} ${Buffer.from(s.data).toString("hex")}`)
			.sort(),
		relocations: kept
			.flatMap((s) =>
				s.relocations.map((r) => {
					const symbol = elf.symbols[r.symbol];
					const name =
						symbol?.type === STT.section ? sectionName(elf, symbol.section) : `${symbol?.name} ${symbol?.value}`;
					return `${s.name} ${r.offset} ${r.type} ${name} ${r.addend ?? ""}`;
				}),
			)
			.sort(),
		types: [...new Set(types)].sort(),
		typeCount: types.length,
	};
}

const sectionName = (elf: ElfFile, at: ElfFile["symbols"][number]["section"]): string =>
	typeof at === "number" ? elf.sections[at]!.name : at;

/** One line a type. Named types inside another are said by name, anonymous ones in full. */
export function typesOf(btf: Btf): string[] {
	const lines: string[] = [];
	for (let id = 1; id <= btf.count; id++) lines.push(say(btf, id, 0));
	return lines;
}

function say(btf: Btf, id: number, depth: number): string {
	const t = btf.type(id);
	const inner = (to: number): string => say(btf, to, depth + 1);
	if (depth > 0 && "name" in t && t.name !== "" && t.kind !== "int") return `${wordOf(t)} ${t.name}`;
	if (depth > 12) return "…";
	switch (t.kind) {
		case "void":
			return "void";
		case "array":
			return `${inner(t.type)}[${t.length}]`;
		case "struct":
		case "union":
			return `${t.kind} ${t.name} ${t.size} {${t.members.map((m) => `${m.name}@${m.bitOffset}:${m.bitSize} ${inner(m.type)}`).join("; ")}}`;
		case "enum":
		case "enum64":
			return `${t.kind} ${t.name} ${t.size} ${t.signed} {${t.values.map((v) => `${v.name}=${v.value}`).join(" ")}}`;
		case "func_proto":
			return `(${t.params.map((p) => `${p.name} ${inner(p.type)}`).join(", ")}) ${inner(t.ret)}`;
		case "datasec":
			return `datasec ${t.name} ${t.size} {${t.vars
				.map((v) => `${v.offset}+${v.size} ${inner(v.type)}`)
				.sort()
				.join("; ")}}`;
		case "ptr":
		case "const":
		case "volatile":
		case "restrict":
			return `${t.kind} ${inner(t.type)}`;
		case "typedef":
		case "type_tag":
			return `${t.kind} ${t.name} ${inner(t.type)}`;
		case "func":
		case "var":
			return `${t.linkage} ${t.kind} ${t.name} ${inner(t.type)}`;
		case "decl_tag":
			return `decl_tag ${t.name} ${t.component} ${inner(t.type)}`;
		default:
			return JSON.stringify(t);
	}
}

/** A forward declaration says the same as what it stands for. */
const wordOf = (t: BtfType): string => (t.kind === "fwd" ? (t.union ? "union" : "struct") : t.kind);
