import { decodedBtf } from "./fields.ts";
import type { System } from "./system.ts";
import type { ProgramState } from "./tables.ts";

const TAG = "exception_callback:";
const RECORD = 8;

/** Slot of the function that a program names for what it throws: a tag of its main function; undefined: it names none. */
export function exceptionCallback(system: System, program: ProgramState): number | undefined {
	const btf = program.btf === 0 ? undefined : decodedBtf(system, program.btf);
	if (!btf) return undefined;
	const view = new DataView(program.funcInfo.buffer, program.funcInfo.byteOffset, program.funcInfo.byteLength);
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
