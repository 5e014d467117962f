import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BpfError } from "@skep/bpf/base";
import { Collection } from "@skep/bpf/collection";
import { ERRNO, type Kernel } from "@skep/bpf/kernel";
import { refuse } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { MAP_FLAGS, MAP_TYPES } from "@skep/bpf/uapi";
import { STATUS } from "#cli";
import { everyObject, infoOf, openOne, takeStructOps } from "#inspect";
import { readBytes } from "#run";
import { done, type Task, writeJson } from "./desk.ts";
import { fileError } from "./files.ts";

/** `register OBJ [LINK_DIR]`. */
export const register: Task = (words, desk) => {
	const object = words.next("the object");
	const folder = words.empty ? undefined : words.next("the folder");
	words.end();
	const { kernel } = desk;
	using collection = Collection.load(kernel, readObject(readBytes(object), { name: object }));
	const tables = [...collection.structOps];
	if (tables.length === 0) throw new BpfError("ERR_NO_TARGET", `${object} has no struct_ops map`);
	const linked = tables.filter(([, { map }]) => (map.flags & MAP_FLAGS.BPF_F_LINK) !== 0).map(([name]) => name);
	if (linked.length > 0 && folder === undefined)
		throw new BpfError(
			"ERR_NO_TARGET",
			`${linked.join(", ")} of ${object} is registered by a link, which somebody must hold: name a folder in a bpffs where it is pinned`,
		);
	if (folder !== undefined && kernel.name === "linux") makeFolder(folder);
	const told = tables.map(([name, { map, value }]) => {
		const { id } = map.info();
		if (!linked.includes(name)) {
			// Writing the entry registers it; it stays until somebody deletes the entry.
			map.update(new Uint8Array(4), value);
			return { id, name };
		}
		const path = join(folder!, name);
		const link = collection.attach(name);
		link.pin(path);
		return { id, name, link_id: link.info()?.id, path };
	});
	if (desk.json) writeJson(desk, told);
	else
		for (const { id, name, path } of told)
			desk.write(`registered ${name} (map ${id})${path === undefined ? "" : `, its link is pinned at ${path}`}\n`);
	return STATUS.ok;
};

function makeFolder(path: string): void {
	try {
		mkdirSync(path, { mode: 0o700 });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw fileError(error, path);
	}
}

/** `unregister MAP`. */
export const unregister: Task = (words, desk) => {
	const selector = takeStructOps(words);
	if (!selector) throw words.wrong("a struct_ops map is missing: id N or name NAME");
	words.end();
	const { kernel } = desk;
	using map = openOne(kernel, "map", selector);
	const info = infoOf(kernel, "map", map.number);
	const what = `unregister ${map.what}`;
	if (info.type !== MAP_TYPES.struct_ops.value)
		throw new BpfError("ERR_KIND", `cannot ${what}: it is no struct_ops map`);
	const result = kernel.bpf("MAP_DELETE_ELEM", { map_fd: map.number, key: new Uint8Array(4) });
	if (result === -ERRNO.ENOENT || result === -ERRNO.EINPROGRESS)
		throw new BpfError("ENOENT", `${map.what} is not registered`);
	if (result === -ERRNO.EOPNOTSUPP) {
		const links = linksOf(kernel, info.id);
		const next = links.length === 0 ? "no link holds it now" : `skep link detach id ${links.join(", ")}`;
		throw new BpfError("EOPNOTSUPP", `cannot ${what}: it is registered by links: ${next}`);
	}
	if (result < 0) throw refuse(kernel, { syscall: "bpf", command: "MAP_DELETE_ELEM", errno: -result, what });
	return done(desk);
};

/** Links that register a map. */
function linksOf(kernel: Kernel, map: number): number[] {
	const found: number[] = [];
	for (const fd of everyObject(kernel, "link")) {
		const info = infoOf(kernel, "link", fd);
		if (info.struct_ops?.map_id === map) found.push(info.id);
	}
	return found;
}
