import { encodeUtf8 } from "@skep/bpf/base";
import { didYouMean } from "#declare";
import type { Node, OptionsDeclaration } from "#frontend";
import { type Inst, sizeOf, type Type } from "#ir";
import type { Lowering } from "./lowering.ts";
import { place, readPlace } from "./place.ts";
import type { Value } from "./value.ts";

/** `opt.name`: a constant of `.rodata` that the loader writes; missing where nothing was given. */
export function optionMember(l: Lowering, options: OptionsDeclaration, name: string, node: Node): Value {
	const entry = options.entries.find((e) => e.option.name === name);
	if (!entry) {
		const near = didYouMean(
			name,
			options.entries.map((e) => e.option.name),
		);
		return l.error(
			"SK1009",
			node["property"],
			`there is no option ${name}`,
			near ? `did you mean ${near}?` : undefined,
		);
	}
	if (!entry.type)
		return l.error(
			"SK5002",
			node,
			`an option of type ${entry.option.type} has no value in kernel code`,
			"use it as the target of a program, or in the user half",
		);
	const known = l.options.get(options) ?? new Map<string, { variable: string; present: string | undefined }>();
	l.options.set(options, known);
	const prefix = l.analysis.options.indexOf(options) === 0 ? "opt_" : `opt${l.analysis.options.indexOf(options)}_`;
	const variable = `${prefix}${name}`;
	const present = entry.optional ? `${variable}_set` : undefined;
	if (!known.has(name)) {
		known.set(name, { variable, present });
		l.globals.set(variable, {
			name: variable,
			section: ".rodata",
			type: entry.type,
			initial: defaultBytes(entry.type, entry.option.default),
		});
		if (present)
			l.globals.set(present, {
				name: present,
				section: ".rodata",
				type: { kind: "int", bits: 8, signed: false },
				initial: new Uint8Array(1),
			});
	}
	l.at(node);
	const address = (of: string): Inst => l.b.emit({ op: "global", variable: of }, [], 64, "map_value");
	const at = place(entry.type, address(variable), 0, "map_value", Math.min(8, sizeOf(entry.type)), { writable: false });
	if (!present) return readPlace(l, at, node);
	const known2 = l.facts.known.get(`O${options.name}.${name}`);
	const value = readPlace(l, at, node);
	if (known2?.present) return value;
	return { kind: "optional", flag: l.load(address(present), 0, 1), value, copied: false };
}

/** The default as it stands in memory, so that an object loaded without options works. */
function defaultBytes(type: Type, value: boolean | number | string | undefined): Uint8Array {
	const bytes = new Uint8Array(sizeOf(type));
	if (value === undefined) return bytes;
	if (type.kind === "chars") {
		bytes.set(encodeUtf8(String(value)).subarray(0, type.size - 1));
		return bytes;
	}
	if (type.kind === "be") {
		const parts = String(value).split(".");
		if (parts.length === 4) bytes.set(parts.map(Number));
		return bytes;
	}
	const n = BigInt.asUintN(64, typeof value === "boolean" ? (value ? 1n : 0n) : BigInt(value));
	for (let i = 0; i < bytes.length; i++) bytes[i] = Number((n >> BigInt(8 * i)) & 0xffn);
	return bytes;
}
