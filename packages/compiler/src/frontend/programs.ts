import { PROGRAM_WORDS } from "#language";
import type { ProgramDeclaration } from "./analysis.ts";
import { type DeclarationContext, functionOf, type HandleCall, literalMembers } from "./declarations.ts";
import type { ResolvedModule } from "./resolve.ts";
import { type Node, unwrap } from "./tree.ts";

/** `tracepoint(name, options?, fn)` and its kin to a declaration; undefined after a report. */
export function readProgram(context: DeclarationContext, handle: HandleCall): ProgramDeclaration | undefined {
	const { module, word, call } = handle;
	const row = PROGRAM_WORDS[word]!;
	const args = call["arguments"] as Node[];
	const fnNode = args.at(-1);
	if (!fnNode) {
		context.refuse(
			"SK5001",
			module,
			call,
			`\`${word}\` is missing its function`,
			"hand it a function as the last argument",
		);
		return undefined;
	}
	let whole = true;
	const targets: string[] = [];
	let rest = args.slice(0, -1);
	if (row.hook !== "none") {
		const hook = rest[0];
		rest = rest.slice(1);
		const c = hook && context.evaluate(module, hook);
		const list = c?.kind === "array" && row.several ? c.elements : c ? [c] : [];
		for (const e of list) if (e.kind === "string") targets.push(e.value);
		if (!hook || targets.length === 0 || targets.length !== list.length) {
			context.refuse(
				"SK5001",
				module,
				hook ?? call,
				`the hook of \`${word}\` is not constant`,
				"write its name as a string",
			);
			whole = false;
		}
	}
	let attach = true;
	let optional = false;
	let sleepable = false;
	let frags = false;
	let mode: string | undefined;
	const target: Record<string, { value: string } | { option: string }> = {};
	const optionsNode = rest[0];
	const members = optionsNode ? literalMembers(context, module, optionsNode, word) : new Map<string, Node>();
	if (!members) whole = false;
	for (const [member, node] of members ?? []) {
		const c = context.evaluate(module, node);
		if (member === row.wants) {
			const option = optionOf(context, module, node);
			if (option) target[member] = { option };
			else if (c?.kind === "string") target[member] = { value: c.value };
			else if (c?.kind !== "undefined") {
				context.refuse(
					"SK5001",
					module,
					node,
					`\`${member}\` is neither constant nor an option`,
					`write a string, or \`opt.${member}\``,
				);
				whole = false;
			}
		} else if (c?.kind === "bool" && row.options.includes(member)) {
			if (member === "attach") attach = c.value;
			else if (member === "optional") optional = c.value;
			else if (member === "sleepable") sleepable = c.value;
			else if (member === "frags") frags = c.value;
		} else if (c?.kind === "string" && member === "mode") mode = c.value;
		else if (c?.kind !== "undefined") {
			context.refuse("SK5001", module, node, `\`${member}\` of \`${word}\` is not constant`, "write a constant");
			whole = false;
		}
	}
	const found = functionOf(context, module, fnNode);
	if (!found) {
		context.refuse(
			"SK1007",
			module,
			fnNode,
			`\`${module.text.slice(fnNode.start, Math.min(fnNode.end, fnNode.start + 30))}\` is no function that is known when compiling`,
			"write the function here, or name one that is declared at the top of a module",
		);
		return undefined;
	}
	context.programFunction(found.node, found.module);
	if (!whole) return undefined;
	const first = targets[0];
	const name = context.uniqueSymbol(handle.name ?? (first ? first.slice(first.indexOf(":") + 1) : word));
	return {
		module,
		name,
		word,
		targets,
		attach,
		optional,
		sleepable,
		target,
		wants: row.wants,
		mode,
		frags,
		fn: found.node,
		fnModule: found.module,
		call,
	};
}

/** `opt.dev` to the option's name. */
function optionOf(context: DeclarationContext, module: ResolvedModule, node: Node): string | undefined {
	const n = unwrap(node);
	if (n.type !== "MemberExpression" || n["computed"] || n["object"].type !== "Identifier") return undefined;
	const b = context.lookup(module, n["object"].name);
	if (b?.kind !== "options") return undefined;
	return b.options.entries.find((e) => e.option.name === n["property"].name)?.option.name;
}
