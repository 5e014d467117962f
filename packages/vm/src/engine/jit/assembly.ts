import { Bytes } from "./bytes.ts";
import { FUNC } from "./opcodes.ts";
import type { Signature, Writer } from "./writer.ts";

/** Sections of a module, in their order. */
const SECTION = { custom: 0, type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const MAGIC = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0] as const;
/** Of the section that says which branches are taken hardly ever (WebAssembly's branch hinting). */
const HINTS = "metadata.code.branch_hint";
/** Kinds of imports and exports. */
const FUNCTION = 0;
const TABLE = 1;
const MEMORY = 2;
/** Limits of a memory that workers share: it has a greatest size. */
const SHARED = 3;
const MOST_PAGES = 1 << 16;
const FUNCTION_REFERENCES = 0x70;

export interface ImportedFunction extends Signature {
	readonly name: string;
}
export interface DefinedFunction extends Signature {
	readonly body: Writer;
	/** Absent: only called from inside. */
	readonly exportAs?: string;
}

/**
 * A module that imports a memory (`m.memory`) and functions (`m.NAME`) and exports functions. Functions are numbered:
 * imported ones first. `shared`: the memory is. `entrance`: it imports a table too (`m.table`), of functions of this type, which is the module's
 * first one. The same input gives the same bytes.
 */
export function assembleModule(
	imports: readonly ImportedFunction[],
	functions: readonly DefinedFunction[],
	shared: boolean,
	entrance?: Signature,
): Uint8Array<ArrayBuffer> {
	const types: string[] = [];
	const typeBytes = new Bytes();
	const typeOf = ({ params, results }: Signature): number => {
		const key = `${params}:${results}`;
		const known = types.indexOf(key);
		if (known >= 0) return known;
		typeBytes.byte(FUNC);
		for (const list of [params, results]) {
			typeBytes.unsigned(list.length);
			for (const type of list) typeBytes.byte(type);
		}
		return types.push(key) - 1;
	};
	const imported = new Bytes();
	imported.unsigned(imports.length + (entrance ? 2 : 1));
	imported.name("m");
	imported.name("memory");
	imported.byte(MEMORY);
	for (const number of shared ? [SHARED, 1, MOST_PAGES] : [0, 1]) imported.unsigned(number);
	if (entrance) {
		typeOf(entrance);
		imported.name("m");
		imported.name("table");
		for (const byte of [TABLE, FUNCTION_REFERENCES, 0, 0]) imported.byte(byte);
	}
	for (const one of imports) {
		imported.name("m");
		imported.name(one.name);
		imported.byte(FUNCTION);
		imported.unsigned(typeOf(one));
	}
	const declared = new Bytes();
	const exported = new Bytes();
	const code = new Bytes();
	const hints = new Bytes();
	const hinted = new Bytes();
	let hintedFunctions = 0;
	declared.unsigned(functions.length);
	code.unsigned(functions.length);
	exported.unsigned(functions.filter((one) => one.exportAs !== undefined).length);
	for (const [i, one] of functions.entries()) {
		declared.unsigned(typeOf(one));
		const unlikely = one.body.finish(code);
		if (unlikely.length > 0) {
			hintedFunctions++;
			hinted.unsigned(imports.length + i);
			hinted.unsigned(unlikely.length);
			for (const at of unlikely) {
				hinted.unsigned(at);
				hinted.unsigned(1);
				hinted.byte(0);
			}
		}
		if (one.exportAs === undefined) continue;
		exported.name(one.exportAs);
		exported.byte(FUNCTION);
		exported.unsigned(imports.length + i);
	}
	const typeSection = new Bytes();
	typeSection.unsigned(types.length);
	typeSection.append(typeBytes);
	hints.name(HINTS);
	hints.unsigned(hintedFunctions);
	hints.append(hinted);
	const all = new Bytes();
	for (const byte of MAGIC) all.byte(byte);
	for (const [id, content] of [
		[SECTION.type, typeSection],
		[SECTION.import, imported],
		[SECTION.function, declared],
		[SECTION.export, exported],
		[SECTION.custom, hints],
		[SECTION.code, code],
	] as const) {
		if (content === hints && hintedFunctions === 0) continue;
		all.byte(id);
		all.sized(content);
	}
	return all.take();
}
