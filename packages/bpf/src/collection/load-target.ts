import { LinkError, NotSupportedError } from "#base";
import { type Kernel, versionCode } from "#kernel";
import { btfOf, type ProgramBlueprint } from "#live";
import type { RelocatedProgram } from "#relocate";
import type { MapSpec } from "#spec";
import { ITERATORS } from "#uapi";
import type { KernelTypes } from "./kernel-types.ts";
import type { LoadOptions, ProgramTarget } from "./options.ts";
import type { KernelStructOps } from "./struct-ops.ts";

/** How the kernel's BTF names what a program of an attach type attaches to. One row a type. */
// biome-ignore format: table
const TARGETS: Readonly<Record<string, { readonly prefix: string; readonly kind: "typedef" | "func"; readonly what: string }>> = {
	trace_raw_tp: { prefix: "btf_trace_", kind: "typedef", what: "tracepoint" },
	trace_fentry: { prefix: "", kind: "func", what: "function" },
	trace_fexit: { prefix: "", kind: "func", what: "function" },
	trace_fsession: { prefix: "", kind: "func", what: "function" },
	modify_return: { prefix: "", kind: "func", what: "function" },
	trace_iter: { prefix: "bpf_iter_", kind: "func", what: "iterator" },
	lsm_mac: { prefix: "bpf_lsm_", kind: "func", what: "LSM hook" },
	lsm_cgroup: { prefix: "bpf_lsm_", kind: "func", what: "LSM hook" },
};

/** What says, at load, where a program will attach. */
type Target = Pick<ProgramBlueprint, "attachBtfId" | "attachBtfFd" | "attachProgFd" | "memberIndex">;

interface Parts {
	readonly types: KernelTypes;
	readonly options: LoadOptions;
	readonly structOps: ReadonlyMap<MapSpec, KernelStructOps>;
}

/** @throws LinkError where nothing says the target, NotSupportedError where the kernel does not have it */
export function attachTo(kernel: Kernel, program: RelocatedProgram, parts: Parts): Target {
	if (program.type === "struct_ops") return memberOf(program, parts);
	const given = parts.options.attachTo?.[program.name];
	if (typeof given === "object") return functionOf(program, given);
	if (program.type === "ext")
		throw new LinkError(
			`program ${program.name} (${program.section}) replaces a function of a loaded program: say which (option attachTo)`,
			{ symbol: program.name },
		);
	if (program.type !== "tracing" && program.type !== "lsm") return {};
	const target = TARGETS[program.attachType ?? ""];
	if (!target) return {};
	const whole = given ?? program.attachTo;
	if (!whole)
		throw new LinkError(`program ${program.name}: section ${program.section} names no ${target.what}`, {
			symbol: program.name,
		});
	// `module:function`
	const colon = whole.indexOf(":");
	const name = whole.slice(colon + 1);
	const found = parts.types.find(`${target.prefix}${name}`, target.kind, colon < 0 ? undefined : whole.slice(0, colon));
	if (found) {
		const { module } = found;
		return { attachBtfId: found.id, ...(module ? { attachBtfFd: module.fd.number } : {}) };
	}
	const since = target.what === "iterator" ? ITERATORS[name]?.since : undefined;
	const older = since !== undefined && versionCode(kernel.version ?? kernel.release) < versionCode(since);
	throw new NotSupportedError(
		program.section,
		older
			? `the iterator ${name} is there since Linux ${since}, and this is ${kernel.release}`
			: `the running kernel ${kernel.release} has no ${target.what} ${whole} in its BTF`,
		since,
	);
}

/** A function of another program. */
function functionOf(program: RelocatedProgram, { program: other, function: given }: ProgramTarget): Target {
	const btf = btfOf(other.kernel, other.info().btf_id, `program ${other.name}`);
	const name = given ?? program.attachTo ?? other.name;
	const id = btf.find(name, "func");
	if (id === undefined)
		throw new LinkError(`program ${program.name} attaches to ${name}, which program ${other.name} does not have`, {
			symbol: name,
		});
	return { attachProgFd: other.fd.number, attachBtfId: id };
}

function memberOf(program: RelocatedProgram, { structOps }: Parts): Target {
	for (const table of structOps.values()) {
		const memberIndex = table.members.get(program.name);
		if (memberIndex === undefined) continue;
		const { module } = table.value;
		return { attachBtfId: table.struct, memberIndex, ...(module ? { attachBtfFd: module.fd.number } : {}) };
	}
	throw new LinkError(`program ${program.name} (${program.section}) stands in no struct_ops map`, {
		symbol: program.name,
	});
}
