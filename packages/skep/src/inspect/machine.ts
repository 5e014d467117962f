import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Kernel, ObjectKind } from "@skep/bpf/kernel";
import { BPFFS } from "@skep/bpf/live";
import { type Delegation, delegations, unescaped } from "./delegations.ts";
import { type NetworkNamespace, networkNamespaces } from "./namespaces.ts";
import { type Owner, processOwners } from "./owners.ts";
import { type ProcessFd, processEvents } from "./perf.ts";
import { attempt, field, readSmall } from "./proc.ts";

/** `prog 7`, `map 12`, `link 3`: what pins and owners are looked up by. */
export type ObjectKey = `${ObjectKind} ${number}`;

/** What stands around a kernel and tells more about its objects than bpf(2) does. What a machine cannot tell is absent or empty. */
export interface Machine {
	/** Unix time of the boot in seconds, to a hundredth; undefined: this kernel has no clock of the world. */
	booted(): number | undefined;
	/** What /proc/self/fdinfo says of a descriptor of ours, by name: `memlock`, `frozen` … */
	fdinfo(fd: number): (name: string) => string | undefined;
	/** Name of a network device in our namespace. */
	deviceName(kernel: Kernel, ifindex: number): string | undefined;
	/** Where objects are pinned. */
	pins(kernel: Kernel): ReadonlyMap<ObjectKey, readonly string[]>;
	/** Who holds objects by descriptors, so far as we may look. */
	owners(): ReadonlyMap<ObjectKey, readonly Owner[]>;
	/** Descriptors of processes that may have programs: perf events and tracepoints. */
	events(): Iterable<ProcessFd>;
	/** Mounted bpffs that delegate something to processes with tokens. */
	delegations(): readonly Delegation[];
	/** Network namespaces; empty: there is only the one that we are in. */
	networks(): readonly NetworkNamespace[];
	/** Symbols that stand at kernel addresses. */
	symbolsAt(addresses: ReadonlySet<bigint>): ReadonlyMap<bigint, string>;
	/** Symbols by how far behind another one they stand; undefined: that one is not known, or hidden. */
	symbolsFrom(base: string, distances: ReadonlySet<number>): ReadonlyMap<number, string> | undefined;
}

const NOTHING: ReadonlyMap<never, never> = new Map<never, never>();

/** A kernel of its own, with nothing around it. */
export const NO_MACHINE: Machine = {
	booted: () => undefined,
	fdinfo: () => () => undefined,
	deviceName: (kernel, ifindex) => {
		const listing = kernel.places?.networkPrograms();
		return typeof listing === "object" ? listing.devices.find((each) => each.ifindex === ifindex)?.name : undefined;
	},
	pins: (kernel) => pinsBelow(kernel, [BPFFS]),
	owners: () => NOTHING,
	networks: () => [],
	events: () => [],
	delegations: () => [],
	symbolsAt: () => NOTHING,
	symbolsFrom: () => undefined,
};

/** The machine that this process runs on, by /proc and /sys. */
export const THIS_MACHINE: Machine = {
	booted: () => {
		const up = attempt(() => Number.parseFloat(readFileSync("/proc/uptime", "latin1")));
		return up === undefined ? undefined : Date.now() / 1000 - up;
	},
	fdinfo: (fd) => {
		const text = readSmall(`/proc/self/fdinfo/${fd}`) ?? "";
		return (name) => field(text, name);
	},
	deviceName: (kernel, ifindex) => {
		// Not /sys/class/net: that shows the devices of the namespace in which sysfs was mounted.
		const text = attempt(() => readFileSync("/proc/self/net/dev", "utf8")) ?? "";
		const names = Array.from(text.matchAll(/^ *(\S+):/gm), ([, name]) => name!);
		return names.find((name) => kernel.interfaceIndex(name) === ifindex);
	},
	pins: (kernel) => pinsBelow(kernel, bpffsMounts()),
	owners: processOwners,
	networks: networkNamespaces,
	events: processEvents,
	delegations,
	symbolsAt: (addresses) => {
		const table = addresses.size === 0 ? undefined : symbolTable();
		return table ? namesAt(table, addresses) : NOTHING;
	},
	symbolsFrom: (name, distances) => {
		const table = symbolTable();
		const at = table?.indexOf(` T ${name}\n`, 0, "latin1") ?? -1;
		const base = at < 16 ? 0n : BigInt(`0x${table!.toString("latin1", at - 16, at)}`);
		if (base === 0n) return undefined;
		const address = (distance: number) => BigInt.asUintN(64, base + BigInt(distance));
		const names = namesAt(table!, new Set([...distances].map(address)));
		const found = [...distances].map((distance) => [distance, names.get(address(distance))] as const);
		return new Map(found.filter((each): each is readonly [number, string] => each[1] !== undefined));
	},
};

/** Mount points of all bpffs that we see. */
export function bpffsMounts(): string[] {
	const text = attempt(() => readFileSync("/proc/self/mounts", "utf8")) ?? "";
	const lines = text.split("\n").map((line) => line.split(" "));
	const at = lines.filter((words) => words[2] === "bpf").map((words) => unescaped(words[1]!));
	return [...new Set(at)];
}

/** What is pinned in mounted bpffs, by what it is. */
function pinsBelow(kernel: Kernel, mounts: readonly string[]): ReadonlyMap<ObjectKey, readonly string[]> {
	const found = new Map<ObjectKey, string[]>();
	const visit = (folder: string): void => {
		const entries = kernel.folders.list(folder);
		for (const { name, kind } of typeof entries === "number" ? [] : entries) {
			const path = join(folder, name);
			if (kind === "directory") visit(path);
			else if (kind === "file") note(path);
		}
	};
	const note = (path: string): void => {
		const fd = kernel.bpf("OBJ_GET", { pathname: path });
		if (fd < 0) return;
		const kind = kernel.objectKind(fd);
		const id = typeof kind === "string" ? idOf(kernel, fd, kind) : undefined;
		kernel.close(fd);
		if (id === undefined) return;
		const key: ObjectKey = `${kind as ObjectKind} ${id}`;
		found.set(key, [...(found.get(key) ?? []), path]);
	};
	for (const mount of mounts) visit(mount);
	return found;
}

function idOf(kernel: Kernel, fd: number, kind: ObjectKind): number | undefined {
	const info: { id?: number } = {};
	return kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: fd, kind: kind as "prog", info }) < 0 ? undefined : info.id;
}

/** Lines of `ffffffff81000000 T name`, and `\t[module]` behind those of modules: some megabytes. */
const symbolTable = (): Buffer | undefined => attempt(() => readFileSync("/proc/kallsyms"));

/** Of several symbols at an address the first. Hidden addresses (kptr_restrict) are not found. */
function namesAt(table: Buffer, addresses: ReadonlySet<bigint>): ReadonlyMap<bigint, string> {
	const found = new Map<bigint, string>();
	for (const address of addresses) {
		const at = table.indexOf(`${address.toString(16).padStart(16, "0")} `, 0, "latin1");
		if (at < 0 || (at > 0 && table[at - 1] !== 10)) continue;
		const end = table.indexOf(10, at);
		const [name = ""] = table.toString("latin1", at + 19, end < 0 ? table.length : end).split("\t");
		if (name !== "") found.set(address, name);
	}
	return found;
}
