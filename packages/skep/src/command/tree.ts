import { type Invocation, STATUS, Words } from "#cli";
import { holdings, holdingsGraph, holdingsTree } from "#inspect";
import { type Desk, openDesk, writeJson } from "./desk.ts";

/** `skep tree [--dot]`: programs, maps, links, pins, and who holds what. */
export const run = async (call: Invocation): Promise<number> => tree(call, openDesk(call));

/** The same at a desk. */
export function tree(call: Invocation, desk: Desk): number {
	new Words("tree", call.rest).end();
	const { kernel, machine } = desk;
	const found = holdings({ kernel, machine, pins: machine.pins(kernel), owners: machine.owners() });
	if (desk.json) writeJson(desk, [...found.values()]);
	else desk.write(call.flags.has("dot") ? holdingsGraph(found) : holdingsTree(found, desk.screen));
	return STATUS.ok;
}
