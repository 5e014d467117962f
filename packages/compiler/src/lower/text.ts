import { encodeUtf8 } from "@skep/bpf/base";
import type { Node } from "#frontend";
import type { Inst, Size } from "#ir";
import { expression, type Want } from "./expression.ts";
import { boolInst, instOf } from "./integer.ts";
import { copyArray } from "./kernel.ts";
import type { Join, Lowering } from "./lowering.ts";
import { boundedIndex } from "./member.ts";
import { requirePresent } from "./optional.ts";
import { alignmentAt, copy, loadBytes, part, storeValue } from "./place.ts";
import { describe, int, literal, type PlaceValue, POISON, type Value } from "./value.ts";

export const isText = (v: Value): boolean =>
	v.kind === "text" ||
	(v.kind === "place" && v.type.kind === "chars" && !v.boxed) ||
	(v.kind === "kernel-array" && v.text) ||
	(v.kind === "optional" && isText(v.value));

const encode = (text: string) => encodeUtf8(text);

/** Text as bytes of ours: kernel arrays are copied first. */
function bytesOf(l: Lowering, v: Value, node: Node): PlaceValue | undefined {
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
		if (!p || p.type.kind !== "chars") {
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

const PREDICATES = new Set(["startsWith", "endsWith", "includes"]);

/** `text.startsWith("…")` and its like as a branch; false: it is no such call. */
export function textBranch(l: Lowering, node: Node, yes: Join, no: Join): boolean {
	const callee: Node = node["callee"];
	if (callee.type !== "MemberExpression" || callee["computed"] || !PREDICATES.has(callee["property"]["name"]))
		return false;
	const raw = expression(l, callee["object"]);
	const v = requirePresent(l, raw, callee["object"]);
	const what = node["arguments"][0] as Node | undefined;
	if (v.kind === "poison" || !what) {
		l.goto(yes);
		return true;
	}
	if (!isText(v)) {
		if (v.kind === "list" || (v.kind === "place" && v.type.kind === "array"))
			l.notYet(node, `${callee["property"]["name"]} of an array`, "write a loop");
		else l.error("SK1009", node, `${describe(v, l.target.kernel)} has no ${callee["property"]["name"]}`);
		l.goto(yes);
		return true;
	}
	const argument = expression(l, what);
	if (argument.kind !== "text") {
		if (argument.kind !== "poison")
			l.notYet(what, `${callee["property"]["name"]} of text that is not constant`, "compare with a constant");
		l.goto(yes);
		return true;
	}
	const bytes = encode(argument.text);
	const method: string = callee["property"]["name"];
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
		return true;
	}
	const p = bytesOf(l, v, node);
	if (p?.type.kind !== "chars" || bytes.length > p.type.size) {
		l.goto(no);
		return true;
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
		return true;
	}
	if (method === "includes") {
		l.notYet(node, "includes of text", "write startsWith or endsWith, or search in the user half");
		l.goto(yes);
		return true;
	}
	const length = textLength(l, p, node);
	if (length.kind !== "int") {
		l.goto(yes);
		return true;
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
	return true;
}

/** Methods of text that give a value. */
export function textMethod(l: Lowering, v: Value, name: string, node: Node, want: Want): Value {
	const args: Node[] = node["arguments"];
	switch (name) {
		case "charCodeAt": {
			const p = bytesOf(l, v, node);
			if (p?.type.kind !== "chars" || !args[0]) return POISON;
			const i = boundedIndex(l, args[0], expression(l, args[0]), p.type.size, node, l.text(node["callee"]["object"]));
			if (!i) return POISON;
			if ("constant" in i) return int(8, false, loadBytes(l, p, i.constant, 1));
			return int(8, false, l.load(l.b.emit({ op: "offset", offset: 0 }, [l.address(p), i.inst], 64, p.space), 0, 1));
		}
		case "slice": {
			const p = bytesOf(l, v, node);
			if (p?.type.kind !== "chars") return POISON;
			const bound = (n: Node | undefined, otherwise: number) => {
				if (!n) return otherwise;
				const c = expression(l, n);
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
		case "includes":
		case "indexOf":
		case "lastIndexOf":
			return l.notYet(node, `${name} of text`, "write startsWith or endsWith, or search in the user half");
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

/** Format and arguments of a template. undefined after a report. */
export function template(l: Lowering, node: Node): { format: string; args: Inst[] } | undefined {
	const quasis: Node[] = node["quasis"];
	const parts: Node[] = node["expressions"];
	let format = "";
	const args: Inst[] = [];
	let failed = false;
	// The kernel wants %s to end at a space or sign, and a format of ASCII only: other text is an argument itself.
	const append = (piece: string): void => {
		if ((format.endsWith("%s") && /^[0-9A-Za-z]/.test(piece)) || /[^\t\n\r\x20-\x7e]/.test(piece)) {
			format += "%s";
			args.push(l.constantText(piece));
		} else format += piece.replaceAll("%", "%%");
	};
	for (const [i, q] of quasis.entries()) {
		append(String(q["value"]["cooked"]));
		const e = parts[i];
		if (!e) continue;
		const raw = expression(l, e);
		const v = requirePresent(l, raw, e);
		l.at(e);
		switch (v.kind) {
			case "int":
				if (v.constant !== undefined) {
					append(v.constant.toString());
					break;
				}
				format += v.bits === 64 ? (v.signed ? "%lld" : "%llu") : v.signed && !v.open ? "%d" : "%u";
				args.push(
					v.bits === 64
						? instOf(l, v)
						: l.b.emit({ op: "extend", from: 32, signed: v.signed && !v.open }, [instOf(l, v)], 64),
				);
				break;
			case "bool":
				if (v.constant !== undefined) {
					append(String(v.constant));
					break;
				}
				format += "%d";
				args.push(l.b.emit({ op: "extend", from: 32, signed: false }, [boolInst(l, v)], 64));
				break;
			case "text":
				append(v.text);
				break;
			case "poison":
				failed = true;
				break;
			case "be":
				l.error(
					"SK2202",
					e,
					`be${v.bits} in a template would show its bytes in the wrong order`,
					v.bits === 16 ? "write ntohs(…)" : "write ntohl(…)",
				);
				failed = true;
				break;
			default: {
				const p = bytesOf(l, v, e);
				if (!p) {
					l.error("SK1009", e, `${describe(v, l.target.kernel)} cannot stand in a template`);
					failed = true;
					break;
				}
				// The context may not be given away by address, packets neither.
				const readable = p.space === "stack" || p.space === "map_value" ? p : copyText(l, p, e);
				format += "%s";
				args.push(l.address(readable));
			}
		}
	}
	return failed ? undefined : { format, args };
}

function copyText(l: Lowering, p: PlaceValue, node: Node): PlaceValue {
	const t = l.temporary("text", p.type, false);
	storeValue(l, t, p, node);
	return t;
}

/** Values for a helper that takes an array of u64. */
export function argumentArray(l: Lowering, args: readonly Inst[]): Inst {
	const { address } = l.slot("arguments", args.length * 8, 8);
	for (const [i, a] of args.entries()) l.store(address, i * 8, 8, a);
	return address;
}

/** A template literal: constant text, or bpf_snprintf into the text that is wanted. */
export function concatenation(l: Lowering, node: Node, want: Want): Value {
	const quasis: Node[] = node["quasis"];
	if (quasis.length === 1) return { kind: "text", text: quasis[0]!["value"]["cooked"] };
	const t = template(l, node);
	if (!t) return POISON;
	if (t.args.length === 0) return { kind: "text", text: t.format.replaceAll("%%", "%") };
	if (want.type?.kind !== "chars")
		return l.error(
			"SK1008",
			node,
			"text is only formatted where it is assigned, or in printk",
			"annotate it: const text: chars<64> = `…`",
		);
	if (t.args.length > 12)
		return l.error("SK3004", node, `${t.args.length} values in a template; bpf_snprintf takes 12`);
	l.at(node);
	const to = want.into ?? l.temporary("text", want.type, false);
	l.zero(to.base, to.offset, want.type.size, alignmentAt(to.align, 0) as Size);
	const data = argumentArray(l, t.args);
	l.helper(165, "bpf_snprintf", [
		l.address(to),
		l.constant(want.type.size, 64),
		l.constantText(t.format),
		data,
		l.constant(t.args.length * 8, 64),
	]);
	return to;
}

/** `printk(…)`. */
export function printk(l: Lowering, node: Node): Value {
	const message: Node | undefined = node["arguments"][0];
	if (!message) return l.error("SK1009", node, "printk takes a message");
	let t: { format: string; args: Inst[] } | undefined;
	if (message.type === "TemplateLiteral") t = template(l, message);
	else {
		const v = expression(l, message);
		if (v.kind === "text") t = { format: v.text.replaceAll("%", "%%"), args: [] };
		else if (isText(v)) {
			const p = bytesOf(l, requirePresent(l, v, message), message);
			if (p) t = { format: "%s", args: [l.address(p)] };
		} else if (v.kind !== "poison")
			l.error("SK1009", message, `printk takes text, not ${describe(v, l.target.kernel)}`, "write printk(`${…}`)");
	}
	if (!t) return POISON;
	l.at(node);
	const size = l.constant(encode(t.format).length + 1, 64);
	const format = l.constantText(t.format);
	if (t.args.length <= 3) l.helper(6, "bpf_trace_printk", [format, size, ...t.args]);
	else {
		if (t.args.length > 12)
			return l.error("SK3004", node, `${t.args.length} values in a message; bpf_trace_vprintk takes 12`);
		l.helper(177, "bpf_trace_vprintk", [format, size, argumentArray(l, t.args), l.constant(t.args.length * 8, 64)]);
	}
	return { kind: "void" };
}
