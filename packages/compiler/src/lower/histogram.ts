import type { MapDeclaration, Node } from "#frontend";
import type { Inst, Type } from "#ir";
import { assign, instOf } from "./integer.ts";
import { addInPlace, branchOnFound, lookup } from "./lookup.ts";
import type { Lowering } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import { part } from "./place.ts";
import { storeValue } from "./store.ts";
import { hasPadding } from "./type-of.ts";
import { describe, POISON, type Value, VOID } from "./value.ts";

const U64: Type = { kind: "int", bits: 64, signed: false };

/** 0 for 0, else 1 + floor(log2(value)), without branches: the verifier walks it once. */
function log2(l: Lowering, value: Inst): Inst {
	let v = value;
	let bucket: Inst | undefined;
	for (const step of [32, 16, 8, 4, 2, 1]) {
		// 1 where v needs more than `step` bits: the sign of a subtraction that cannot overflow (v < 2^(2*step)).
		const above =
			step === 32
				? l.binary(
						"lshr",
						l.binary("sub", l.constant(0, 64), l.binary("lshr", v, l.constant(32, 64), 64), 64),
						l.constant(63, 64),
						64,
					)
				: l.binary("lshr", l.binary("sub", l.constant((1n << BigInt(step)) - 1n, 64), v, 64), l.constant(63, 64), 64);
		const shift = step === 1 ? above : l.binary("shl", above, l.constant(Math.log2(step), 64), 64);
		v = l.binary("lshr", v, shift, 64);
		bucket = bucket ? l.binary("add", bucket, shift, 64) : shift;
	}
	return l.b.emit({ op: "truncate" }, [l.binary("add", bucket!, v, 64)], 32);
}

function linear(l: Lowering, value: Inst, scale: { from: number; to: number; step: number }): Inst {
	const bucket = { name: "bucket", width: 32, space: "scalar" } as const;
	const [below, notBelow, above, inside, end] = [l.join(), l.join(), l.join(), l.join(), l.join()];
	const n = Math.ceil((scale.to - scale.from) / scale.step);
	l.branch("ult", 64, value, l.constant(Math.max(0, scale.from), 64), below, notBelow);
	l.enter(notBelow);
	l.branch("uge", 64, value, l.constant(scale.to, 64), above, inside);
	l.enter(inside);
	const index = l.binary(
		"udiv",
		l.binary("sub", value, l.constant(scale.from, 64), 64),
		l.constant(scale.step, 64),
		64,
	);
	l.b.write(bucket, l.b.emit({ op: "truncate" }, [l.binary("add", index, l.constant(1, 64), 64)], 32));
	l.goto(end);
	l.enter(below);
	l.b.write(bucket, l.constant(0, 32));
	l.goto(end);
	l.enter(above);
	l.b.write(bucket, l.constant(n + 1, 32));
	l.goto(end);
	l.enter(end);
	return l.b.read(bucket);
}

/** `histogram.add(value, key?)`: the bucket's count on this CPU goes up by one. */
export function histogramAdd(l: Lowering, map: MapDeclaration, node: Node): Value {
	const args: Node[] = node["arguments"];
	const keyed = map.histogram?.keyed === true;
	if (args.length !== (keyed ? 2 : 1))
		return l.error("SK1009", node, keyed ? "add takes the value and the key" : "add takes the value");
	const raw = requirePresent(l, l.expression(args[0]!), args[0]!);
	if (raw.kind !== "int")
		return raw.kind === "poison" ? POISON : l.error("SK1009", args[0]!, `${describe(raw, l.target.kernel)} is no u64`);
	const v = assign(l, raw, { kind: "int", bits: 64, signed: false }, args[0]!);
	if (v.kind !== "int") return POISON;
	l.at(node);
	const scale = map.histogram?.scale ?? "log2";
	const value = instOf(l, v);
	const bucket = scale === "log2" ? log2(l, value) : linear(l, value, scale);
	bucket.name ??= "bucket";
	const end = l.join();
	if (!keyed) {
		const key = l.slot("bucket", 4, 4);
		l.store(key.address, 0, 4, bucket);
		const p = lookup(l, map.name, key.address, U64, false);
		const found = l.join();
		branchOnFound(l, p, found, end);
		l.enter(found);
		addInPlace(l, p, l.constant(1, 64), 8);
		l.goto(end);
		l.enter(end);
		return VOID;
	}
	// The front end laid it out: the user's key, then the bucket.
	const type = map.key;
	if (type?.kind !== "struct") return POISON;
	const [userField, bucketField] = [type.fields[0]!, type.fields[1]!];
	const key = l.temporary("bucket", type, hasPadding(type));
	const user = part(key, userField.type, userField.offset);
	const given = l.expression(args[1]!, { type: userField.type, into: user });
	if (given.kind === "poison") return POISON;
	storeValue(l, user, given, args[1]!);
	l.at(node);
	l.store(key.base, bucketField.offset, 4, bucket);
	const tryAdd = (missing: ReturnType<Lowering["join"]>) => {
		const p = lookup(l, map.name, key.base, U64, false);
		const found = l.join();
		branchOnFound(l, p, found, missing);
		l.enter(found);
		addInPlace(l, p, l.constant(1, 64), 8);
		l.goto(end);
	};
	const missing = l.join();
	tryAdd(missing);
	l.enter(missing);
	const first = l.slot("first", 8, 8);
	l.store(first.address, 0, 8, l.constant(1, 64));
	const result = l.helper(2, "bpf_map_update_elem", [l.map(map.name), key.base, first.address, l.constant(1, 64)]);
	const again = l.join();
	l.branch("eq", 64, result, l.constant(0, 64), end, again);
	l.enter(again);
	tryAdd(end);
	l.enter(end);
	return VOID;
}
