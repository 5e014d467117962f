import { type Btf, BtfBuilder, type BtfType } from "#btf";
import type { CollectionSpec } from "#spec";

/** BTF as the kernel will take it, and where its strings are. Ids are those of the object's BTF. */
export interface LoadableBtf {
	readonly bytes: Uint8Array;
	/** Offset of a text in the string section; undefined: it is not there. */
	stringOffset(text: string): number | undefined;
}

/**
 * What compilers leave open and linkers never fill in: sizes of sections, offsets of their variables, externs and the names
 * of their parameters. The kernel refuses all of it, so they are set here, without moving an id.
 */
export function loadableBtf(spec: CollectionSpec, btf: Btf): LoadableBtf {
	let open = false;
	/** Prototypes of functions: their parameters want names, which declarations do not have. */
	const prototypes = new Set<number>();
	for (let id = 1; id <= btf.count; id++) {
		const type = btf.type(id);
		open ||= isOpen(type);
		if (type.kind === "func") prototypes.add(type.type);
	}
	if (!open) return { bytes: btf.encode(), stringOffset: stringsOf(btf) };
	const builder = new BtfBuilder();
	for (let id = 1; id <= btf.count; id++) {
		const type = closed(spec, btf, btf.type(id));
		builder.add(type.kind === "func_proto" && prototypes.has(id) ? withNames(type) : type);
	}
	for (const text of textsOf(spec)) builder.string(text);
	const whole = builder.finish();
	return { bytes: whole.encode(), stringOffset: stringsOf(whole) };
}

function stringsOf(btf: Btf): (text: string) => number | undefined {
	const known = new Map<string, number | undefined>();
	return (text) => {
		if (!known.has(text)) known.set(text, btf.stringOffset(text));
		return known.get(text);
	};
}

function* textsOf(spec: CollectionSpec): Generator<string> {
	for (const each of [...spec.programs.values(), ...spec.functions.values()]) {
		for (const line of each.lines) {
			yield line.file;
			yield line.text;
		}
	}
}

function isOpen(type: BtfType): boolean {
	if (type.kind === "datasec") return type.size === 0;
	return (type.kind === "var" || type.kind === "func") && type.linkage === "extern";
}

function withNames(type: BtfType & { readonly kind: "func_proto" }): BtfType {
	// Type 0 without a name is the dots of a variadic function.
	return {
		...type,
		params: type.params.map((each, i) => (each.name === "" && each.type !== 0 ? { ...each, name: `p${i}` } : each)),
	};
}

function closed(spec: CollectionSpec, btf: Btf, type: BtfType): BtfType {
	if (type.kind === "var" && type.linkage === "extern") return { ...type, linkage: "global" };
	// The kernel knows static and global functions; a kfunc's declaration is neither, and static asks for nothing.
	if (type.kind === "func" && type.linkage === "extern") return { ...type, linkage: "static" };
	if (type.kind !== "datasec" || type.size !== 0) return type;
	let end = 0;
	const vars = type.vars
		.filter((each) => btf.type(each.type).kind === "var")
		.map((each) => {
			const variable = spec.variables.get(btf.name(each.type));
			const offset = variable?.map === type.name ? variable.offset : (end + 7) & ~7;
			end = Math.max(end, offset + each.size);
			return { ...each, offset };
		})
		.sort((a, b) => a.offset - b.offset);
	const map = spec.maps.get(type.name);
	return { ...type, vars, size: Math.max(end, map?.valueSize ?? 0, 1) };
}
