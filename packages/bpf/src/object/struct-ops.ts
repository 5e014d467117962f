import { type Btf, type BtfMember, memberBits } from "#btf";
import { type ElfSection, R_BPF, SHT } from "#elf";
import type { MapSpec, StructOps } from "#spec";
import { MAP_FLAGS } from "#uapi";
import type { Functions } from "./functions.ts";
import type { Source } from "./source.ts";

/** `?`: made only when asked for. `.link`: attached by a link. */
const SECTION = /^(\??)\.struct_ops(\.link)?$/;

/** Tables of functions for the kernel: each variable of `.struct_ops` or `.struct_ops.link` is a map of type struct_ops. */
export function readStructOps(source: Source, btf: Btf | undefined, functions: Functions): MapSpec[] {
	const maps: MapSpec[] = [];
	for (const [index, s] of source.elf.sections.entries()) {
		const form = SECTION.exec(s.name);
		if (!form || s.size === 0) continue;
		if (!btf) throw source.error({ section: s.name, path: "type" }, "the object has no .BTF that says what it defines");
		const datasec = btf.find(s.name, "datasec");
		const type = datasec === undefined ? undefined : btf.type(datasec);
		if (type?.kind !== "datasec")
			throw source.error({ section: s.name, path: "type" }, `the BTF has no DATASEC ${s.name}`);
		const symbols = new Map(source.symbolsOf(index).map((each) => [each.name, each]));
		for (const [i, v] of type.vars.entries()) {
			const variable = btf.type(v.type);
			const struct = variable.kind === "var" ? btf.resolve(variable.type) : 0;
			const shape = btf.type(struct);
			if (variable.kind !== "var" || shape.kind !== "struct" || shape.name === "")
				throw source.error({ section: s.name, path: `vars[${i}]` }, `a ${shape.kind}, expected a struct with a name`);
			const symbol = symbols.get(variable.name);
			if (!symbol) throw source.error({ section: s.name, path: `vars[${i}]` }, `"${variable.name}" has no symbol`);
			if (symbol.value + shape.size > s.size)
				throw source.error(
					{ section: s.name, offset: symbol.value, path: `Sym/${variable.name}` },
					`"${variable.name}" takes bytes ${symbol.value} to ${symbol.value + shape.size} of ${s.size}`,
				);
			const contents = new Uint8Array(shape.size);
			if (s.type !== SHT.nobits) contents.set(s.data.subarray(symbol.value, symbol.value + shape.size));
			const structOps: StructOps = {
				typeName: shape.name,
				type: struct,
				link: form[2] !== undefined,
				programs: programsOf(source, btf, functions, s, variable.name, symbol.value, shape),
			};
			maps.push({
				name: variable.name,
				type: "struct_ops",
				keySize: 4,
				valueSize: shape.size,
				maxEntries: 1,
				flags: structOps.link ? MAP_FLAGS.BPF_F_LINK : 0,
				keyType: 0,
				valueType: struct,
				pinning: "none",
				contents,
				frozen: false,
				structOps,
				...(form[1] === "?" ? { autocreate: false } : {}),
			});
		}
	}
	return maps;
}

function programsOf(
	source: Source,
	btf: Btf,
	functions: Functions,
	section: ElfSection,
	name: string,
	start: number,
	shape: { readonly size: number; readonly members: readonly BtfMember[] },
): StructOps["programs"] {
	const programs: StructOps["programs"][number][] = [];
	for (const r of section.relocations) {
		if (r.offset < start || r.offset >= start + shape.size) continue;
		const offset = r.offset - start;
		const fail = (message: string) =>
			source.error({ section: section.name, offset: r.offset, path: `${name}/relocation` }, message);
		if (r.type !== R_BPF.abs64) throw fail(`relocation of type ${r.type}, expected ${R_BPF.abs64}`);
		const member = shape.members.find((m) => m.bitOffset === offset * 8);
		if (!member || memberBits(btf, member).bitSize > 0) throw fail(`no member begins at byte ${offset}`);
		const pointer = btf.type(btf.resolve(member.type));
		if (pointer.kind !== "ptr" || btf.kind(btf.resolve(pointer.type)) !== "func_proto")
			throw fail(`member ${member.name} is no pointer to a function`);
		const symbol = source.elf.symbols[r.symbol];
		const at = symbol && typeof symbol.section === "number" ? symbol.section : -1;
		const program = symbol && functions.at(at, symbol.value + Number(r.addend ?? 0n));
		if (!program) throw fail(`member ${member.name} is set to "${symbol?.name ?? ""}", which is no program`);
		programs.push({ member: member.name, offset, program: program.name });
	}
	return programs;
}
