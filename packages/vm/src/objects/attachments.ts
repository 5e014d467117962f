import { type Attributes, ERRNO } from "@skep/bpf/kernel";
import { ATTACH_FLAGS, ATTACH_TYPES, type AttachType, type ProgramType } from "@skep/bpf/uapi";
import { cgroupAllows, parentOf } from "./cgroups.ts";
import { chainKey, chainOf, MOST_IN_CHAIN, openChain, type PlaceKind, placeIn, takeEntry } from "./chains.ts";
import { drop, hold, idOf } from "./descriptors.ts";
import type { System } from "./system.ts";
import type { ChainState, ProgramState } from "./tables.ts";

/** Hooks with chains: what they hang on, and the type of their programs. One row an attach type. */
const HOOKS: ReadonlyMap<number, { readonly place: "cgroup" | "device"; readonly type: ProgramType }> = new Map(
	(
		[
			["cgroup_inet_ingress", "cgroup", "cgroup_skb"],
			["cgroup_inet_egress", "cgroup", "cgroup_skb"],
			["tcx_ingress", "device", "sched_cls"],
			["tcx_egress", "device", "sched_cls"],
		] as const satisfies readonly (readonly [AttachType, PlaceKind, ProgramType])[]
	).map(([name, place, type]) => [ATTACH_TYPES[name], { place, type }]),
);
/** Hooks of a network namespace, at which nothing ever hangs here. */
const NAMESPACE: ReadonlySet<number> = new Set([ATTACH_TYPES.flow_dissector, ATTACH_TYPES.sk_lookup]);

const { BPF_F_ALLOW_MULTI: MULTI, BPF_F_ALLOW_OVERRIDE: OVERRIDE, BPF_F_REPLACE: REPLACE } = ATTACH_FLAGS;
const { BPF_F_BEFORE: BEFORE, BPF_F_AFTER: AFTER, BPF_F_ID: ID, BPF_F_LINK: LINK } = ATTACH_FLAGS;
const POSITION = BEFORE | AFTER | ID | LINK;

/** Where a call hangs a program: a chain's key, and its place. */
interface Target {
	readonly key: string;
	readonly place: "cgroup" | "device";
	readonly id: number;
}

/** The members that PROG_ATTACH, LINK_CREATE and PROG_QUERY name a place by. */
interface PlaceAttr {
	readonly attach_type: number;
	readonly target_fd?: number;
	readonly target_ifindex?: number;
}

function targetOf(system: System, attr: PlaceAttr, program?: ProgramState): Target | number {
	const hook = HOOKS.get(attr.attach_type);
	if (!hook || (program && program.type !== hook.type)) return -ERRNO.EINVAL;
	if (hook.place === "device") {
		const id = attr.target_ifindex ?? 0;
		if (id <= 0 || id > system.tables.devices.length) return -ERRNO.ENODEV;
		return { key: chainKey("device", id, attr.attach_type), place: "device", id };
	}
	const id = idOf(system, attr.target_fd ?? 0, "cgroup");
	if (id < 0) return -ERRNO.EBADF;
	return { key: chainKey("cgroup", id, attr.attach_type), place: "cgroup", id };
}

/** The entry of the program or link that a position names; -1: none is named; else -errno - 1, which is below it. */
function neighbourOf(system: System, chain: Readonly<ChainState>, flags: number, relative: number): number {
	if (relative === 0 && (flags & (ID | LINK)) === 0) return -1;
	const kind = (flags & LINK) !== 0 ? "link" : "program";
	const id = (flags & ID) !== 0 ? relative : idOf(system, relative, kind);
	if (id < 0) return id - 1;
	const at = chain.entries.findIndex((each) => (kind === "link" ? each.link : each.program) === id);
	return at < 0 ? -ERRNO.ENOENT - 1 : at;
}

/** Puts a program into a chain, by a link or without. 0; -errno. */
function put(
	system: System,
	target: Target,
	program: ProgramState,
	link: number,
	how: { readonly flags: number; readonly relative: number; readonly revision: bigint },
): number {
	const chain = chainOf(system.tables, target.key);
	const neighbour = neighbourOf(system, chain, how.flags, how.relative);
	if (neighbour < -1) return neighbour + 1;
	const at = placeIn(chain, { flags: how.flags, neighbour, revision: how.revision });
	if (at < 0) return at;
	const twice = chain.entries.some(
		(each) => each.program === program.id && (target.place === "device" || each.link === 0),
	);
	if (twice && (target.place === "device" || link === 0))
		return target.place === "device" ? -ERRNO.EEXIST : -ERRNO.EINVAL;
	if (chain.entries.length >= MOST_IN_CHAIN) return target.place === "device" ? -ERRNO.ERANGE : -ERRNO.E2BIG;
	const own = openChain(system.tables, target.key);
	own.entries.splice(at, 0, { program: program.id, link });
	own.revision++;
	if (link === 0) hold(system, "program", program.id);
	return 0;
}

/** Another program in the place of one that no link holds. */
function exchange(system: System, target: Target, at: number, program: ProgramState): number {
	const chain = openChain(system.tables, target.key);
	const entry = chain.entries[at]!;
	if (entry.link !== 0) return -ERRNO.EBUSY;
	hold(system, "program", program.id);
	drop(system, "program", entry.program);
	entry.program = program.id;
	chain.revision++;
	return 0;
}

export function attachProgram(system: System, attr: Attributes["PROG_ATTACH"]): number {
	const flags = attr.attach_flags ?? 0;
	const id = idOf(system, attr.attach_bpf_fd, "program");
	if (!HOOKS.has(attr.attach_type)) return -ERRNO.EINVAL;
	if (id < 0) return id;
	const program = system.tables.programs.get(id)!;
	const target = targetOf(system, attr, program);
	if (typeof target === "number") return target;
	const how = { flags, relative: attr.relative_fd ?? 0, revision: attr.expected_revision ?? 0n };
	const chain = chainOf(system.tables, target.key);
	const known = POSITION | REPLACE | (target.place === "cgroup" ? MULTI | OVERRIDE : 0);
	if ((flags & ~known) !== 0) return -ERRNO.EINVAL;
	if (target.place === "cgroup") {
		const terms = flags & (MULTI | OVERRIDE);
		if (terms === (MULTI | OVERRIDE) || ((flags & REPLACE) !== 0 && terms !== MULTI)) return -ERRNO.EINVAL;
		if (!cgroupAllows(system.tables, target.id, attr.attach_type)) return -ERRNO.EPERM;
		if (chain.entries.length > 0 && chain.flags !== terms) return -ERRNO.EPERM;
		// Alone at its place: who comes later takes it.
		if (terms !== MULTI && chain.entries.length > 0) return exchange(system, target, 0, program);
	}
	if ((flags & REPLACE) !== 0) {
		const old = idOf(system, attr.replace_bpf_fd ?? 0, "program");
		if (old < 0) return old;
		const at = chain.entries.findIndex((each) => each.program === old);
		return at < 0 ? -ERRNO.ENOENT : exchange(system, target, at, program);
	}
	const result = put(system, target, program, 0, how);
	if (result === 0 && target.place === "cgroup")
		openChain(system.tables, target.key).flags = flags & (MULTI | OVERRIDE);
	return result;
}

export function detachProgram(system: System, attr: Attributes["PROG_DETACH"]): number {
	const target = targetOf(system, attr);
	if (typeof target === "number") return target;
	const chain = chainOf(system.tables, target.key);
	if (chain.entries.length === 0) return -ERRNO.ENOENT;
	const id = attr.attach_bpf_fd ? idOf(system, attr.attach_bpf_fd, "program") : 0;
	const alone = target.place === "cgroup" && (chain.flags & MULTI) === 0;
	if (target.place === "cgroup" && !alone && id <= 0) return -ERRNO.EINVAL;
	if (target.place === "device" && id < 0) return id;
	// Without a name the last one of a device's chain is meant.
	const at = alone
		? 0
		: id > 0
			? chain.entries.findIndex((each) => each.program === id && (target.place === "device" || each.link === 0))
			: chain.entries.length - 1;
	if (at < 0) return -ERRNO.ENOENT;
	if (chain.entries[at]!.link !== 0) return -ERRNO.EBUSY;
	const taken = takeEntry(openChain(system.tables, target.key), at);
	drop(system, "program", taken.program);
	return 0;
}

/** What a link of such a hook hangs on, checked before the link is there. -errno. */
export function linkTarget(
	system: System,
	program: ProgramState,
	attr: Attributes["LINK_CREATE"],
): { readonly cgroup: number; readonly ifindex: number; put(link: number): number } | number {
	const flags = attr.flags ?? 0;
	if ((flags & ~POSITION) !== 0) return -ERRNO.EINVAL;
	const target = targetOf(system, attr, program);
	if (typeof target === "number") return target;
	const chain = chainOf(system.tables, target.key);
	if (target.place === "cgroup") {
		if (!cgroupAllows(system.tables, target.id, attr.attach_type)) return -ERRNO.EPERM;
		if (chain.entries.length > 0 && chain.flags !== MULTI) return -ERRNO.EPERM;
	}
	const { fd = 0, expected_revision = 0n } = attr.relative ?? {};
	return {
		cgroup: target.place === "cgroup" ? target.id : 0,
		ifindex: target.place === "device" ? target.id : 0,
		put: (link) => {
			const result = put(system, target, program, link, { flags, relative: fd, revision: expected_revision });
			if (result === 0 && target.place === "cgroup") openChain(system.tables, target.key).flags = MULTI;
			return result;
		},
	};
}

const EFFECTIVE = 1;

export function queryPrograms(system: System, attr: Attributes["PROG_QUERY"]): number {
	const flags = attr.query_flags ?? 0;
	if ((flags & ~EFFECTIVE) !== 0) return -ERRNO.EINVAL;
	if (NAMESPACE.has(attr.attach_type)) {
		if (idOf(system, attr.target_fd ?? 0, "namespace") < 0) return -ERRNO.EINVAL;
		attr.prog_cnt = 0;
		attr.attach_flags = 0;
		return 0;
	}
	const target = targetOf(system, attr);
	if (typeof target === "number") return target;
	const effective = (flags & EFFECTIVE) !== 0;
	if (effective && (target.place === "device" || attr.prog_attach_flags)) return -ERRNO.EINVAL;
	const chain = chainOf(system.tables, target.key);
	const entries = effective ? effectiveEntries(system, target.id, attr.attach_type) : chain.entries;
	attr.attach_flags = effective || target.place === "device" ? 0 : chain.flags;
	attr.revision = BigInt(chain.revision);
	attr.prog_cnt = entries.length;
	if (entries.length === 0) return 0;
	const room = (attr.prog_ids?.length ?? 0) / 4;
	if (room === 0) return 0;
	const words = (to: Uint8Array | undefined, from: (i: number) => number): void => {
		if (!to) return;
		const view = new DataView(to.buffer, to.byteOffset, to.byteLength);
		for (let i = 0; i < Math.min(entries.length, Math.floor(to.length / 4)); i++) view.setUint32(i * 4, from(i), true);
	};
	words(attr.prog_ids, (i) => entries[i]!.program);
	words(attr.link_ids, (i) => entries[i]!.link);
	words(attr.prog_attach_flags, () => chain.flags);
	words(attr.link_attach_flags, () => 0);
	return room < entries.length ? -ERRNO.ENOSPC : 0;
}

/** What runs in a cgroup: its own programs, then those above it that share or that nothing below took the place of. */
function effectiveEntries(system: System, id: number, hook: number): ChainState["entries"] {
	const found: ChainState["entries"] = [];
	for (let at: number | undefined = id; at !== undefined; at = parentOf(system.tables, at)) {
		const chain = chainOf(system.tables, chainKey("cgroup", at, hook));
		if (found.length === 0 || (chain.flags & MULTI) !== 0) found.push(...chain.entries);
	}
	return found;
}
