import { NotSupportedError } from "#base";
import { ERRNO, type Kernel } from "#kernel";
import type { Program } from "../program.ts";
import { refuseAttach } from "./bpf-link.ts";
import { Link } from "./link.ts";
import { attachToPerfEvent, openEvent } from "./perf-event.ts";

/** Where in the kernel. */
export interface KprobeTarget {
	/** Name of a kernel function, or its address. */
	readonly function: string | bigint;
	/** In bytes from there; not with `return`. */
	readonly offset?: number;
	/** Runs when the function returns. */
	readonly return?: boolean;
	readonly cookie?: bigint;
}

/**
 * Attaches a program of type kprobe to a kernel function through the PMU `kprobe` (Linux ≥ 4.17).
 * @throws NotSupportedError where the kernel has no kprobes, or no such function; PermissionError; SyscallError
 */
export function attachKprobe(program: Program, at: KprobeTarget): Link {
	const where = typeof at.function === "string" ? at.function : `0x${at.function.toString(16)}`;
	const target = `${at.return ? "kretprobe" : "kprobe"} ${where}${at.offset ? `+0x${at.offset.toString(16)}` : ""}`;
	return Link.attach(program, target, (each) => {
		const { kernel } = each;
		const pmu = kernel.host?.pmu("kprobe") ?? -ERRNO.ENOENT;
		if (pmu === -ERRNO.ENOENT) {
			throw new NotSupportedError(target, `the running kernel ${kernel.release} has no kprobes (CONFIG_KPROBE_EVENTS)`);
		}
		if (typeof pmu === "number") throw refuseAttach(each, target, -pmu, "open");
		const config = at.return ? 1n << BigInt(pmu.retprobeBit ?? 0) : 0n;
		const address = typeof at.function === "bigint" ? at.function : undefined;
		const opened = () =>
			openEvent(each, target, {
				type: pmu.type,
				config,
				...(address === undefined ? { config1: `${at.function}`, config2: BigInt(at.offset ?? 0) } : {}),
				...(address === undefined ? {} : { config1: 0n, config2: address + BigInt(at.offset ?? 0) }),
			});
		return attachToPerfEvent(each, whereThere(kernel, target, where, opened), target, at.cookie);
	});
}

/** ENOENT, and EADDRNOTAVAIL for names that stand for several functions, are told as what they mean. */
function whereThere<T>(kernel: Kernel, target: string, where: string, open: () => T): T {
	try {
		return open();
	} catch (error) {
		const code = error instanceof Error && "code" in error ? error.code : undefined;
		if (code === "ENOENT") {
			throw new NotSupportedError(
				target,
				`the running kernel ${kernel.release} has no function ${where} that can be probed`,
			);
		}
		if (code === "EADDRNOTAVAIL") {
			throw new NotSupportedError(
				target,
				`several functions of the running kernel are called ${where}: give an address`,
			);
		}
		throw error;
	}
}

/** Prefixes of system calls' functions, by architecture and for kernels without wrappers (before 4.17). */
const SYSCALL_PREFIXES = ["__x64_sys_", "__arm64_sys_", "__se_sys_", "sys_"] as const;

/**
 * Attaches a program of type kprobe to the function of a system call by its name (`unlinkat`), whatever this kernel calls it.
 * @throws NotSupportedError where there is no such system call; what attachKprobe throws
 */
export function attachKsyscall(
	program: Program,
	name: string,
	options: { return?: boolean; cookie?: bigint } = {},
): Link {
	const { kernel } = program;
	const names = SYSCALL_PREFIXES.map((prefix) => `${prefix}${name}`);
	const found = kernel.host?.kernelFunctions(names) ?? [];
	const known = typeof found === "object" ? names.find((each) => found.includes(each)) : undefined;
	if (known !== undefined) return attachKprobe(program, { function: known, ...options });
	throw new NotSupportedError(
		`system call ${name}`,
		`the running kernel ${kernel.release} has no function for it that can be probed`,
	);
}
