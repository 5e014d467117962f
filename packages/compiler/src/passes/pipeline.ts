import type { Func } from "#ir";
import { NO_CONTEXT, type PassContext } from "./context.ts";
import { simplifyControl } from "./control.ts";
import { removeDeadCode } from "./dead.ts";
import { removeDeadStores } from "./dead-stores.ts";
import { readDirectly } from "./direct-read.ts";
import { fold } from "./fold.ts";
import { forwardMemory } from "./forward.ts";
import { mergeStores } from "./merge-stores.ts";
import { numberValues } from "./number.ts";

/** What a pass did. */
export interface PassRun {
	readonly pass: string;
	readonly changes: number;
}

/** By name; each changes the function in place and says how much. */
export const PASSES = {
	control: simplifyControl,
	fold,
	number: numberValues,
	forward: forwardMemory,
	dead: removeDeadCode,
	"direct-read": readDirectly,
	"dead-stores": removeDeadStores,
	"merge-stores": mergeStores,
} as const satisfies Record<string, (func: Func, context: PassContext) => number>;

const ORDER: readonly (keyof typeof PASSES)[] = [
	"control",
	"fold",
	"number",
	"control",
	"fold",
	"forward",
	"number",
	"dead",
	"direct-read",
	"dead-stores",
	"merge-stores",
	"fold",
	"control",
	"number",
	"dead",
];

/** Improves a function in place. `watch` is called after each pass, for tests. */
export function optimise(func: Func, context: PassContext = NO_CONTEXT, watch?: (pass: string) => void): PassRun[] {
	const runs: PassRun[] = [];
	for (const pass of ORDER) {
		const changes = PASSES[pass](func, context);
		if (changes > 0) runs.push({ pass, changes });
		watch?.(pass);
	}
	return runs;
}
