import { fnv1a } from "@skep/bpf/base";
import type { Manifest, ManifestHandle, ManifestProgram } from "@skep/bpf/spec";
import type { Analysis, SourceModule } from "./analysis.ts";
import type { Node } from "./tree.ts";

/**
 * Where V8 says that a call stands (stack frame of the callee's caller): at the last token of the callee if that is a
 * name, else at the opening parenthesis of the arguments. Type arguments are blank when it runs.
 */
export function callSite(module: SourceModule, call: Node): number {
	const callee = call["callee"] as Node;
	const text = module.text;
	// Parenthesised: acorn leaves no node, but the text before the arguments does not end with the name.
	let last = callee;
	while (last.type === "TSNonNullExpression") last = last["expression"];
	const name =
		last.type === "Identifier"
			? last
			: last.type === "MemberExpression" && !last["computed"]
				? (last["property"] as Node)
				: undefined;
	let after = (call["typeArguments"] as Node | undefined)?.end ?? callee.end;
	const between = text.slice(callee.end, (call["typeArguments"] as Node | undefined)?.start ?? call.end);
	const parenthesised = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/[^\n]*)*\)/.test(between);
	if (name && !parenthesised) return name.start;
	for (let inComment: "" | "/" | "*" = ""; after < call.end; after++) {
		const two = text.slice(after, after + 2);
		if (inComment === "") {
			if (two === "//") inComment = "/";
			else if (two === "/*") inComment = "*";
			else if (two[0] === "(") return after;
		} else if (inComment === "/" && two[0] === "\n") inComment = "";
		else if (inComment === "*" && two === "*/") inComment = "";
	}
	return callee.start;
}

/** Hash of a call's source text, as the user half computes it from the file it runs. */
export const callHash = (module: SourceModule, call: Node): string => fnv1a(module.text.slice(call.start, call.end));

/** Path of a module as seen from the entry's folder. */
export function relativePath(entry: string, path: string): string {
	const parts = (p: string): string[] => p.split("/").filter((part) => part !== ".");
	const from = parts(entry).slice(0, -1);
	const to = parts(path);
	let same = 0;
	while (same < from.length && same < to.length - 1 && from[same] === to[same]) same++;
	return [...from.slice(same).map(() => ".."), ...to.slice(same)].join("/");
}

/**
 * The manifest as far as the front end knows it: modules, options, programs, handles. Lowering adds what it made:
 * the variables of options (`variable`, `present`), and the maps with their loss counters.
 */
export function manifestOf(analysis: Analysis, producer: string): Manifest {
	const entry = analysis.modules[0]!;
	const holders = [
		entry,
		...analysis.modules.filter(
			(m) =>
				m !== entry &&
				[...analysis.maps, ...analysis.programs, ...analysis.options, ...analysis.shared].some((d) => d.module === m),
		),
	];
	const handle = (
		kind: ManifestHandle["kind"],
		word: string,
		d: { readonly module: SourceModule; readonly name: string; readonly call: Node },
	): ManifestHandle => {
		const { line, column } = analysis.position(d.module, {
			type: "",
			start: callSite(d.module, d.call),
			end: d.call.end,
		});
		return {
			kind,
			word,
			name: d.name,
			module: holders.indexOf(d.module),
			line,
			column,
			hash: callHash(d.module, d.call),
		};
	};
	return {
		version: 1,
		producer,
		source: entry.path,
		modules: holders.map((m) => relativePath(entry.path, m.path)),
		userHalf: analysis.userHalf,
		options: analysis.options.flatMap((o) => o.entries.map((e) => e.option)),
		maps: analysis.maps.map((m) => ({
			name: m.name,
			word: m.word,
			...(m.record ? { record: m.record.name } : {}),
			...(m.histogram ? { histogram: m.histogram } : {}),
		})),
		programs: analysis.programs.map(
			(p): ManifestProgram => ({
				name: p.name,
				word: p.word,
				attach: p.attach,
				...(p.optional ? { optional: true as const } : {}),
				target: p.target,
				...(p.wants === undefined ? {} : { wants: p.wants }),
				...(p.mode === undefined ? {} : { mode: p.mode }),
			}),
		),
		handles: [
			...analysis.options.map((o) => handle("options", "options", o)),
			...analysis.shared.map((s) => ({
				...handle("shared", "shared", s),
				variables: Object.fromEntries(s.members.map((m) => [m.name, m.variable])),
			})),
			...analysis.maps.map((m) => handle("map", m.word, m)),
			...analysis.programs.map((p) => handle("program", p.word, p)),
		],
	};
}
