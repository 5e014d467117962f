import type { Node } from "#frontend";
import type { Inst, Size, Type } from "#ir";
import { boolInst, instOf } from "./integer.ts";
import type { Lowering, Want } from "./lowering.ts";
import { requirePresent } from "./optional.ts";
import { alignmentAt } from "./place.ts";
import { storeValue } from "./store.ts";
import { bytesOf, encode, isText } from "./text.ts";
import { describe, type PlaceValue, POISON, type Value } from "./value.ts";

/** Format and arguments of a template. undefined after a report. */
export function template(l: Lowering, node: Node): { format: string; args: Inst[] } | undefined {
	const quasis: Node[] = node["quasis"];
	const parts: Node[] = node["expressions"];
	let format = "";
	const args: Inst[] = [];
	let failed = false;
	// The kernel wants %s to end at a space or sign, and a format of ASCII only: other text is an argument itself.
	const append = (piece: string): void => {
		if ((/%-?\d*s$/.test(format) && /^[0-9A-Za-z]/.test(piece)) || /[^\t\n\r\x20-\x7e]/.test(piece)) {
			format += "%s";
			args.push(l.constantText(piece));
		} else format += piece.replaceAll("%", "%%");
	};
	for (const [i, q] of quasis.entries()) {
		append(String(q["value"]["cooked"]));
		const part = parts[i];
		if (!part) continue;
		const padded = padding(l, part);
		if (!padded) {
			failed = true;
			continue;
		}
		const { node: e, pad, as } = padded;
		const address = addressText(l, e);
		if (address) {
			format += address.format;
			args.push(address.at);
			continue;
		}
		const raw = l.expression(e);
		const v = requirePresent(l, raw, e);
		l.at(e);
		switch (v.kind) {
			case "int":
				if (v.constant !== undefined) {
					append(padText(spelled(v.constant, as), pad));
					break;
				}
				if (as === "c") format += "%c";
				else format += `%${pad}${v.bits === 64 ? "ll" : ""}${as === "x" ? "x" : v.signed ? "d" : "u"}`;
				args.push(
					v.bits === 64 ? instOf(l, v) : l.b.emit({ op: "extend", from: 32, signed: v.signed }, [instOf(l, v)], 64),
				);
				break;
			case "bool":
				if (v.constant !== undefined) {
					append(padText(String(v.constant), pad));
					break;
				}
				format += `%${pad}d`;
				args.push(l.b.emit({ op: "extend", from: 32, signed: false }, [boolInst(l, v)], 64));
				break;
			case "text":
				append(padText(v.text, pad));
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
				format += `%${pad}s`;
				args.push(l.address(readable));
			}
		}
	}
	return failed ? undefined : { format, args };
}

/** `formatIp4(a)`, `formatIp6(a)`: the kernel writes the address that an argument points to. */
function addressText(l: Lowering, node: Node): { readonly format: string; readonly at: Inst } | undefined {
	const callee: Node | undefined = node.type === "CallExpression" ? node["callee"] : undefined;
	const found = callee?.type === "Identifier" ? l.lookup(callee["name"]) : undefined;
	if (!found || !("kind" in found) || found.kind !== "vocabulary" || found.module !== "skep/net") return undefined;
	const type: Type | undefined = ADDRESSES[found.name];
	const argument: Node | undefined = node["arguments"][0];
	if (!type || !argument) return undefined;
	const v = requirePresent(l, l.expression(argument), argument);
	const at = v.kind === "place" && v.type.kind !== "be" && v.space !== "ctx" && v.space !== "packet" ? v : undefined;
	const readable = at ?? l.temporary("address", type, false);
	if (!at) storeValue(l, readable, v, argument);
	l.at(node);
	return { format: found.name === "formatIp4" ? "%pI4" : "%pI6", at: l.address(readable) };
}

const BE32: Type = { kind: "be", bits: 32 };
const ADDRESSES: Readonly<Record<string, Type>> = {
	formatIp4: BE32,
	formatIp6: { kind: "array", element: BE32, length: 4 },
};

interface Padded {
	readonly node: Node;
	/** Between `%` and the conversion: `-16`, `08`. */
	readonly pad: string;
	/** Of a number: to which base, or as the character of that code. */
	readonly as: "d" | "x" | "c";
}

/** What a part of a template says of its width: `text.padEnd(16)`, `String(n).padStart(7)`, `n.toString(16)`. */
function padding(l: Lowering, node: Node): Padded | undefined {
	const inner: Node = node.type === "ParenthesizedExpression" ? node["expression"] : node;
	const callee: Node | undefined = inner.type === "CallExpression" ? inner["callee"] : undefined;
	const plain: Padded = { node: inner, pad: "", as: "d" };
	if (!callee) return plain;
	const args: Node[] = inner["arguments"];
	if (callee.type === "Identifier" && callee["name"] === "String" && !l.lookup("String") && args[0])
		return { ...plain, node: args[0] };
	if (callee.type !== "MemberExpression" || callee["computed"]) return plain;
	const name: string = callee["property"]["name"];
	if (name === "fromCharCode" && callee["object"]["name"] === "String" && !l.lookup("String") && args[0])
		return { ...plain, node: args[0], as: "c" };
	if (name === "toString") {
		const base = args[0] ? l.expression(args[0]) : undefined;
		if (base && (base.kind !== "int" || (base.constant !== 10n && base.constant !== 16n))) {
			l.error("SK1009", inner, "numbers are written to the base 10 or 16", "write x.toString(16)");
			return undefined;
		}
		return { ...plain, node: callee["object"], as: base?.kind === "int" && base.constant === 16n ? "x" : "d" };
	}
	if (name !== "padStart" && name !== "padEnd") return plain;
	const width = args[0] ? l.expression(args[0]) : undefined;
	const fill = args[1] ? l.expression(args[1]) : undefined;
	const zeros = fill?.kind === "text" && fill.text === "0" && name === "padStart";
	if (width?.kind !== "int" || width.constant === undefined || width.constant < 1n || width.constant > 99n) {
		l.error("SK1009", inner, `${name} takes a constant width, 1 to 99`, `write ${name}(16)`);
		return undefined;
	}
	if (fill && !zeros && !(fill.kind === "text" && fill.text === " ")) {
		l.error("SK1009", inner, "the kernel pads with spaces, and numbers with zeros in front");
		return undefined;
	}
	const of = padding(l, callee["object"]);
	return of && { ...of, pad: `${name === "padEnd" ? "-" : zeros ? "0" : ""}${width.constant}` };
}

function spelled(value: bigint, as: Padded["as"]): string {
	if (as === "c") return String.fromCharCode(Number(value & 0xffn));
	return value.toString(as === "x" ? 16 : 10);
}

/** As the kernel would pad it. */
function padText(text: string, pad: string): string {
	if (pad === "") return text;
	const width = Math.abs(Number(pad));
	return pad.startsWith("-") ? text.padEnd(width) : text.padStart(width, pad.startsWith("0") ? "0" : " ");
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

/** Format and arguments of the message that `word` is called with; undefined after a report. */
export function messageOf(l: Lowering, node: Node, word: string): { format: string; args: Inst[] } | undefined {
	const message: Node | undefined = node["arguments"][0];
	if (!message) {
		l.error("SK1009", node, `${word} takes a message`);
		return undefined;
	}
	if (message.type === "TemplateLiteral") return template(l, message);
	const v = l.expression(message);
	if (v.kind === "text") return { format: v.text.replaceAll("%", "%%"), args: [] };
	if (isText(v)) {
		const p = bytesOf(l, requirePresent(l, v, message), message);
		return p && { format: "%s", args: [l.address(p)] };
	}
	if (v.kind !== "poison")
		l.error("SK1009", message, `${word} takes text, not ${describe(v, l.target.kernel)}`, `write ${word}(\`\${…}\`)`);
	return undefined;
}

/** `printk(…)`. */
export function printk(l: Lowering, node: Node): Value {
	const t = messageOf(l, node, "printk");
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
