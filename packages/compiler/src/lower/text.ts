import { encodeUtf8 } from "@skep/bpf/base";
import type { Node } from "#frontend";
import { type Inst, type Size, sizeOf, type Variable } from "#ir";
import { boundedIndex } from "./bounds.ts";
import { instOf } from "./integer.ts";
import { copyArray } from "./kernel.ts";
import type { Join, Lowering, Want } from "./lowering.ts";
import { arms } from "./merge.ts";
import { alignmentAt, copy, loadBytes, part } from "./place.ts";
import { storeValue } from "./store.ts";
import { constant, int, literal, type PlaceValue, POISON, type Value } from "./value.ts";

export const isText = (v: Value): boolean =>
	v.kind === "text" ||
	(v.kind === "place" && v.type.kind === "chars" && !v.boxed) ||
	(v.kind === "kernel-array" && v.text) ||
	(v.kind === "optional" && isText(v.value));

export const encode = (text: string) => encodeUtf8(text);

/** Text as bytes of ours: kernel arrays are copied first. */
export function bytesOf(l: Lowering, v: Value, node: Node): PlaceValue | undefined {
	if (v.kind === "place" && v.type.kind === "chars") return v;
	if (v.kind === "kernel-array" && v.text) return copyArray(l, v, node);
	if (v.kind === "text") {
		const t = l.temporary("text", { kind: "chars", size: encode(v.text).length + 1 }, false);
		storeValue(l, t, v, node);
		return t;
	}
	return undefined;
}

/** The widest load that fits at `at` before `end`. */
const step = (p: PlaceValue, at: number, end: number): Size => {
	let size: Size = 8;
	while (size > 1 && (at + size > end || (p.space !== "packet" && alignmentAt(p.align, at) < size)))
		size = (size / 2) as Size;
	return size;
};

const compareRange = (
	l: Lowering,
	a: PlaceValue,
	from: number,
	end: number,
	word: (at: number, size: Size) => Inst,
	different: Join,
): void => {
	for (let at = from; at < end; ) {
		const size = step(a, at, end);
		const next = l.join();
		l.branch("eq", size === 8 ? 64 : 32, loadBytes(l, a, at, size), word(at, size), next, different);
		l.enter(next);
		at += size;
	}
};

const constantWord = (bytes: Uint8Array, at: number, size: Size): bigint => {
	let value = 0n;
	for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
	return value;
};

/** Branches on two texts being the same up to their NUL. Text is NUL-padded everywhere, so words can be compared. */
export function textEquals(l: Lowering, a: Value, b: Value, node: Node, same: Join, different: Join): void {
	if (a.kind === "text" && b.kind === "text") {
		l.goto(a.text === b.text ? same : different);
		return;
	}
	if (a.kind === "text" || b.kind === "text") {
		const [t, other] = a.kind === "text" ? [a, b] : [b as Extract<Value, { kind: "text" }>, a];
		const p = bytesOf(l, other, node);
		if (p?.type.kind !== "chars") {
			l.goto(different);
			return;
		}
		const bytes = encode(t.text);
		// A longer text can never be there.
		if (bytes.length > p.type.size || t.text.includes("\0")) {
			l.goto(different);
			return;
		}
		const end = Math.min(bytes.length + 1, p.type.size);
		compareRange(
			l,
			p,
			0,
			end,
			(at, size) => l.constant(constantWord(bytes, at, size), size === 8 ? 64 : 32),
			different,
		);
		l.goto(same);
		return;
	}
	const p = bytesOf(l, a, node);
	const q = bytesOf(l, b, node);
	if (p?.type.kind !== "chars" || q?.type.kind !== "chars") {
		l.goto(different);
		return;
	}
	const [short, long] = p.type.size <= q.type.size ? [p, q] : [q, p];
	const end = (short.type as { size: number }).size;
	const rough = { ...short, align: Math.min(short.align, long.align), space: short.space };
	compareRange(l, rough, 0, end, (at, size) => loadBytes(l, long, at, size), different);
	if (p.type.size !== q.type.size) {
		const next = l.join();
		l.branch("eq", 32, loadBytes(l, long, end, 1), l.constant(0, 32), next, different);
		l.enter(next);
	}
	l.goto(same);
}

/** Bytes before the NUL: a bounded loop. */
export function textLength(l: Lowering, v: Value, node: Node): Value {
	if (v.kind === "text") return literal(BigInt(encode(v.text).length), false);
	const p = bytesOf(l, v, node);
	if (p?.type.kind !== "chars") return POISON;
	l.at(node);
	const size = p.type.size;
	const i = { name: "length", width: 64, space: "scalar" } as const;
	l.b.write(i, l.constant(0, 64));
	const head = l.join();
	const body = l.join();
	const more = l.join();
	const end = l.join();
	l.goto(head);
	l.b.enter(head.block);
	l.branch("ult", 64, l.b.read(i), l.constant(size, 64), body, end);
	l.enter(body);
	const at = l.b.emit({ op: "offset", offset: 0 }, [l.address(p), l.b.read(i)], 64, p.space);
	l.branch("ne", 32, l.load(at, 0, 1), l.constant(0, 32), more, end);
	l.enter(more);
	l.b.write(i, l.binary("add", l.b.read(i), l.constant(1, 64), 64));
	l.goto(head);
	l.b.seal(head.block);
	l.enter(end);
	return int(32, false, l.b.emit({ op: "truncate" }, [l.b.read(i)], 32), { max: BigInt(size) });
}

/** `startsWith endsWith includes` of text as a branch. */
export function textPredicate(l: Lowering, v: Value, method: string, node: Node, yes: Join, no: Join): void {
	const what: Node = node["arguments"][0];
	const argument = l.expression(what);
	if (argument.kind !== "text") {
		if (argument.kind !== "poison") l.notYet(what, `${method} of text that is not constant`, "compare with a constant");
		l.goto(yes);
		return;
	}
	const bytes = encode(argument.text);
	if (v.kind === "text") {
		l.goto(
			method === "startsWith"
				? v.text.startsWith(argument.text)
					? yes
					: no
				: method === "endsWith"
					? v.text.endsWith(argument.text)
						? yes
						: no
					: v.text.includes(argument.text)
						? yes
						: no,
		);
		return;
	}
	const p = bytesOf(l, v, node);
	if (p?.type.kind !== "chars" || bytes.length > p.type.size) {
		l.goto(no);
		return;
	}
	l.at(node);
	if (method === "startsWith" || bytes.length === 0) {
		compareRange(
			l,
			p,
			0,
			bytes.length,
			(at, size) => l.constant(constantWord(bytes, at, size), size === 8 ? 64 : 32),
			no,
		);
		l.goto(yes);
		return;
	}
	if (method === "includes") {
		search(l, p, bytes, yes, no);
		return;
	}
	const length = textLength(l, p, node);
	if (length.kind !== "int") {
		l.goto(yes);
		return;
	}
	const wide = l.b.emit({ op: "extend", from: 32, signed: false }, [instOf(l, length)], 64);
	const from = l.binary("sub", wide, l.constant(bytes.length, 64), 64);
	const inside = l.join();
	// Wrapped below 0 it is past the end too.
	l.branch("ule", 64, from, l.constant(p.type.size - bytes.length, 64), inside, no);
	l.enter(inside);
	const at = l.b.emit({ op: "offset", offset: 0 }, [l.address(p), from], 64, p.space);
	for (const [i, byte] of bytes.entries()) {
		const next = l.join();
		l.branch("eq", 32, l.load(at, i, 1), l.constant(byte, 32), next, no);
		l.enter(next);
	}
	l.goto(yes);
	return;
}

/** Looks for constant bytes from the start; the result is where they stand on the way to `found`. */
function search(l: Lowering, p: PlaceValue, bytes: Uint8Array, found: Join, missing: Join): Variable {
	const at: Variable = { name: "at", width: 64, space: "scalar" };
	l.b.write(at, l.constant(0, 64));
	const [head, body, rest, other, next] = [l.join(), l.join(), l.join(), l.join(), l.join()];
	l.goto(head);
	l.b.enter(head.block);
	l.branch("ule", 64, l.b.read(at), l.constant(sizeOf(p.type) - bytes.length, 64), body, missing);
	l.enter(body);
	const here = l.b.emit({ op: "offset", offset: 0 }, [l.address(p), l.b.read(at)], 64, p.space);
	const first = l.load(here, 0, 1);
	l.branch("eq", 32, first, l.constant(bytes[0]!, 32), rest, other);
	l.enter(other);
	// Nothing follows the NUL.
	l.branch("ne", 32, first, l.constant(0, 32), next, missing);
	l.enter(rest);
	for (const [i, byte] of bytes.subarray(1).entries()) {
		const more = l.join();
		l.branch("eq", 32, l.load(here, i + 1, 1), l.constant(byte, 32), more, next);
		l.enter(more);
	}
	l.goto(found);
	l.enter(next);
	if (l.reachable) l.b.write(at, l.binary("add", l.b.read(at), l.constant(1, 64), 64));
	l.goto(head);
	l.b.seal(head.block);
	l.b.block = undefined;
	return at;
}

/** `text.indexOf("…")`: where it begins, in bytes, or -1. */
function indexOf(l: Lowering, v: Value, node: Node): Value {
	const args: Node[] = node["arguments"];
	const what = args[0] ? l.expression(args[0]) : POISON;
	if (what.kind === "poison") return POISON;
	if (what.kind !== "text" || args.length > 1)
		return l.notYet(
			node,
			what.kind !== "text" ? "indexOf of text that is not constant" : "indexOf from a place on",
			"look for a constant from the start",
		);
	const bytes = encode(what.text);
	if (v.kind === "text") {
		const before = v.text.indexOf(what.text);
		return constant(before < 0 ? -1 : encode(v.text.slice(0, before)).length, 32, true);
	}
	const p = bytesOf(l, v, node);
	if (p?.type.kind !== "chars") return POISON;
	if (bytes.length === 0) return constant(0, 32, true);
	if (bytes.length > p.type.size || what.text.includes("\0")) return constant(-1, 32, true);
	l.at(node);
	const found = l.join();
	const missing = l.join();
	const at = search(l, p, bytes, found, missing);
	const max = BigInt(p.type.size - bytes.length);
	const value = () => int(32, true, l.b.emit({ op: "truncate" }, [l.b.read(at)], 32), { min: 0n, max });
	return arms(l, node, [
		{ join: found, value, node },
		{ join: missing, value: () => constant(-1, 32, true), node },
	]);
}

/** Methods of text that give a value. */
export function textMethod(l: Lowering, v: Value, name: string, node: Node, want: Want): Value {
	const args: Node[] = node["arguments"];
	switch (name) {
		case "charCodeAt": {
			const p = bytesOf(l, v, node);
			if (p?.type.kind !== "chars" || !args[0]) return POISON;
			const i = boundedIndex(l, args[0], l.expression(args[0]), p.type.size, node, l.text(node["callee"]["object"]));
			if (!i) return POISON;
			if ("constant" in i) return int(8, false, loadBytes(l, p, i.constant, 1));
			return int(8, false, l.load(l.b.emit({ op: "offset", offset: 0 }, [l.address(p), i.inst], 64, p.space), 0, 1));
		}
		case "slice": {
			const p = bytesOf(l, v, node);
			if (p?.type.kind !== "chars") return POISON;
			const bound = (n: Node | undefined, otherwise: number) => {
				if (!n) return otherwise;
				const c = l.expression(n);
				return c.kind === "int" && c.constant !== undefined && c.constant >= 0n ? Number(c.constant) : undefined;
			};
			const from = bound(args[0], 0);
			const to = bound(args[1], p.type.size);
			if (from === undefined || to === undefined)
				return l.notYet(node, "slice with bounds that are not constant or negative");
			const end = Math.min(to, p.type.size);
			if (from >= end) return { kind: "text", text: "" };
			const type =
				want.type?.kind === "chars" && want.type.size > end - from
					? want.type
					: ({ kind: "chars", size: end - from + 1 } as const);
			const out = l.temporary("slice", type, true);
			l.at(node);
			copy(l, out, part(p, { kind: "chars", size: end - from }, from), end - from);
			return out;
		}
		case "indexOf":
			return indexOf(l, v, node);
		case "lastIndexOf":
			return l.notYet(node, "lastIndexOf of text", "write endsWith, or search in the user half");
		case "at":
		case "concat":
		case "match":
		case "padEnd":
		case "padStart":
		case "repeat":
		case "replace":
		case "split":
		case "substring":
		case "toLowerCase":
		case "toString":
		case "toUpperCase":
		case "trim":
			return l.error("SK1004", node, `text has no ${name} in kernel code`, "do it in the user half");
		default:
			return l.error("SK1009", node["callee"]["property"], `text has no member ${name}`);
	}
}
