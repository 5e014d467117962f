import type { ManifestOption, OptionJson, OptionType } from "@skep/bpf/spec";
import type { Type } from "#ir";
import type { Constant, OptionEntry, OptionsDeclaration, SharedDeclaration } from "./analysis.ts";
import { fits, formatIp4 } from "./constants.ts";
import { type DeclarationContext, type HandleCall, literalMembers } from "./declarations.ts";
import { type Node, typeArguments } from "./tree.ts";

const U32: Type = { kind: "int", bits: 32, signed: false };
const U64: Type = { kind: "int", bits: 64, signed: false };

const OPTION_TYPES: Readonly<Record<OptionType, Type | undefined>> = {
	boolean: { kind: "bool" },
	u8: { kind: "int", bits: 8, signed: false },
	u16: { kind: "int", bits: 16, signed: false },
	u32: U32,
	i32: { kind: "int", bits: 32, signed: true },
	u64: U64,
	i64: { kind: "int", bits: 64, signed: true },
	duration: U64,
	bytes: U64,
	string: undefined,
	comm: { kind: "chars", size: 16 },
	path: undefined,
	pid: U32,
	interface: undefined,
	cgroup: undefined,
	ip4: { kind: "be", bits: 32 },
	port: { kind: "int", bits: 16, signed: false },
};

/** `options({…})` to a declaration; undefined after a report. */
export function readOptions(context: DeclarationContext, handle: HandleCall): OptionsDeclaration | undefined {
	const { module, call } = handle;
	const spec = (call["arguments"] as Node[])[0];
	const members = spec && literalMembers(context, module, spec, "options");
	if (!members) return undefined;
	const entries: OptionEntry[] = [];
	let whole = true;
	for (const [name, node] of members) {
		const refuse = (at: Node, message: string, remedy: string): void => {
			context.refuse("SK5001", module, at, message, remedy);
			whole = false;
		};
		const c = context.evaluate(module, node);
		if (c?.kind !== "object") {
			refuse(
				node,
				`the option \`${name}\` is not constant`,
				'write `{ type: "u32", help: "…" }` with constant members',
			);
			continue;
		}
		const get = (member: string): Constant | undefined => c.members.get(member);
		const text = (member: string): string | undefined => {
			const v = get(member);
			return v?.kind === "string" ? v.value : undefined;
		};
		const flag = (member: string): boolean => {
			const v = get(member);
			return v?.kind === "bool" && v.value;
		};
		const type = text("type");
		if (type === undefined || !(type in OPTION_TYPES)) {
			refuse(
				node,
				`the option \`${name}\` has no type that is known`,
				`write one of ${Object.keys(OPTION_TYPES).join(", ")}`,
			);
			continue;
		}
		const optionType = type as OptionType;
		const max = get("max");
		const size = max?.kind === "int" && max.value > 0n && max.value <= 4096n ? Number(max.value) : undefined;
		let valueType = OPTION_TYPES[optionType];
		if ((optionType === "string" || optionType === "path") && size !== undefined) valueType = { kind: "chars", size };
		const json = (v: Constant, at: Node): OptionJson | undefined => {
			const r = optionJson(v);
			const target = OPTION_TYPES[optionType];
			if (r === undefined) refuse(at, `a value of the option \`${name}\` is not constant`, "write a constant");
			else if (v.kind === "int" && target?.kind === "int" && !fits(v.value, target)) {
				context.refuse(
					"SK5006",
					module,
					at,
					`${v.value} is out of range for the option \`${name}\` of type ${type}`,
					"write a value that fits",
				);
				whole = false;
				return undefined;
			}
			return r;
		};
		const fallback = get("default");
		const value = fallback && fallback.kind !== "undefined" ? json(fallback, node) : undefined;
		const list = get("choices");
		const choices =
			list?.kind === "array" ? list.elements.map((e) => json(e, node)).filter((e) => e !== undefined) : undefined;
		const option: ManifestOption = {
			name,
			type: optionType,
			help: text("help") ?? "",
			...(text("short") === undefined ? {} : { short: text("short")! }),
			...(flag("positional") ? { positional: true as const } : {}),
			...(flag("required") ? { required: true as const } : {}),
			...(size === undefined ? {} : { max: size }),
			...(value === undefined ? {} : { default: value }),
			...(choices ? { choices } : {}),
		};
		entries.push({
			option,
			type: valueType,
			optional: value === undefined && !flag("required") && optionType !== "boolean",
		});
	}
	return whole ? { module, name: handle.name ?? "options", entries, call } : undefined;
}

function optionJson(c: Constant): OptionJson | undefined {
	switch (c.kind) {
		case "bool":
		case "string":
			return c.value;
		case "int":
			return c.big ? c.value.toString() : Number(c.value);
		case "be":
			return formatIp4(c);
		default:
			return undefined;
	}
}

/** `shared<T>({…})` to a declaration; undefined after a report. */
export function readShared(context: DeclarationContext, handle: HandleCall): SharedDeclaration | undefined {
	const { module, call } = handle;
	const name = handle.name ?? "shared";
	const typeNode = typeArguments(call)[0];
	if (!typeNode) {
		context.refuse(
			"SK2101",
			module,
			call["callee"],
			"`shared` is missing its type",
			"write `shared<{ count: u64 }>({ count: 0n })`",
		);
		return undefined;
	}
	const type = context.types.sized(module, typeNode, `${name}_shared`);
	const argument = (call["arguments"] as Node[])[0];
	const initial = argument && context.evaluate(module, argument);
	if (initial?.kind !== "object") {
		context.refuse(
			"SK5001",
			module,
			argument ?? call,
			"the first values of `shared` are not constant",
			"write an object literal with constant members",
		);
		return undefined;
	}
	if (type?.kind !== "struct") {
		if (type)
			context.refuse(
				"SK2101",
				module,
				typeNode,
				"`shared` holds a struct",
				"write `shared<{ count: u64 }>({ count: 0n })`",
			);
		return undefined;
	}
	const members = type.fields.map((f) => ({
		name: f.name,
		type: f.type,
		initial: initial.members.get(f.name) ?? ({ kind: "undefined" } as const),
		variable: context.uniqueSymbol(`${name}_${f.name}`),
	}));
	return { module, name, members, call };
}
