import { decodedBtf } from "./fields.ts";
import type { System } from "./system.ts";

const TAG = "exception_callback:";
const RECORD = 8;

/** Slot of the function that a program names for what it throws: a tag of its main function; undefined: it names none. */
export function exceptionCallback(system: System, btfId: number, funcInfo: Uint8Array | undefined): number | undefined {
	// Text of a tag: programs without one, which most are, are not decoded for it.
	if (btfId === 0 || !funcInfo || !mentions(system.tables.btfs.get(btfId)?.bytes, TAG)) return undefined;
	const btf = decodedBtf(system, btfId)!;
	const view = new DataView(funcInfo.buffer, funcInfo.byteOffset, funcInfo.byteLength);
	const functions: { slot: number; type: number }[] = [];
	for (let at = 0; at + RECORD <= view.byteLength; at += RECORD)
		functions.push({ slot: view.getUint32(at, true), type: view.getUint32(at + 4, true) });
	const main = functions.find((each) => each.slot === 0);
	for (let id = 1; main && id <= btf.count; id++) {
		const tag = btf.type(id);
		if (tag.kind !== "decl_tag" || tag.type !== main.type || !tag.name.startsWith(TAG)) continue;
		const name = tag.name.slice(TAG.length);
		return functions.find((each) => btf.name(each.type) === name)?.slot;
	}
	return undefined;
}

function mentions(bytes: Uint8Array | undefined, text: string): boolean {
	if (!bytes) return false;
	const first = text.charCodeAt(0);
	for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
		let length = 1;
		while (length < text.length && bytes[at + length] === text.charCodeAt(length)) length++;
		if (length === text.length) return true;
	}
	return false;
}
