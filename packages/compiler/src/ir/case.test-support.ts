import assert from "node:assert/strict";
import { type Func, formatFunc, parseFunc, reversePostorder, verifyFunc } from "./index.ts";

/** The text with values and blocks numbered in order of appearance, so that two functions of one shape are equal. */
export function canonical(func: Func): string {
	func.blocks = reversePostorder(func);
	const names = new Map<string, string>();
	return formatFunc(func)
		.replace(/%\d+|\bb\d+\b/g, (name) => {
			if (!names.has(name)) names.set(name, `${name[0]}${[...names.keys()].filter((n) => n[0] === name[0]).length}`);
			return names.get(name)!;
		})
		.replace(/^ +/gm, "");
}

/** A whole function around the lines of a body that starts in b0. */
export const around = (body: string, slots = ""): string => `func f "socket" 1\n${slots}\nb0:\n${body}`;

/** Runs a pass on `before` and expects `after`; both must be valid IR. `tidy` is done to both. */
export function expectPass(
	pass: (func: Func) => unknown,
	before: string,
	after: string,
	tidy: (func: Func) => unknown = () => {},
): void {
	const func = parseFunc(before);
	assert.deepEqual(verifyFunc(func), [], "the case itself");
	pass(func);
	assert.deepEqual(verifyFunc(func), []);
	const expected = parseFunc(after);
	tidy(func);
	tidy(expected);
	assert.equal(canonical(func), canonical(expected));
}
