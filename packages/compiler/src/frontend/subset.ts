import { MAP_MEMBERS, MEMBER_REMEDIES, wordOf } from "#language";
import type { Binding } from "./analysis.ts";
import type { Halves, Reference } from "./halves.ts";
import type { ResolvedModule } from "./resolve.ts";
import { freeReferences } from "./scope.ts";
import { isFunction, type Node, unwrap } from "./tree.ts";

type Refuse = (
	code: `SK${number}`,
	module: ResolvedModule,
	node: Node,
	message: string,
	remedy: string,
	severity?: "error" | "warning",
) => void;

/** What only the whole module shows: members of the other half in user code, variables and functions of both halves. */
export function checkHalves(halves: Halves, refuse: Refuse): void {
	for (const r of halves.userReferences) checkUserReference(r, refuse);
	checkVariables(halves, refuse);
	for (const [fn, module] of halves.kernel) if (halves.user.has(fn)) checkShared(fn, module, refuse);
}

/** SK5002 in user code. Kernel code is `lower`'s. */
function checkUserReference(r: Reference, refuse: Refuse): void {
	const parent = r.parents.at(-1);
	const b = r.binding;
	if (b?.kind === "map" && parent?.type === "MemberExpression" && !parent["computed"] && parent["object"] === r.node) {
		const member: string = parent["property"].name;
		if (MAP_MEMBERS[b.map.word]?.[member] !== "K") return;
		refuse(
			"SK5002",
			r.module,
			parent["property"],
			`\`${r.name}.${member}\` belongs to the kernel half`,
			MEMBER_REMEDIES[member] ?? "use it in a program's function",
		);
	} else if (b?.kind === "vocabulary") {
		const word = wordOf(b.module, b.name);
		if (word?.half !== "K" || word.kind === "type" || word.kind === "constructor") return;
		refuse(
			"SK5002",
			r.module,
			r.node,
			`\`${b.name}\` belongs to the kernel half`,
			"use it in a program's function, or in a function that only these call",
		);
	}
}

/** SK5003: a `let` that both halves name. */
function checkVariables(halves: Halves, refuse: Refuse): void {
	const inKernel = new Map<Node, { binding: Extract<Binding, { kind: "variable" }> }>();
	for (const r of halves.kernelReferences)
		if (r.binding?.kind === "variable") inKernel.set(r.binding.node, { binding: r.binding });
	const told = new Set<Node>();
	for (const r of halves.userReferences) {
		const found = r.binding?.kind === "variable" ? inKernel.get(r.binding.node) : undefined;
		if (!found || told.has(found.binding.node)) continue;
		told.add(found.binding.node);
		const { binding } = found;
		const id: Node = binding.node["id"];
		refuse(
			"SK5003",
			binding.module as ResolvedModule,
			id.type === "Identifier" ? { ...id, end: id.start + binding.name.length } : id,
			`\`${binding.name}\` is used in both halves: each would have a copy of its own`,
			`write \`const state = shared<{ ${binding.name}: u64 }>({ ${binding.name}: 0n })\` and use \`state.${binding.name}\``,
		);
	}
}

/** SK5004: a function of both halves whose `/` truncates in one and not in the other. */
function checkShared(fn: Node, module: ResolvedModule, refuse: Refuse): void {
	const big = new Set<string>();
	const note = (id: Node | undefined): void => {
		const t: Node | undefined = id?.["typeAnnotation"]?.typeAnnotation;
		if (t && (t.type === "TSBigIntKeyword" || (t.type === "TSTypeReference" && /^[ui]64$/.test(t["typeName"]?.name))))
			big.add(id!["name"]);
	};
	for (const p of fn["params"] as Node[]) note(p);
	const isBig = (n: Node): boolean => {
		const e = unwrap(n);
		switch (e.type) {
			case "Literal":
				return typeof e["bigint"] === "string";
			case "Identifier":
				return big.has(e["name"]);
			case "BinaryExpression":
				return isBig(e["left"]) || isBig(e["right"]);
			case "CallExpression":
				return /^(?:[ui]64|BigInt|ktime|us|ms|seconds)$/.test(e["callee"].name ?? "");
			default:
				return false;
		}
	};
	freeReferences(
		fn,
		() => {},
		(n, parents) => {
			if (n.type === "VariableDeclarator" && n["id"].type === "Identifier") {
				note(n["id"]);
				if (n["init"] && !isFunction(n["init"]) && isBig(n["init"])) big.add(n["id"].name);
			}
			const divides =
				(n.type === "BinaryExpression" && n["operator"] === "/") ||
				(n.type === "AssignmentExpression" && n["operator"] === "/=");
			if (!divides || isBig(n["left"]) || isBig(n["right"])) return true;
			const call = parents.at(-1);
			if (
				call?.type === "CallExpression" &&
				call["callee"].type === "MemberExpression" &&
				call["callee"].object.name === "Math"
			)
				return true;
			refuse(
				"SK5004",
				module,
				n,
				"both halves call this function, and `/` means a fraction in one and an integer in the other",
				"write `Math.trunc(a / b)`, which means the same in both",
				"warning",
			);
			return true;
		},
	);
}
