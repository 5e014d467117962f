import { BpfError, NotSupportedError, SyscallError } from "#base";
import { ERRNO, type LinkCreate } from "#kernel";
import { ATTACH_TYPES, MULTI_FLAGS } from "#uapi";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import { createLink } from "./bpf-link.ts";
import { Link } from "./link.ts";

/** Many kernel functions at once: one of `pattern`, `functions`, `addresses`. */
export interface KprobeMultiTarget {
	/** A glob (`tcp_*`): those that the kernel says can be probed. */
	readonly pattern?: string;
	readonly functions?: readonly string[];
	readonly addresses?: readonly bigint[];
	/** One for each function or address, in their order; not with a pattern. */
	readonly cookies?: readonly bigint[];
	readonly return?: boolean;
}

/**
 * Attaches a program to many kernel functions by one link (kprobe.multi; Linux ≥ 5.18 with CONFIG_FPROBE). A program loaded for
 * `trace_kprobe_session` runs at entry and at return.
 * @throws BpfError ERR_NO_TARGET where no function fits; NotSupportedError; PermissionError; SyscallError ESRCH for a name that is none
 */
export function attachKprobeMulti(program: Program, at: KprobeMultiTarget): Link {
	const what =
		at.pattern ?? (at.functions ? `${at.functions.length} functions` : `${at.addresses?.length ?? 0} addresses`);
	const session = program.attachType === "trace_kprobe_session";
	const target = `${session ? "kprobe.session" : at.return ? "kretprobe.multi" : "kprobe.multi"} ${what}`;
	const syms = at.addresses ? undefined : (at.functions ?? matching(program, at.pattern ?? "", target));
	const cnt = at.addresses?.length ?? syms?.length ?? 0;
	if (at.cookies && (at.pattern !== undefined || at.cookies.length !== cnt)) {
		throw new BpfError(
			"ERR_NO_TARGET",
			`cannot attach to ${target}: ${at.cookies.length} cookies for ${cnt} functions that are named one by one`,
		);
	}
	const kprobe_multi: NonNullable<LinkCreate["kprobe_multi"]> = {
		flags: at.return ? MULTI_FLAGS.BPF_F_KPROBE_MULTI_RETURN : 0,
		cnt,
		...(at.addresses ? { addrs: words(at.addresses) } : { syms }),
		cookies: at.cookies && words(at.cookies),
	};
	const attach_type = ATTACH_TYPES[session ? "trace_kprobe_session" : "trace_kprobe_multi"];
	return Link.attach(program, target, (each) => {
		try {
			return createLink(each, target, { attach_type, kprobe_multi });
		} catch (error) {
			if (!(error instanceof SyscallError) || error.code !== "EOPNOTSUPP") throw error;
			throw new NotSupportedError(target, `the running kernel ${each.kernel.release} was built without CONFIG_FPROBE`);
		}
	});
}

function matching(program: Program, pattern: string, target: string): readonly string[] {
	const found = program.kernel.host?.kernelFunctions(pattern) ?? -ERRNO.ENOENT;
	if (typeof found === "number") {
		if (found === -ERRNO.ENOENT) throw new NotSupportedError(target, "this kernel does not list its functions");
		throw refuse(program.kernel, { syscall: "tracefs", errno: -found, what: `list the functions for ${target}` });
	}
	if (found.length === 0)
		throw new BpfError("ERR_NO_TARGET", `cannot attach ${program.name}: no kernel function fits ${pattern}`);
	return found;
}

/** 64-bit words as the bytes that the kernel reads. */
export function words(values: readonly (bigint | number)[]): Uint8Array {
	return new Uint8Array(BigUint64Array.from(values, (value) => BigInt(value)).buffer);
}
