import { BpfError } from "@skep/bpf/base";
import type { BtfInfo, Kernel } from "@skep/bpf/kernel";
import { BpfMap, Fd, ids, openById } from "@skep/bpf/live";
import type { Holders, View } from "./context.ts";
import { type LinkRow, linkRow } from "./links.ts";
import type { ObjectKey } from "./machine.ts";
import { mapRow } from "./maps.ts";
import { everyObject, infoOf } from "./objects.ts";
import { netOverview } from "./overview.ts";
import { programRow } from "./programs.ts";

/** An object and what it holds. */
export interface HeldObject extends Holders {
	readonly kind: "prog" | "map" | "link" | "btf";
	readonly id: number;
	readonly type?: string | number;
	readonly name?: string;
	/** Links: what they hang on. */
	readonly detail?: Readonly<Record<string, unknown>>;
	/** Keys of what it holds: `map 7`. */
	readonly holds: readonly ObjectKey[];
	/** Where a program hangs without a link: `lo xdp/generic`, `/sys/fs/cgroup/box cgroup_inet_egress`. */
	readonly attached?: readonly string[];
}

/** Everything that a kernel holds, by key, in the order links, programs, maps, BTF. */
export type Holdings = ReadonlyMap<ObjectKey, HeldObject>;

/** More entries of a map of maps, or of programs, are not looked at. */
const MOST_ENTRIES = 1024;
const OF_OBJECTS: Readonly<Record<string, "map" | "prog">> = {
	array_of_maps: "map",
	hash_of_maps: "map",
	prog_array: "prog",
};

/** Gathers all objects, what they hold and who holds them. @throws BpfError */
export function holdings(view: View): Holdings {
	const { kernel } = view;
	const found = new Map<ObjectKey, HeldObject>();
	const add = (object: HeldObject) => found.set(`${object.kind} ${object.id}`, object);
	for (const fd of linkFds(kernel)) {
		const row = linkRow(view, fd);
		add({
			kind: "link",
			id: row.id,
			type: row.type,
			detail: row.detail,
			holds: heldByLink(row),
			...held(row),
		});
	}
	const attached = attachedWithoutLink(view);
	for (const fd of everyObject(kernel, "prog")) {
		const row = programRow(view, fd);
		const maps = (row.map_ids ?? []).map((id): ObjectKey => `map ${id}`);
		const places = attached.get(row.id);
		add({
			kind: "prog",
			id: row.id,
			type: row.type,
			...(row.name === undefined ? {} : { name: row.name }),
			holds: [...maps, ...btfKey(row.btf_id)],
			...(places ? { attached: places } : {}),
			...held(row),
		});
	}
	for (const fd of everyObject(kernel, "map")) {
		const row = mapRow(view, fd);
		add({
			kind: "map",
			id: row.id,
			type: row.type,
			...(row.name === undefined ? {} : { name: row.name }),
			holds: [...entriesOf(kernel, row.id, OF_OBJECTS[row.type]), ...btfKey(row.btf_id)],
			...held(row),
		});
	}
	for (const id of ids(kernel, "btf")) {
		const info = btfInfo(kernel, id);
		// The kernel's own, and modules', are held by it.
		if (info?.kernel_btf !== 0) continue;
		const pids = view.owners?.get(`btf ${id}`);
		add({ kind: "btf", id, holds: [], ...(info.name === "" ? {} : { name: info.name }), ...(pids ? { pids } : {}) });
	}
	return found;
}

const held = ({ pinned, pids }: Holders): Holders => ({
	...(pinned?.length ? { pinned } : {}),
	...(pids?.length ? { pids } : {}),
});
const btfKey = (id: number | undefined): ObjectKey[] => (id === undefined || id === 0 ? [] : [`btf ${id}`]);

/** Nothing on kernels that have no links yet. */
function* linkFds(kernel: Kernel): Generator<number> {
	try {
		yield* everyObject(kernel, "link");
	} catch (error) {
		if (!(error instanceof BpfError && error.code === "ERR_NOT_SUPPORTED")) throw error;
	}
}

function heldByLink({ prog_id, detail }: LinkRow): ObjectKey[] {
	const map = detail["map_id"];
	return [
		...(prog_id ? [`prog ${prog_id}` as const] : []),
		...(typeof map === "number" ? [`map ${map}` as const] : []),
	];
}

/** Ids in a map whose values are ids of objects. */
function entriesOf(kernel: Kernel, id: number, kind: "map" | "prog" | undefined): ObjectKey[] {
	const number = kind && openById(kernel, "map", id);
	if (number === undefined) return [];
	using map = BpfMap.fromFd(kernel, number);
	const found = new Set<ObjectKey>();
	let seen = 0;
	for (const key of map.keys()) {
		if (++seen > MOST_ENTRIES) break;
		const held = map.idAt(key);
		if (held) found.add(`${kind!} ${held}`);
	}
	return [...found];
}

function btfInfo(kernel: Kernel, id: number): BtfInfo | undefined {
	const number = openById(kernel, "btf", id);
	if (number === undefined) return undefined;
	using fd = new Fd(kernel, number, `BTF ${id}`);
	return infoOf(kernel, "btf", fd.number);
}

/** Programs that hang on devices, sockmaps and cgroups by themselves: those hold them. */
function attachedWithoutLink(view: View): Map<number, string[]> {
	const found = new Map<number, string[]>();
	if (!view.kernel.places) return found;
	const note = (on: string, hooks: ReturnType<typeof netOverview>["netfilter"]) => {
		for (const { hook, programs } of hooks)
			for (const { id, link_id, inherited } of programs)
				if (!link_id && !inherited) found.set(id, [...(found.get(id) ?? []), `${on} ${hook}`.trimStart()]);
	};
	const { namespaces, sockmaps, cgroups } = netOverview({ ...view, owners: undefined });
	for (const { own, names, inode, devices, hooks } of namespaces) {
		const where = own ? "" : ` in ${names[0] ?? `namespace ${inode}`}`;
		for (const { devname, hooks } of devices) note(`${devname}${where}`, hooks);
		note(own ? "network namespace" : `network${where}`, hooks);
	}
	for (const { id, name, hooks } of sockmaps) note(`map ${id} ${name}`, hooks);
	for (const { cgroup, hooks } of cgroups) note(cgroup, hooks);
	return found;
}
