import { NotSupportedError } from "#base";
import { ATTACH_FLAGS, ATTACH_TYPES, MAP_FLAGS } from "#uapi";
import { Fd } from "../fd.ts";
import type { BpfMap } from "../map.ts";
import { check } from "../refusal.ts";
import type { Attachment } from "./attachment.ts";
import { Link } from "./link.ts";

const KEY = new Uint8Array(4);

/**
 * Registers the operations of a struct_ops map with the kernel: by a link where the map was made for one (BPF_F_LINK, Linux
 * ≥ 6.4), else by the map's entry alone, which stays when the process ends. `value` is the kernel's struct with the programs'
 * descriptors in place; absent where the entry was written before.
 * @throws PermissionError; SyscallError EEXIST where operations of that name are registered, EINVAL, EBUSY
 */
export function attachStructOps(map: BpfMap, value?: Uint8Array): Link {
	const target = `struct_ops ${map.name}`;
	let fresh = value;
	const register = (): Attachment => {
		if (fresh) map.update(KEY, fresh);
		if ((map.flags & MAP_FLAGS.BPF_F_LINK) === 0) return registeredByEntry(map);
		// A map for links takes its entry once, however often it is registered.
		fresh = undefined;
		const result = map.kernel.bpf("LINK_CREATE", { map_fd: map.fd.number, attach_type: ATTACH_TYPES.struct_ops });
		check(map.kernel, result, `register ${target}`, "LINK_CREATE");
		return { way: "bpf_link", fds: [new Fd(map.kernel, result, `link to ${target}`)] };
	};
	return new Link(map.kernel, target, register(), undefined, register);
}

function registeredByEntry(map: BpfMap): Attachment {
	return {
		way: "struct_ops_map",
		fds: [],
		note: "registered by the map's entry: it stays when the process ends",
		undo: () => {
			if (!map.fd.closed) map.kernel.bpf("MAP_DELETE_ELEM", { map_fd: map.fd.number, key: KEY });
		},
	};
}

/**
 * Puts the operations of another map in place of those of a link, with no moment in between; with `expected` only where that
 * map's are the ones in place. @throws NotSupportedError where there is no link; SyscallError EOPNOTSUPP where the subsystem cannot
 */
export function updateStructOps(
	link: Link,
	map: BpfMap,
	options: { value?: Uint8Array; expected?: BpfMap } = {},
): void {
	if (link.way !== "bpf_link") {
		throw new NotSupportedError(`replacing ${link.target}`, "it was registered without a link", "6.4");
	}
	if (options.value) map.update(KEY, options.value);
	const result = link.kernel.bpf("LINK_UPDATE", {
		link_fd: link.fd.number,
		new_map_fd: map.fd.number,
		...(options.expected ? { flags: ATTACH_FLAGS.BPF_F_REPLACE, old_map_fd: options.expected.fd.number } : {}),
	});
	check(link.kernel, result, `put ${map.name} at ${link.target}`, "LINK_UPDATE");
}
