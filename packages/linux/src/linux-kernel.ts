/**
 * The Linux side of the contract: bpf(2), perf_event_open(2), mmap(2) and the few questions beside them, by FFI. Whoever
 * opens it also wants `explainPermission`, which tells why the kernel said EPERM.
 */
import { openSync, readFileSync, readlinkSync, statfsSync, unlinkSync } from "node:fs";
import { release } from "node:os";
import { NotSupportedError } from "@skep/bpf/base";
import {
	type Attributes,
	type CommandName,
	ERRNO,
	type Host,
	type Kernel,
	type Mapping,
	type ObjectKind,
	type PerfEventAttr,
	type PerfEventRequest,
	type Sandbox,
} from "@skep/bpf/kernel";
import {
	buildConfig,
	cgroupId,
	cgroups,
	explainPermission,
	findBinary,
	findPmu,
	inTrialCgroup,
	kernelFunctions,
	kernelSymbols,
	kernelVersion,
	userFunctions,
	userProbes,
} from "#inspect";
import { ask, bringUp, makeDevice, networkPrograms } from "#netlink";
import {
	bpf,
	bpffsFolders,
	errnoOf,
	inNetworkNamespace,
	inNetworkNamespaceOf,
	interfaceIndex,
	mmap,
	openSocket,
	pageSize,
	perfEventIoctl,
	perfEventOpen,
	possibleCpus,
	read,
	setSocketProgram,
	syscall,
	syscallNumbers,
	tracepointId,
} from "#sys";

export {
	btfFile,
	type Confinement,
	confinement,
	type FileSystem,
	type SysctlName,
	type SystemFacts,
	systemFacts,
} from "#inspect";
export { detachedMount, tracefsRoot, withoutCapabilities } from "#sys";
export { explainPermission };

/** The kernel that this process runs on. @throws NotSupportedError on other systems than Linux, other CPUs than x64 and arm64 */
export function openLinux(): Kernel {
	if (process.platform !== "linux") throw new NotSupportedError("eBPF", `this is ${process.platform}, not Linux`);
	return new LinuxKernel();
}

/** What /proc/self/fd calls the kinds of objects. */
const KINDS: readonly (readonly [name: string, kind: ObjectKind])[] = [
	["bpf-map", "map"],
	["bpf-prog", "prog"],
	["bpf_link", "link"],
	["bpf-link", "link"],
	["btf", "btf"],
];
/** `linux/magic.h`. */
const BPF_FS_MAGIC = 0xcafe_4a11;
const CLOSE = syscallNumbers(process.arch).close;

/** Index of `lo` in every network namespace. */
const LOOPBACK = 1;
const TRIAL_DEVICE = "skep-trial";

const SANDBOX: Sandbox = {
	network: (body) =>
		inNetworkNamespace(() => {
			bringUp(LOOPBACK);
			return body();
		}),
	cgroup: inTrialCgroup,
	device: (type) => {
		const made = makeDevice(type, TRIAL_DEVICE);
		return made < 0 ? made : interfaceIndex(TRIAL_DEVICE);
	},
	socket: openSocket,
};

/** What stands around the kernel. */
const HOST: Host = {
	open: (path) => attempt(() => openSync(path, "r")),
	cgroupId,
	cgroups,
	setSocketProgram,
	network: ask,
	networkPrograms,
	inNetwork: inNetworkNamespaceOf,
	pmu: findPmu,
	binary: findBinary,
	functions: userFunctions,
	probes: userProbes,
	kernelFunctions,
	sandbox: SANDBOX,
};

class LinuxKernel implements Kernel {
	readonly name = "linux";
	readonly release = release();
	readonly version = kernelVersion();
	readonly possibleCpus = possibleCpus();
	readonly pageSize = pageSize();
	readonly diagnose = explainPermission;
	readonly folders = bpffsFolders;
	readonly places = HOST;
	readonly host = HOST;

	bpf<C extends CommandName>(command: C, attr: Attributes[C]): number {
		return bpf(command, attr);
	}

	perfEventOpen(attr: PerfEventAttr, pid: number, cpu: number, groupFd: number, flags: number): number {
		return perfEventOpen(attr, pid, cpu, groupFd, flags);
	}

	perfEventIoctl(fd: number, request: PerfEventRequest, argument: number): number {
		return perfEventIoctl(fd, request, argument);
	}

	read(fd: number, bytes: Uint8Array): number {
		return read(fd, bytes);
	}

	mmap(fd: number, offset: number, length: number, writable: boolean, address?: number): Mapping | number {
		return mmap(fd, offset, length, writable, address);
	}

	close(fd: number): number {
		return syscall(CLOSE, fd);
	}

	tracepointId(category: string, name: string): number {
		return tracepointId(category, name);
	}

	interfaceIndex(name: string): number {
		return interfaceIndex(name);
	}

	btf(): Uint8Array | number {
		return attempt(() => readFileSync("/sys/kernel/btf/vmlinux"));
	}

	config(): string | number {
		const found = buildConfig();
		return typeof found === "string" ? found : -errnoOf(found);
	}

	symbols(names: ReadonlySet<string>): ReadonlyMap<string, bigint> {
		return kernelSymbols(names);
	}

	objectKind(fd: number): ObjectKind | number {
		const found = attempt(() => readlinkSync(`/proc/self/fd/${fd}`));
		if (typeof found === "number") return found;
		return KINDS.find(([name]) => found.includes(name))?.[1] ?? -ERRNO.EINVAL;
	}

	isBpffs(path: string): number {
		return attempt(() => (statfsSync(path).type === BPF_FS_MAGIC ? 1 : 0));
	}

	unlink(path: string): number {
		return attempt(() => {
			unlinkSync(path);
			return 0;
		});
	}
}

/** What node:fs returns; -errno instead of what it throws. */
function attempt<T>(call: () => T): T | number {
	try {
		return call();
	} catch (error) {
		return -errnoOf(error);
	}
}
