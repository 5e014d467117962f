import type { Btf } from "@skep/bpf/btf";
import { didYouMean, type TracepointTable } from "#declare";
import type { Report } from "#diagnostics";
import { PROGRAM_WORDS } from "#language";
import type { Analysis, ProgramDeclaration } from "./analysis.ts";
import { type Node, unwrap } from "./tree.ts";

/** What programs are compiled against: types and hooks of a kernel. */
export interface HookSource {
	readonly kernel: Btf;
	readonly tracepoints: TracepointTable;
}

/** SK4001: hooks that the target does not have, with what was probably meant. Gives the programs that have one. */
export function checkHooks(analysis: Analysis, target: HookSource, report: Report): ProgramDeclaration[] {
	return analysis.programs.filter((p) => {
		const hook = PROGRAM_WORDS[p.word]?.hook;
		if (hook === undefined || hook === "none") return true;
		let whole = true;
		const missing = (index: number, message: string, meant: string | undefined): void => {
			whole = false;
			refuse(analysis, report, p, index, message, meant);
		};
		for (const [i, name] of p.targets.entries()) {
			if (hook === "tracepoint") {
				if (!target.tracepoints.find(name))
					missing(i, `there is no tracepoint \`${name}\``, target.tracepoints.suggest(name));
			} else if (hook === "iterator") {
				if (target.kernel.find(`bpf_iter__${name}`, "struct") === undefined)
					missing(
						i,
						`there is no iterator \`${name}\` in this kernel's types`,
						didYouMean(name, iterators(target.kernel)),
					);
			} else if (target.kernel.find(`btf_trace_${name}`) === undefined)
				missing(i, `there is no raw tracepoint \`${name}\` in this kernel's types`, suggestRaw(target.kernel, name));
		}
		return whole;
	});
}

/** What the kernel's types can be walked over. */
const iterators = (kernel: Btf): string[] =>
	[...kernel.ofKind("struct")]
		.map((id) => kernel.name(id))
		.filter((name) => name.startsWith("bpf_iter__"))
		.map((name) => name.slice("bpf_iter__".length));

function suggestRaw(kernel: Btf, name: string): string | undefined {
	const bare = name.slice(name.indexOf(":") + 1);
	if (bare !== name && kernel.find(`btf_trace_${bare}`) !== undefined) return bare;
	const names: string[] = [];
	for (let id = 1; id <= kernel.count; id++) {
		const n = kernel.name(id);
		if (n.startsWith("btf_trace_")) names.push(n.slice("btf_trace_".length));
	}
	return didYouMean(bare, names);
}

function refuse(
	analysis: Analysis,
	report: Report,
	p: ProgramDeclaration,
	index: number,
	message: string,
	meant: string | undefined,
): void {
	const first = (p.call["arguments"] as Node[])[0]!;
	const list = unwrap(first);
	const node: Node = list.type === "ArrayExpression" ? ((list["elements"] as (Node | null)[])[index] ?? first) : first;
	const { line, column } = analysis.position(p.module, node);
	report.add({
		code: "SK4001",
		severity: "error",
		file: p.module.path,
		line,
		column,
		length: Math.max(1, node.end - node.start),
		message,
		remedy: meant === undefined ? "see `skep types` for the hooks of this machine" : `did you mean \`${meant}\`?`,
	});
}
