import type { Node } from "#frontend";
import type { Inst, Size } from "#ir";
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
		if ((format.endsWith("%s") && /^[0-9A-Za-z]/.test(piece)) || /[^\t\n\r\x20-\x7e]/.test(piece)) {
			format += "%s";
			args.push(l.constantText(piece));
		} else format += piece.replaceAll("%", "%%");
	};
	for (const [i, q] of quasis.entries()) {
		append(String(q["value"]["cooked"]));
		const e = parts[i];
		if (!e) continue;
		const raw = l.expression(e);
		const v = requirePresent(l, raw, e);
		l.at(e);
		switch (v.kind) {
			case "int":
				if (v.constant !== undefined) {
					append(v.constant.toString());
					break;
				}
				format += v.bits === 64 ? (v.signed ? "%lld" : "%llu") : v.signed ? "%d" : "%u";
				args.push(
					v.bits === 64 ? instOf(l, v) : l.b.emit({ op: "extend", from: 32, signed: v.signed }, [instOf(l, v)], 64),
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
		const v = l.expression(message);
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
