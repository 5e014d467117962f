import { BpfError, NotSupportedError } from "#base";
import { ERRNO, type UserProbe } from "#kernel";
import type { BpfMap } from "../map.ts";
import { has } from "../probe/feature.ts";
import type { Program } from "../program.ts";
import { refuse } from "../refusal.ts";
import type { Attachment } from "./attachment.ts";
import { Link } from "./link.ts";
import { closeAll, together } from "./perf-event.ts";
import { attachUprobeAt, binaryPath, hostOf, ofProcess } from "./uprobe.ts";
import { encodeUsdtSpec, parseUsdtArguments, USDT_SPEC_BYTES } from "./usdt-arguments.ts";

/** A probe that a program file was built with. */
export interface UsdtTarget {
	/** A path, or the name of a library or command: see `Host.binary`. */
	readonly binary: string;
	readonly provider: string;
	readonly name: string;
	/** Only in this process; it also says where `binary` is looked for. */
	readonly pid?: number;
	/** What `bpf_usdt_cookie` returns. */
	readonly cookie?: bigint;
	/** Maps of the object that `usdt.bpf.h` brings; absent where the program fetches no arguments. */
	readonly specs?: BpfMap;
	readonly ipToSpecId?: BpfMap;
}

/** Spec ids in use, by map: a map is shared by all programs of its object. */
const used = new WeakMap<BpfMap, Set<number>>();

/**
 * Attaches a program of type kprobe to every place of a USDT probe in a file, and writes down for `bpf_usdt_arg` where its
 * arguments stand. Semaphores are raised by the kernel while it is attached.
 * @throws BpfError ERR_NO_BINARY, ERR_NO_SYMBOL; NotSupportedError for arguments that cannot be fetched; PermissionError; SyscallError
 */
export function attachUsdt(program: Program, at: UsdtTarget): Link {
	const path = binaryPath(program.kernel, at.binary, at.pid);
	const target = `usdt ${path}:${at.provider}:${at.name}${ofProcess(at.pid)}`;
	const probes = probesOf(program, path, at);
	// Arguments that nobody can fetch are only in the way of a program that fetches some.
	const specs = at.specs && probes.map((probe) => encodeUsdtSpec(parseUsdtArguments(probe.arguments), at.cookie ?? 0n));
	if (at.specs && at.specs.valueSize !== USDT_SPEC_BYTES) {
		throw new BpfError(
			"ERR_NO_TARGET",
			`cannot attach to ${target}: map ${at.specs.name} has values of ${at.specs.valueSize} bytes, expected ${USDT_SPEC_BYTES}`,
		);
	}
	return Link.attach(program, target, (each) => attachAll(each, target, path, at, probes, specs ?? []));
}

function probesOf(program: Program, path: string, at: UsdtTarget): readonly UserProbe[] {
	const { kernel } = program;
	const found = hostOf(kernel, `probing ${path}`).probes(path, at.provider, at.name);
	if (found === -ERRNO.ENOEXEC)
		throw new BpfError("ERR_NO_BINARY", `${path} is no ELF file of 64 bits, or a broken one`);
	if (typeof found === "number")
		throw refuse(kernel, { syscall: "open", errno: -found, what: `read the probes of ${path}` });
	if (found.length === 0)
		throw new BpfError("ERR_NO_SYMBOL", `${path} has no USDT probe ${at.provider}:${at.name} (readelf -n lists them)`);
	return found;
}

function attachAll(
	program: Program,
	target: string,
	path: string,
	at: UsdtTarget,
	probes: readonly UserProbe[],
	specs: readonly Uint8Array[],
): Attachment {
	const cookies = has(program.kernel, "perf_link");
	const parts: Attachment[] = [];
	/** What `usdt.bpf.h` looks up, to be taken back. */
	const written: (() => void)[] = [];
	const undo = () => {
		for (const each of written.reverse()) each();
	};
	/** Places whose arguments stand alike share an entry. */
	const ids = new Map<string, number>();
	try {
		for (const [i, probe] of probes.entries()) {
			const spec = specs[i];
			const key = spec?.join() ?? "";
			const id = spec && at.specs ? (ids.get(key) ?? takeSpec(at.specs, spec, target, written)) : undefined;
			if (id !== undefined) ids.set(key, id);
			if (id !== undefined && !cookies) rememberAddress(program, target, at, probe, id, written);
			parts.push(
				attachUprobeAt(program, target, {
					path,
					offset: probe.offset,
					...(at.pid === undefined ? {} : { pid: at.pid }),
					...(probe.semaphore === 0 ? {} : { refCounter: probe.semaphore }),
					...(cookies && (id !== undefined || at.cookie !== undefined) ? { cookie: BigInt(id ?? at.cookie ?? 0) } : {}),
				}),
			);
		}
	} catch (error) {
		for (const part of parts) closeAll(part);
		undo();
		throw error;
	}
	return together(parts, undo);
}

function takeSpec(map: BpfMap, spec: Uint8Array, target: string, written: (() => void)[]): number {
	const taken = used.get(map) ?? new Set<number>();
	used.set(map, taken);
	let id = 0;
	while (taken.has(id)) id++;
	if (id >= map.maxEntries) {
		throw new BpfError(
			"ERR_NO_TARGET",
			`cannot attach to ${target}: map ${map.name} is full (${map.maxEntries} entries): raise BPF_USDT_MAX_SPEC_CNT`,
		);
	}
	taken.add(id);
	written.push(() => taken.delete(id));
	map.update(new Uint8Array(new Uint32Array([id]).buffer), spec);
	return id;
}

/** Before 5.15 programs find their entry by the address that was reached, which is known only of files with fixed ones. */
function rememberAddress(
	program: Program,
	target: string,
	at: UsdtTarget,
	probe: UserProbe,
	id: number,
	written: (() => void)[],
): void {
	if (!at.ipToSpecId || !probe.fixed) {
		const reason = `the running kernel ${program.kernel.release} has no cookies for uprobes, and this file is loaded at addresses that are not known beforehand`;
		throw new NotSupportedError(`${target} with arguments`, reason, "5.15");
	}
	const map = at.ipToSpecId;
	const key = new Uint8Array(BigUint64Array.of(probe.address).buffer);
	map.update(key, new Uint8Array(new Uint32Array([id]).buffer));
	written.push(() => void (map.fd.closed || map.delete(key)));
}
