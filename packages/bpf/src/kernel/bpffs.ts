/** What stands in a folder of a bpffs, as lstat(2) tells it. */
export interface FolderEntry {
	readonly name: string;
	/** `file`: a pin, whatever it is of. */
	readonly kind: "file" | "directory" | "symlink";
	/** Permissions: the low 12 bits of `st_mode`. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Of a symlink: where it leads. */
	readonly target?: string;
}

/** The folders of bpffs. Results below zero are -errno; nothing here throws. */
export interface Folders {
	/** Its entries, sorted by name. */
	list(path: string): readonly FolderEntry[] | number;
	/** rmdir(2): of an empty one. */
	remove(path: string): number;
	/** mount(2) of a new bpffs, with options as bpffs takes them (`mode: "0700"`, `delegate_cmds: "any"`). Absent: this kernel has one, and no more. */
	mount?(path: string, options: Readonly<Record<string, string>>): number;
}
