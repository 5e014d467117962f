import type { Node } from "#frontend";
import { instOf } from "./integer.ts";
import type { Join, Lowering } from "./lowering.ts";
import { arms } from "./merge.ts";
import { branchOnPresence } from "./optional.ts";
import { loadBytes } from "./place.ts";
import { boolConstant, describe, POISON, type Value } from "./value.ts";

/** Branches on a value's truth as JavaScript has it. */
export function truth(l: Lowering, v: Value, node: Node, yes: Join, no: Join, key?: string): void {
	l.at(node);
	switch (v.kind) {
		case "int":
			if (v.constant !== undefined) {
				l.goto(v.constant !== 0n ? yes : no);
				return;
			}
			l.branch("ne", v.bits === 64 ? 64 : 32, instOf(l, v), l.constant(0, v.bits === 64 ? 64 : 32), yes, no);
			return;
		case "bool": {
			if (v.constant !== undefined) {
				l.goto(v.constant ? yes : no);
				return;
			}
			const inst = v.inst!;
			if (inst.op === "compare") {
				l.branch(inst.condition, inst.on, inst.args[0]!, inst.args[1]!, yes, no);
				return;
			}
			l.branch("ne", 32, inst, l.constant(0, 32), yes, no);
			return;
		}
		case "text":
			l.goto(v.text !== "" ? yes : no);
			return;
		case "undefined":
		case "void":
			l.goto(no);
			return;
		case "poison":
			// Both ways are looked at, so that their errors are reported too.
			yes.incoming.push(l.facts);
			no.incoming.push(l.facts);
			l.b.terminate({
				op: "branch",
				condition: "ne",
				on: 32,
				args: [l.constant(0, 32), l.constant(0, 32)],
				then: yes.block,
				else: no.block,
				position: l.b.position,
			});
			return;
		case "optional": {
			const inner = v.value;
			if (v.copied && inner.kind !== "place" && inner.kind !== "record") {
				const zero = inner.kind === "int" && inner.bits === 64 ? "0n" : "0";
				l.error(
					"SK2103",
					node,
					`truthiness of a copied ${describe(inner)}: zero and missing look alike`,
					`write ${l.text(node)} !== undefined, or (${l.text(node)} ?? ${zero}) !== ${zero}`,
				);
				branchOnPresence(l, v, yes, no, key);
				return;
			}
			if (inner.kind === "record" || (inner.kind === "place" && inner.type.kind === "struct")) {
				branchOnPresence(l, v, yes, no, key);
				return;
			}
			const there = l.join();
			branchOnPresence(l, v, there, no, key);
			l.enter(there);
			truth(l, inner, node, yes, no, key);
			return;
		}
		case "place":
			if (v.nullable) {
				branchOnPresence(l, v, yes, no, key);
				return;
			}
			if (v.type.kind === "chars" && !v.boxed) {
				l.branch("ne", 32, loadBytes(l, v, 0, 1), l.constant(0, 32), yes, no);
				return;
			}
			l.goto(yes);
			return;
		case "kernel":
			branchOnPresence(l, v, yes, no, key);
			return;
		case "kernel-pointer":
		case "user-pointer":
			l.branch("ne", 64, v.inst, l.constant(0, 64), yes, no);
			return;
		case "kernel-array":
		case "be":
			l.error(
				"SK1009",
				node,
				`${describe(v)} has no truth`,
				v.kind === "be"
					? `compare it: !== ${v.bits === 16 ? "htons" : v.bits === 32 ? "htonl" : "cpuToBe64"}(0)`
					: undefined,
			);
			truth(l, POISON, node, yes, no);
			return;
		default:
			l.goto(yes);
			return;
	}
}

/** A branch as a boolean. */
export function asValue(l: Lowering, node: Node, branch: (yes: Join, no: Join) => void): Value {
	const yes = l.join();
	const no = l.join();
	branch(yes, no);
	return arms(l, node, [
		{ join: yes, value: () => boolConstant(true), node },
		{ join: no, value: () => boolConstant(false), node },
	]);
}
