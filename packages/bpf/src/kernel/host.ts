/** A dynamic PMU of perf, as /sys/bus/event_source/devices describes it. */
export interface Pmu {
	/** `perf_event_attr.type`. */
	readonly type: number;
	/** Bit of `config` that asks for the function's return (`kprobe`, `uprobe`); absent: it has none. */
	readonly retprobeBit?: number;
	/** Where in `config` the offset of a reference counter begins (`uprobe`, Linux ≥ 4.20); absent: it takes none. */
	readonly refCounterBit?: number;
}

/** A function of an executable or library. Offsets are bytes of the file, not addresses. */
export interface UserFunction {
	readonly name: string;
	readonly offset: number;
	/** 0: the symbol does not say. */
	readonly size: number;
}

/** A USDT probe of an executable or library: one note of `.note.stapsdt`. */
export interface UserProbe {
	readonly provider: string;
	readonly name: string;
	/** Of the instruction, in the file. */
	readonly offset: number;
	/** Of the instruction, as the file's headers place it; what a process sees if the file is not position-independent. */
	readonly address: bigint;
	/** The file is loaded at the addresses that it names. */
	readonly fixed: boolean;
	/** Of the semaphore, in the file; 0: the probe has none. */
	readonly semaphore: number;
	/** As the assembler left it: `-4@%eax 8@$5`. */
	readonly arguments: string;
}

/** setsockopt(2) of SOL_SOCKET with a program. */
export type SocketOption = "SO_ATTACH_BPF" | "SO_ATTACH_REUSEPORT_EBPF" | "SO_DETACH_BPF" | "SO_DETACH_REUSEPORT_BPF";

/** What is asked of rtnetlink. Program descriptors are the caller's. */
export type NetworkRequest =
	/** IFLA_XDP. `program` -1: take it away. `expected`: the program that must be there (with XDP_FLAGS_REPLACE). */
	| {
			readonly kind: "xdp";
			readonly ifindex: number;
			readonly program: number;
			readonly flags: number;
			readonly expected?: number;
	  }
	/** The qdisc that tc programs hang in. -EEXIST: it is there. */
	| { readonly kind: "clsact"; readonly ifindex: number; readonly change: "create" | "delete" }
	/** A classifier with direct action. 0 for priority or handle: the kernel chooses. `create` fails where there is one. */
	| {
			readonly kind: "filter";
			readonly change: "create" | "replace" | "delete";
			readonly ifindex: number;
			readonly direction: "ingress" | "egress";
			readonly priority: number;
			readonly handle: number;
			readonly program: number;
			readonly name: string;
	  }
	/** A route through programs (LWT_BPF). `destination`: `10.1.0.0/16`, `2001:db8::/32`. */
	| {
			readonly kind: "route";
			readonly change: "create" | "delete";
			readonly destination: string;
			readonly ifindex: number;
			readonly gateway?: string | undefined;
			readonly programs: readonly {
				readonly hook: "in" | "out" | "xmit";
				readonly program: number;
				readonly name: string;
			}[];
	  };

/** Types of network devices that can be made for a trial. */
export type TrialDevice = "veth" | "netkit";

/** Places where attaching is tried out without touching what is there. Results below zero are -errno; nothing throws by itself. */
export interface Sandbox {
	/** Runs `body` in a network namespace of its own, which goes when nothing holds it; its loopback has index 1 and is up. */
	network<T extends object>(body: () => T): T | number;
	/** Runs `body` with the descriptor of an empty cgroup (version 2), which is taken away after it. */
	cgroup<T extends object>(body: (fd: number) => T): T | number;
	/** Makes a network device in the caller's namespace; its index. -EOPNOTSUPP: this kernel has no such type. */
	device(type: TrialDevice): number;
	/** A socket of IPv4 that is bound to nothing, with SO_REUSEPORT; the caller closes it. */
	socket(type: "tcp" | "udp"): number;
}

/** What the kernel chose for a filter. */
export interface FilterReply {
	readonly priority: number;
	readonly handle: number;
}

/** A program on a network device, as rtnetlink tells it. */
export interface DeviceProgram {
	readonly ifindex: number;
	readonly device: string;
	/** Where it hangs: XDP of a mode, or a classifier at an end of the device's qdisc. */
	readonly hook:
		| "xdp/driver"
		| "xdp/generic"
		| "xdp/offload"
		| "clsact/ingress"
		| "clsact/egress"
		/** Of another qdisc, or a class of one: `class htb 1:10`. */
		| `qdisc ${string}`
		| `class ${string}`;
	readonly id: number;
	/** Of a classifier; empty for XDP. */
	readonly name: string;
}

/** Network devices and the programs on them that rtnetlink knows. */
export interface NetworkListing {
	readonly devices: readonly { readonly ifindex: number; readonly name: string }[];
	readonly programs: readonly DeviceProgram[];
}

/**
 * Places that programs hang on and that are no objects of bpf(2): cgroups, network devices, namespaces. Results below zero are
 * -errno; nothing here throws.
 */
export interface Places {
	/** open(2), read-only: a cgroup's folder, a namespace's file, a device. */
	open(path: string): number;
	/** Folders of cgroups (version 2): one and those below it, parents first; absent: from the root. What vanishes meanwhile is missing. -ENOENT: there are none. */
	cgroups(below?: string): readonly string[] | number;
	/** Id of a cgroup's folder, which links and programs know it by. -errno. */
	cgroupId(path: string): bigint | number;
	/** rtnetlink in the caller's network namespace; a filter answers with what was chosen for it. */
	network(request: NetworkRequest): FilterReply | number;
	/** Devices of the caller's network namespace, and the programs on them. */
	networkPrograms(): NetworkListing | number;
	/** Runs `body` in the network namespace that a file is (`/run/netns/blue`). Absent: there is only one. */
	inNetwork?<T extends object>(path: string, body: () => T): T | number;
}

/**
 * What stands around a kernel, as far as attaching needs it: besides the places, program files, sockets, functions of the
 * kernel. Results below zero are -errno; nothing here throws. A kernel of its own has none of this.
 */
export interface Host extends Places {
	/** setsockopt(2) on a socket. `program` is not looked at by the two that detach. */
	setSocketProgram(socket: number, option: SocketOption, program: number): number;
	/** Where attaching is tried out. */
	readonly sandbox: Sandbox;
	/** -ENOENT: this kernel has no such PMU. */
	pmu(name: string): Pmu | number;
	/**
	 * The file that a name means: a path as it is; a bare name by the mappings of process `pid`, else where libraries
	 * (`libc.so.6`, `libc`) or commands stand. -ENOENT.
	 */
	binary(name: string, pid?: number): string | number;
	/** Functions of a file by name (`malloc`, `memcpy@GLIBC_2.14`) or glob (`pthread_*`). -ENOEXEC: no ELF file of 64 bits. */
	functions(path: string, pattern: string): readonly UserFunction[] | number;
	/** USDT probes of a file; `provider` empty: of any. */
	probes(path: string, provider: string, name: string): readonly UserProbe[] | number;
	/**
	 * Names of kernel functions, sorted: those that can be probed and fit a glob (`tcp_*`), or those of a list of names that
	 * are there, aliases too.
	 */
	kernelFunctions(wanted: string | readonly string[]): readonly string[] | number;
}
