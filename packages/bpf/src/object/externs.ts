import type { Btf, BtfType } from "#btf";
import { STB } from "#elf";
import type { ExternSpec, KconfigExtern, MapSpec, VariableSpec } from "#spec";
import { MAP_FLAGS } from "#uapi";
import type { Source } from "./source.ts";

/** Section and map of the kernel's configuration. */
export const KCONFIG = ".kconfig";
const KSYMS = ".ksyms";

export interface Externs {
	readonly externs: ReadonlyMap<string, ExternSpec>;
	/** The map `.kconfig`, where something of the configuration is asked. */
	readonly map: MapSpec | undefined;
	/** Options of the configuration as variables of that map. */
	readonly variables: ReadonlyMap<string, VariableSpec>;
}

/**
 * What the object declares and the kernel has: undefined symbols that the BTF puts into `.kconfig` or `.ksyms`. Undefined
 * symbols elsewhere are left to those who refer to them.
 */
export function readExterns(source: Source, btf: Btf | undefined): Externs {
	const externs = new Map<string, ExternSpec>();
	const variables = new Map<string, VariableSpec>();
	if (!btf) return { externs, map: undefined, variables };
	const weak = new Map<string, boolean>();
	for (const s of source.elf.symbols)
		if (s.section === "undefined" && s.name !== "") weak.set(s.name, s.binding === STB.weak);
	const options: Omit<KconfigExtern, "offset">[] = [];
	for (const section of btf.ofKind("datasec")) {
		const t = btf.type(section);
		if (t.kind !== "datasec" || (t.name !== KCONFIG && t.name !== KSYMS)) continue;
		for (const { type: id } of t.vars) {
			const each = btf.type(id);
			if (each.kind !== "var" && each.kind !== "func") continue;
			const isWeak = weak.get(each.name);
			if (isWeak === undefined) continue;
			if (t.name === KSYMS) {
				const typed = each.kind === "func" ? id : btf.kind(btf.resolve(each.type)) === "void" ? 0 : each.type;
				const kind = each.kind === "func" ? "ksym-function" : "ksym-variable";
				externs.set(each.name, { kind, name: each.name, type: typed, weak: isWeak });
			} else if (each.kind === "var") {
				const shape = optionShape(btf, each.type);
				if (!shape)
					throw source.error(
						{ section: KCONFIG, path: each.name },
						`a ${btf.kind(btf.resolve(each.type))} of ${btf.sizeOf(each.type)} bytes, expected bool, char, an integer, enum libbpf_tristate or an array of char`,
					);
				options.push({ kind: "kconfig", name: each.name, type: each.type, weak: isWeak, ...shape });
			}
		}
	}
	if (!options.length) return { externs, map: undefined, variables };
	// Widest first, so that nothing between them is lost.
	options.sort((a, b) => alignment(b) - alignment(a) || a.size - b.size || (a.name < b.name ? -1 : 1));
	let size = 0;
	for (const option of options) {
		const wide = alignment(option);
		const offset = Math.ceil(size / wide) * wide;
		size = offset + option.size;
		externs.set(option.name, { ...option, offset });
		variables.set(option.name, { name: option.name, map: KCONFIG, offset, size: option.size, type: option.type });
	}
	const map: MapSpec = {
		name: KCONFIG,
		type: "array",
		keySize: 4,
		valueSize: size,
		maxEntries: 1,
		flags: MAP_FLAGS.BPF_F_RDONLY_PROG,
		keyType: 0,
		valueType: btf.find(KCONFIG, "datasec") ?? 0,
		pinning: "none",
		frozen: true,
	};
	return { externs, map, variables };
}

const alignment = (option: { readonly value: KconfigExtern["value"]; readonly size: number }): number =>
	option.value === "string" ? 1 : option.size;

function optionShape(btf: Btf, id: number): Pick<KconfigExtern, "value" | "size" | "signed"> | undefined {
	const t: BtfType = btf.type(btf.resolve(id));
	switch (t.kind) {
		case "int":
			if (t.bool) return t.size === 1 ? { value: "bool", size: 1, signed: false } : undefined;
			if (t.size === 1) return { value: "char", size: 1, signed: t.signed };
			return t.size <= 8 ? { value: "int", size: t.size, signed: t.signed } : undefined;
		case "enum":
		case "enum64":
			return t.size === 4 && t.name === "libbpf_tristate" ? { value: "tristate", size: 4, signed: false } : undefined;
		case "array": {
			const element = btf.type(btf.resolve(t.type));
			return element.kind === "int" && element.size === 1 && !element.bool && t.length > 0
				? { value: "string", size: t.length, signed: false }
				: undefined;
		}
		default:
			return undefined;
	}
}
