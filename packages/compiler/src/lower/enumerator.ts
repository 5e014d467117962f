import { didYouMean, UNNAMED_ENUMS } from "#declare";
import type { Node } from "#frontend";
import { keyOf } from "./fact-key.ts";
import { kernelTypes } from "./kernel.ts";
import type { Lowering } from "./lowering.ts";
import { int, literal, type Value } from "./value.ts";

/** `enums.T.V`: the value that the running kernel has for it. Small ones take the sign of what they meet, as literals do. */
export function enumerator(l: Lowering, type: string, name: string, node: Node): Value {
	const all = kernelTypes(l).enumerators(type);
	const unnamed = UNNAMED_ENUMS[type]?.[name];
	if (!all && unnamed !== undefined) return literal(BigInt(unnamed), false);
	const e = kernelTypes(l).enumerator(type, name);
	if (!e) {
		const names = all?.map((v) => v.name) ?? Object.keys(UNNAMED_ENUMS[type] ?? {});
		const near = didYouMean(name, names);
		return l.error(
			"SK4002",
			node["property"] ?? node,
			names.length > 0 ? `enum ${type} has no ${name} in the kernel's BTF` : `the kernel's BTF has no enum ${type}`,
			near === undefined ? undefined : `did you mean ${near}?`,
		);
	}
	const kernels = all?.find((v) => v.name === name)?.kernels;
	if (kernels && l.facts.known.get(keyOf(l, node) ?? "")?.present !== true)
		return l.error(
			"SK3008",
			node,
			`not every kernel has ${name} (${kernels.join(", ")})`,
			`ask first: if (exists(${l.text(node)}))`,
		);
	l.at(node);
	const big = e.value > 0xffff_ffffn || e.value < -0x8000_0000n;
	const inst = l.b.emit(
		{ op: "core", core: { kind: "enumval_value", root: e.id, path: [e.index] }, value: e.value },
		[],
		big ? 64 : 32,
	);
	inst.name = name;
	const open = e.value >= 0n && e.value < 0x8000_0000n;
	return int(big ? 64 : 32, e.value < 0n, inst, open ? { open, min: 0n, max: 0x7fff_ffffn } : {});
}

/** A name of module level that stands for `enums.T` or `enums.T.V`. */
export function enumsWord(l: Lowering, path: string, node: Node): Value {
	const [, type, name] = path.split(".");
	if (type !== undefined && name !== undefined) return enumerator(l, type, name, node);
	return { kind: "word", module: "skep", name: path };
}
