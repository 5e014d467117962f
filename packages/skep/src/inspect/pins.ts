import { readFileSync } from "node:fs";
import { errnoName, type FolderEntry, type Kernel, type ObjectKind } from "@skep/bpf/kernel";
import { entryAt, listFolder, openById } from "@skep/bpf/live";
import { linkType, mapType, programType } from "./names.ts";
import { infoOf } from "./objects.ts";
import { attempt } from "./proc.ts";

/** What a name in a bpffs stands for. */
export interface PinRow {
	readonly name: string;
	/** `unknown`: a file that cannot be opened; `why` says so. */
	readonly kind: "directory" | "symlink" | "program" | "map" | "link" | "unknown";
	readonly id?: number;
	/** Of the object: program, map or link type. */
	readonly type?: string | number;
	/** Name of the object; of a link, of its program. */
	readonly object?: string;
	/** Of a symlink. */
	readonly target?: string;
	readonly why?: string;
	/** As `ls -l` writes it. */
	readonly mode: string;
	readonly owner: string;
}

/** A row and, of a folder, what stands in it. */
export interface PinTree extends PinRow {
	readonly entries?: readonly PinTree[];
}

/** What stands in a folder, sorted by name. @throws BpfError ERR_NO_BPFFS; SyscallError */
export function pinRows(kernel: Kernel, folder: string): PinRow[] {
	const owners = ownersOf(kernel);
	return listFolder(kernel, folder).map((entry) => rowOf(kernel, below(folder, entry.name), entry, owners));
}

/** The same for one name that is no folder; undefined: it is a folder. @throws BpfError ERR_NO_BPFFS; SyscallError ENOENT */
export function pinRow(kernel: Kernel, path: string): PinRow | undefined {
	const entry = entryAt(kernel, path);
	if (entry === "root" || entry.kind === "directory") return undefined;
	return rowOf(kernel, path, entry, ownersOf(kernel));
}

/** All that stands below a folder. */
export function pinTree(kernel: Kernel, folder: string): readonly PinTree[] {
	return pinRows(kernel, folder).map((row) =>
		row.kind === "directory" ? { ...row, entries: pinTree(kernel, below(folder, row.name)) } : row,
	);
}

const below = (folder: string, name: string): string => `${folder.replace(/\/+$/, "")}/${name}`;

/** Cells of a table. */
export function pinCells({ name, kind, id, type, object, target, why, mode, owner }: PinRow): object {
	const shown = kind === "directory" ? `${name}/` : target === undefined ? name : `${name} -> ${target}`;
	return { name: shown, kind, id, type, object: why ?? object, mode, owner };
}

/** A line of a drawing: what the name stands for. */
export function pinLabel({ name, kind, id, type, object, target, why }: PinRow): string {
	if (kind === "directory") return `${name}/`;
	if (target !== undefined) return `${name} -> ${target}`;
	const what = [kind, id, type, object === "" ? undefined : object, why].filter((word) => word !== undefined);
	return `${name}  ${what.join(" ")}`;
}

interface Owners {
	readonly users: ReadonlyMap<string, string>;
	readonly groups: ReadonlyMap<string, string>;
}

/** Names of users and groups, where there are files that tell them. */
function ownersOf(kernel: Kernel): Owners {
	const named = (file: string): ReadonlyMap<string, string> => {
		const text = kernel.name === "linux" ? attempt(() => readFileSync(file, "utf8")) : undefined;
		const lines = (text ?? "").split("\n").map((line) => line.split(":"));
		return new Map(lines.map(([name = "", , id = ""]) => [id, name]));
	};
	return { users: named("/etc/passwd"), groups: named("/etc/group") };
}

const LETTERS = { file: "-", directory: "d", symlink: "l" } as const;

/** `-rw-------` */
function modeText(kind: FolderEntry["kind"], mode: number): string {
	const bits = [...Array(9).keys()].map((i) => ((mode >> (8 - i)) & 1 ? "rwx"[i % 3]! : "-"));
	const special = (at: number, bit: number, set: string) => {
		if (mode & bit) bits[at] = bits[at] === "x" ? set : set.toUpperCase();
	};
	special(2, 0o4000, "s");
	special(5, 0o2000, "s");
	special(8, 0o1000, "t");
	return LETTERS[kind] + bits.join("");
}

function rowOf(kernel: Kernel, path: string, entry: FolderEntry, { users, groups }: Owners): PinRow {
	const { name, kind, mode, uid, gid, target } = entry;
	const common = {
		name,
		mode: modeText(kind, mode),
		owner: `${users.get(String(uid)) ?? uid}:${groups.get(String(gid)) ?? gid}`,
	};
	if (kind !== "file") return { ...common, kind, ...(target === undefined ? {} : { target }) };
	return { ...common, ...objectAt(kernel, path) };
}

type ObjectPart = Pick<PinRow, "kind" | "id" | "type" | "object" | "why">;

/** What is pinned at a path. The kernel's own files, `maps.debug`, are no pins that can be opened. */
function objectAt(kernel: Kernel, path: string): ObjectPart {
	// Reading is enough, and may be all that is allowed; only maps know the difference.
	let fd = kernel.bpf("OBJ_GET", { pathname: path });
	if (fd < 0) fd = kernel.bpf("OBJ_GET", { pathname: path, file_flags: READ_ONLY });
	if (fd < 0) return { kind: "unknown", why: `not to be opened (${errnoName(-fd)})` };
	try {
		const kind = kernel.objectKind(fd);
		return typeof kind === "string" ? describe(kernel, kind, fd) : { kind: "unknown", why: "no object of BPF" };
	} finally {
		kernel.close(fd);
	}
}

/** BPF_F_RDONLY. */
const READ_ONLY = 8;

function describe(kernel: Kernel, kind: ObjectKind, fd: number): ObjectPart {
	switch (kind) {
		case "map": {
			const { id, type, name } = infoOf(kernel, "map", fd);
			return { kind: "map", id, type: mapType(type), object: name };
		}
		case "prog": {
			const { id, type, name } = infoOf(kernel, "prog", fd);
			return { kind: "program", id, type: programType(type), object: name };
		}
		case "link": {
			const { id, type, prog_id } = infoOf(kernel, "link", fd);
			return { kind: "link", id, type: linkType(type), object: programName(kernel, prog_id) };
		}
		case "btf":
			return { kind: "unknown", why: "BTF" };
	}
}

function programName(kernel: Kernel, id: number): string {
	const fd = id === 0 ? undefined : openById(kernel, "prog", id);
	if (fd === undefined) return "";
	try {
		return infoOf(kernel, "prog", fd).name;
	} finally {
		kernel.close(fd);
	}
}
