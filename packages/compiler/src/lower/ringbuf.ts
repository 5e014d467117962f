import type { MapDeclaration, Node } from "#frontend";
import { sizeOf } from "#ir";
import { inlineBody } from "./function.ts";
import { branchOnFound, lookup } from "./lookup.ts";
import type { Lowering } from "./lowering.ts";
import { type Arm, merge } from "./merge.ts";
import { place } from "./place.ts";
import { truth } from "./truth.ts";
import { boolConstant, describe, type Emission, POISON, type Value } from "./value.ts";

/** Per-CPU array of u64 that counts failed reservations, a slot per ring buffer. */
export const LOST = "skep_lost";

const U64 = { kind: "int", bits: 64, signed: false } as const;

/** `events.emit((e) => …)`: reserve, fill in place, submit; `return false` discards; a failed reservation is counted. */
export function emit(l: Lowering, map: MapDeclaration, node: Node): Value {
	const fn: Node | undefined = node["arguments"][0];
	const record = map.record;
	if (!record || !fn || node["arguments"].length !== 1)
		return l.error("SK1009", node, "emit takes one function that fills the record");
	const body = l.expression(fn);
	if (body.kind !== "closure")
		return body.kind === "poison"
			? POISON
			: l.error(
					"SK1009",
					fn,
					`emit takes a function that fills the record, not ${describe(body, l.target.kernel)}`,
					`write ${map.name}.emit((e) => { … })`,
				);
	if (!l.lost.has(map.name)) l.lost.set(map.name, l.lost.size);
	l.at(node);
	const reserved = l.helper(
		131,
		"bpf_ringbuf_reserve",
		[l.map(map.name), l.constant(sizeOf(record), 64), l.constant(0, 64)],
		"ringbuf",
	);
	const have = l.join();
	const full = l.join();
	l.branch("ne", 64, reserved, l.constant(0, 64), have, full);
	const list: Arm[] = [];
	const arm = (value: Value) => {
		if (l.b.block) list.push({ block: l.b.block, facts: l.facts, value, node });
	};

	l.enter(have);
	l.zero(reserved, 0, sizeOf(record), 8);
	const emission: Emission = { over: false };
	const e = place(record, reserved, 0, "ringbuf", 8, { emission });
	const exits = inlineBody(l, body, [e], node);
	const submit = l.join();
	const discard = l.join();
	for (const x of exits) {
		l.b.enter(x.block);
		l.facts = x.facts;
		if (x.value.kind === "bool" || x.value.kind === "poison") truth(l, x.value, x.node, submit, discard);
		else l.goto(submit);
	}
	emission.over = true;
	l.enter(submit);
	if (l.reachable) {
		l.at(node);
		l.helper(132, "bpf_ringbuf_submit", [reserved, l.constant(0, 64)]);
	}
	arm(boolConstant(true));
	l.enter(discard);
	if (l.reachable) {
		l.at(node);
		l.helper(133, "bpf_ringbuf_discard", [reserved, l.constant(0, 64)]);
	}
	arm(boolConstant(true));

	l.enter(full);
	l.at(node);
	const key = l.slot("lost_key", 4, 4);
	l.store(key.address, 0, 4, l.constant(l.lost.get(map.name)!, 32));
	const counter = lookup(l, LOST, key.address, U64, false, "lost");
	const found = l.join();
	const end = l.join();
	branchOnFound(l, counter, found, end);
	l.enter(found);
	l.store(counter.base, 0, 8, l.binary("add", l.load(counter.base, 0, 8), l.constant(1, 64), 64));
	l.goto(end);
	l.enter(end);
	arm(boolConstant(false));
	return merge(l, list, node);
}
