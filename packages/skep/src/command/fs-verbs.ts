import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

/** The verbs of `skep fs`. */
export const FS_VERBS: readonly Verb<Task>[] = [
	{
		name: "ls",
		usage: "[PATH …]",
		summary: "what stands in a folder of a bpffs: kind, id, type and name of each pin, mode and owner",
		examples: ["skep fs ls", "skep -j fs ls /sys/fs/bpf/exec"],
		reads: true,
		load: async () => (await import("./fs-list.ts")).list,
	},
	{
		name: "tree",
		usage: "[PATH]",
		summary: "the same with all that is below, drawn",
		examples: ["skep fs tree /sys/fs/bpf"],
		reads: true,
		load: async () => (await import("./fs-list.ts")).tree,
	},
	{
		name: "cat",
		usage: "PATH",
		summary: "what a pin holds: entries of a map, output of an iterator, what there is to say of a program or link",
		examples: ["skep fs cat /sys/fs/bpf/counts", "skep -j fs cat /sys/fs/bpf/counts"],
		reads: true,
		load: async () => (await import("./fs-cat.ts")).cat,
	},
	{
		name: "pin",
		usage: "prog|map|link {ID|pinned PATH|name NAME} PATH",
		summary: "give an object a name: it lives as long as that is there",
		examples: ["skep fs pin map 12 /sys/fs/bpf/counts", "skep fs pin link 7 /sys/fs/bpf/🍯"],
		load: async () => (await import("./pin.ts")).pinObject,
	},
	{
		name: "rm",
		usage: "[-r] PATH …",
		summary: "take names away, and say which; -r: folders with all that is in them",
		examples: ["skep fs rm /sys/fs/bpf/counts", "skep fs rm -r /sys/fs/bpf/exec"],
		load: async () => (await import("./fs-rm.ts")).remove,
	},
	{
		name: "mount",
		usage:
			"[PATH] [mode OCTAL] [uid N] [gid N] [delegate_cmds W] [delegate_maps W] [delegate_progs W] [delegate_attachs W]",
		summary: "mount a new bpffs (on /sys/fs/bpf); W: what tokens allow, any or names joined by colons",
		examples: ["skep fs mount", "skep fs mount /run/bpf mode 0700 delegate_cmds any delegate_progs xdp:sched_cls"],
		load: async () => (await import("./fs-mount.ts")).mount,
	},
];
