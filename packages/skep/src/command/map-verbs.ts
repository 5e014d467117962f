import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

const MAP = "{id N|pinned PATH|name NAME}";
const KEY = "[key DATA]";

/** The verbs of `skep map`, in bpftool's order: of several that a beginning fits, the first that only reads is meant. */
export const MAP_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: `[${MAP}]`,
		summary: "maps in the kernel: all as a table, or some in full; -f tells where they are pinned",
		examples: ["skep map show", "skep -jf map show name counts"],
		reads: true,
		load: async () => (await import("./show.ts")).showMaps,
	},
	{
		name: "list",
		usage: `[${MAP}]`,
		summary: "the same as show",
		examples: ["skep map list"],
		reads: true,
		load: async () => (await import("./show.ts")).showMaps,
	},
	{
		name: "dump",
		usage: MAP,
		summary: "all entries; typed where the map has BTF",
		examples: ["skep map dump name counts", "skep -j map dump id 7"],
		reads: true,
		load: async () => (await import("./map-dump.ts")).dump,
	},
	{
		name: "update",
		usage: `${MAP} ${KEY} [value DATA|MAP|PROG] [any|exist|noexist]`,
		summary: "write a value; DATA: [hex] BYTES, or json VALUE where the map has BTF",
		examples: [
			"skep map update name counts key 1 0 0 0 value hex 2a 00 00 00 00 00 00 00",
			`skep map update name peers key json 1 value json '{"port": 53, "seen": 0}'`,
			"skep map update pinned /sys/fs/bpf/jumps key 0 0 0 0 value pinned /sys/fs/bpf/parser",
		],
		load: async () => (await import("./map-entry.ts")).update,
	},
	{
		name: "lookup",
		usage: `${MAP} ${KEY}`,
		summary: "the value of a key",
		examples: ["skep map lookup name counts key 1 0 0 0", "skep map lookup name counts key json 1"],
		reads: true,
		load: async () => (await import("./map-entry.ts")).lookup,
	},
	{
		name: "getnext",
		usage: `${MAP} ${KEY}`,
		summary: "the key after a key; without one the first",
		examples: ["skep map getnext name counts"],
		reads: true,
		load: async () => (await import("./map-entry.ts")).getNext,
	},
	{
		name: "delete",
		usage: `${MAP} key DATA`,
		summary: "delete a key",
		examples: ["skep map delete name counts key 1 0 0 0"],
		load: async () => (await import("./map-entry.ts")).remove,
	},
	{
		name: "pin",
		usage: `${MAP} PATH`,
		summary: "give a map a name in a bpffs",
		examples: ["skep map pin id 7 /sys/fs/bpf/counts"],
		load: async () => (await import("./pin.ts")).pinMap,
	},
	{
		name: "event_pipe",
		usage: `${MAP} [cpu N index M]`,
		summary: "what programs write to a perf event array, as it comes",
		examples: ["skep map event_pipe name events"],
		load: async () => (await import("./map-events.ts")).eventPipe,
	},
	{
		name: "peek",
		usage: MAP,
		summary: "the next value of a queue or stack, which stays",
		examples: ["skep map peek name jobs"],
		reads: true,
		load: async () => (await import("./map-entry.ts")).peek,
	},
	{
		name: "push",
		usage: `${MAP} value DATA`,
		summary: "add a value to a stack (or queue)",
		examples: ["skep map push name jobs value 1 0 0 0"],
		load: async () => (await import("./map-entry.ts")).push,
	},
	{
		name: "enqueue",
		usage: `${MAP} value DATA`,
		summary: "add a value to a queue (or stack)",
		examples: ["skep map enqueue name jobs value 1 0 0 0"],
		load: async () => (await import("./map-entry.ts")).push,
	},
	{
		name: "pop",
		usage: MAP,
		summary: "take the next value out of a stack (or queue)",
		examples: ["skep map pop name jobs"],
		load: async () => (await import("./map-entry.ts")).pop,
	},
	{
		name: "dequeue",
		usage: MAP,
		summary: "take the next value out of a queue (or stack)",
		examples: ["skep map dequeue name jobs"],
		load: async () => (await import("./map-entry.ts")).pop,
	},
	{
		name: "freeze",
		usage: MAP,
		summary: "from now on user space cannot write to the map",
		examples: ["skep map freeze name settings"],
		load: async () => (await import("./map-entry.ts")).freeze,
	},
	{
		name: "create",
		usage: "PATH type TYPE key SIZE value SIZE entries N name NAME [flags FLAGS] [inner_map MAP] [dev NAME]",
		summary: "make a map and pin it",
		examples: ["skep map create /sys/fs/bpf/counts type hash key 4 value 8 entries 1024 name counts"],
		load: async () => (await import("./map-create.ts")).create,
	},
];
