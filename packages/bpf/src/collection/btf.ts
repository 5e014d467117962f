import { type Btf, BtfBuilder, type BtfType } from "#btf";
import type { CollectionSpec } from "#spec";

/** BTF as the kernel will take it, and where its strings are. Ids are those of the object's BTF. */
export interface LoadableBtf {
	readonly bytes: Uint8Array;
	/** Offset of a text in the string section; undefined: it is not there. */
	stringOffset(text: string): number | undefined;
}

/** Declared symbols of the kernel. */
const KSYMS = ".ksyms";

/**
 * What compilers leave open and linkers never fill in: sizes of sections, offsets of their variables, externs and the names
 * of their parameters. The kernel refuses all of it, so they are set here, without moving an id. Hidden functions become
 * static ones, which the verifier looks at with what their callers know.
 */
export function loadableBtf(spec: CollectionSpec, btf: Btf): LoadableBtf {
	let open = false;
	const hidden = new Set<number>();
	for (const each of [...spec.functions.values(), ...spec.programs.values()])
		if (each.hidden && each.btfFunc !== 0) hidden.add(each.btfFunc);
	/** Prototypes of functions: their parameters want names, which declarations do not have. */
	const prototypes = new Set<number>();
	/** Variables of the kernel: what type they have there is none of the object's business, and may be none that can be stored. */
	const foreign = new Set<number>();
	let int = 0;
	for (let id = 1; id <= btf.count; id++) {
		const type = btf.type(id);
		open ||= isOpen(type) || hidden.has(id);
		if (type.kind === "func") prototypes.add(type.type);
		else if (type.kind === "int" && type.size === 4) int ||= id;
		else if (type.kind === "datasec" && type.name === KSYMS) for (const each of type.vars) foreign.add(each.type);
	}
	if (!open) return { bytes: btf.encode(), stringOffset: stringsOf(btf) };
	const builder = new BtfBuilder();
	const word = int || btf.count + 1;
	for (let id = 1; id <= btf.count; id++) {
		const type = closed(spec, btf, btf.type(id));
		if (type.kind === "func_proto" && prototypes.has(id)) builder.add(withNames(type));
		else if (type.kind === "var" && foreign.has(id)) builder.add({ ...type, type: word });
		else if (type.kind === "func" && hidden.has(id)) builder.add({ ...type, linkage: "static" });
		else builder.add(type);
	}
	if (foreign.size > 0 && !int)
		builder.add({ kind: "int", name: "int", size: 4, bits: 32, offset: 0, signed: true, char: false, bool: false });
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
	if (type.kind === "datasec") return type.size === 0 || type.name.startsWith("?");
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
	if (type.kind !== "datasec") return type;
	// Kernels before 6.9 take no question marks in names; those of sections mean nothing to them anyhow.
	if (type.name.startsWith("?")) return closed(spec, btf, { ...type, name: `_${type.name.slice(1)}` });
	if (type.size !== 0) return type;
	let end = 0;
	const vars = type.vars
		.filter((each) => btf.type(each.type).kind === "var")
		.map((each) => {
			const variable = spec.variables.get(btf.name(each.type));
			const offset = variable?.map === type.name ? variable.offset : (end + 7) & ~7;
			end = Math.max(end, offset + (type.name === KSYMS ? 4 : each.size));
			// Of the kernel's variables: the word that stands for them.
			return type.name === KSYMS ? { ...each, offset, size: 4 } : { ...each, offset };
		})
		.sort((a, b) => a.offset - b.offset);
	// Of kernel functions alone: kernels before 5.13 take no section without variables.
	if (vars.length === 0) return { kind: "const", type: 0 };
	const map = spec.maps.get(type.name);
	return { ...type, vars, size: Math.max(end, map?.valueSize ?? 0, 1) };
}
