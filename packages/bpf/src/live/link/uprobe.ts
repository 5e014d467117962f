import { BpfError, NotSupportedError } from "#base";
import { ERRNO, type Host, type Kernel, type Pmu, type UserFunction } from "#kernel";
import { ATTACH_TYPES, MULTI_FLAGS } from "#uapi";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import type { Attachment } from "./attachment.ts";
import { createLink } from "./bpf-link.ts";
import { words } from "./kprobe-multi.ts";
import { Link } from "./link.ts";
import { attachToPerfEvent, openEvent } from "./perf-event.ts";

/** Where in an executable or library. */
export interface UprobeTarget {
	/** A path, or the name of a library (`libc`, `libssl.so.3`) or command: see `Host.binary`. */
	readonly binary: string;
	/** A symbol; `offset` then counts from it, else from the beginning of the file. */
	readonly function?: string;
	readonly offset?: number;
	/** Only in this process; it also says where `binary` is looked for. Absent: in every one. */
	readonly pid?: number;
	/** Runs when the function returns. */
	readonly return?: boolean;
	/** Of a counter in the file that the kernel raises while somebody is attached (semaphore of a USDT probe). */
	readonly refCounter?: number;
	readonly cookie?: bigint;
}

/**
 * Attaches a program of type kprobe to a place in a program file, through the PMU `uprobe` (Linux ≥ 4.17).
 * @throws NotSupportedError; BpfError ERR_NO_BINARY, ERR_NO_SYMBOL; PermissionError; SyscallError
 */
export function attachUprobe(program: Program, at: UprobeTarget): Link {
	const { kernel } = program;
	const path = binaryPath(kernel, at.binary, at.pid);
	const offset = at.function === undefined ? 0 : functionIn(kernel, path, at.function).offset;
	const place = at.function === undefined ? `${path}` : `${path}:${at.function}`;
	const plus = at.offset ? `+0x${at.offset.toString(16)}` : "";
	const target = `${at.return ? "uretprobe" : "uprobe"} ${place}${plus}${ofProcess(at.pid)}`;
	return Link.attach(program, target, (each) =>
		attachUprobeAt(each, target, { ...at, path, offset: offset + (at.offset ?? 0) }),
	);
}

export const ofProcess = (pid: number | undefined): string => (pid === undefined ? "" : ` of process ${pid}`);

/** The same for a known offset in a file. */
export function attachUprobeAt(
	program: Program,
	target: string,
	at: { path: string; offset: number; pid?: number; return?: boolean; refCounter?: number; cookie?: bigint },
): Attachment {
	const pmu = uprobePmu(program.kernel, target);
	const counter = BigInt(at.refCounter ?? 0);
	if (counter !== 0n && pmu.refCounterBit === undefined) {
		throw new NotSupportedError(
			`${target}: a reference counter`,
			`the running kernel ${program.kernel.release} takes none`,
			"4.20",
		);
	}
	const config = (at.return ? 1n << BigInt(pmu.retprobeBit ?? 0) : 0n) | (counter << BigInt(pmu.refCounterBit ?? 32));
	const attr = { type: pmu.type, config, config1: at.path, config2: BigInt(at.offset) };
	return attachToPerfEvent(program, openEvent(program, target, attr, at.pid ?? -1), target, at.cookie);
}

function uprobePmu(kernel: Kernel, target: string): Pmu {
	const pmu = kernel.host?.pmu("uprobe") ?? -ERRNO.ENOENT;
	if (typeof pmu !== "number") return pmu;
	if (pmu === -ERRNO.ENOENT) {
		throw new NotSupportedError(target, `the running kernel ${kernel.release} has no uprobes (CONFIG_UPROBE_EVENTS)`);
	}
	throw refuse(kernel, { syscall: "open", errno: -pmu, what: `find the PMU for ${target}` });
}

/** What a kernel without files says to whoever wants to probe one. */
export function hostOf(kernel: Kernel, what: string): Host {
	if (kernel.host) return kernel.host;
	throw new NotSupportedError(what, `the ${kernel.name} kernel has no program files`);
}

/** The file that a name means. @throws BpfError ERR_NO_BINARY, SyscallError */
export function binaryPath(kernel: Kernel, name: string, pid: number | undefined): string {
	const found = hostOf(kernel, `probing ${name}`).binary(name, pid);
	if (typeof found === "string") return found;
	if (found !== -ERRNO.ENOENT) throw refuse(kernel, { syscall: "open", errno: -found, what: `find ${name}` });
	const where =
		pid === undefined
			? "neither a file nor in the folders of libraries and commands"
			: `not mapped by process ${pid}, nor a file`;
	throw new BpfError("ERR_NO_BINARY", `no program file ${name}: it is ${where}`);
}

/** Functions of a file. @throws BpfError ERR_NO_BINARY where it is no ELF file, ERR_NO_SYMBOL where none fits; SyscallError */
export function functionsIn(kernel: Kernel, path: string, pattern: string): readonly UserFunction[] {
	const found = hostOf(kernel, `probing ${path}`).functions(path, pattern);
	if (found === -ERRNO.ENOEXEC)
		throw new BpfError("ERR_NO_BINARY", `${path} is no ELF file of 64 bits, or a broken one`);
	if (typeof found === "number")
		throw refuse(kernel, { syscall: "open", errno: -found, what: `read symbols of ${path}` });
	if (found.length === 0) {
		throw new BpfError(
			"ERR_NO_SYMBOL",
			`${path} has no function ${pattern} in its symbol tables (stripped?): give an offset in the file`,
		);
	}
	return found;
}

function functionIn(kernel: Kernel, path: string, name: string): UserFunction {
	const found = functionsIn(kernel, path, name);
	const places = new Set(found.map((each) => each.offset));
	if (places.size > 1) {
		const listed = [...places].map((each) => `0x${each.toString(16)}`).join(", ");
		throw new BpfError(
			"ERR_NO_SYMBOL",
			`${path} has ${places.size} functions ${name}, at ${listed}: give an offset in the file`,
		);
	}
	return found[0]!;
}

/** Many places of one file: `pattern`, or `functions`, or `offsets`. */
export interface UprobeMultiTarget {
	readonly binary: string;
	/** A glob (`pthread_*`). */
	readonly pattern?: string;
	readonly functions?: readonly string[];
	/** In bytes from the beginning of the file. */
	readonly offsets?: readonly number[];
	/** One for each function or offset, in their order; not with a pattern. */
	readonly refCounters?: readonly number[];
	readonly cookies?: readonly bigint[];
	readonly pid?: number;
	readonly return?: boolean;
}

/**
 * Attaches a program to many places of a file by one link (uprobe.multi; Linux ≥ 6.6). A program loaded for
 * `trace_uprobe_session` runs at entry and at return.
 * @throws BpfError ERR_NO_BINARY, ERR_NO_SYMBOL, ERR_NO_TARGET; PermissionError; SyscallError
 */
export function attachUprobeMulti(program: Program, at: UprobeMultiTarget): Link {
	const { kernel } = program;
	const path = binaryPath(kernel, at.binary, at.pid);
	const session = program.attachType === "trace_uprobe_session";
	const kind = session ? "uprobe.session" : at.return ? "uretprobe.multi" : "uprobe.multi";
	const what = at.pattern ?? at.functions?.join(",") ?? `${at.offsets?.length ?? 0} offsets`;
	const target = `${kind} ${path}:${what}${ofProcess(at.pid)}`;
	const offsets = at.offsets ??
		at.functions?.map((name) => functionIn(kernel, path, name).offset) ?? [
			...new Set(functionsIn(kernel, path, at.pattern ?? "").map((each) => each.offset)),
		];
	for (const [name, list] of Object.entries({ cookies: at.cookies, refCounters: at.refCounters })) {
		if (list && (at.pattern !== undefined || list.length !== offsets.length)) {
			throw new BpfError(
				"ERR_NO_TARGET",
				`cannot attach to ${target}: ${list.length} ${name} for ${offsets.length} places that are named one by one`,
			);
		}
	}
	return Link.attach(program, target, (each) =>
		createLink(each, target, {
			attach_type: ATTACH_TYPES[session ? "trace_uprobe_session" : "trace_uprobe_multi"],
			uprobe_multi: {
				path,
				offsets: words(offsets),
				ref_ctr_offsets: at.refCounters && words(at.refCounters),
				cookies: at.cookies && words(at.cookies),
				cnt: offsets.length,
				flags: at.return ? MULTI_FLAGS.BPF_F_UPROBE_MULTI_RETURN : 0,
				pid: at.pid ?? 0,
			},
		}),
	);
}
