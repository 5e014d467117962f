import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

const LINK = "{id N|pinned PATH}";

/** The verbs of `skep link`, in bpftool's order. */
export const LINK_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: `[${LINK}]`,
		summary: "links in the kernel: all as a table, or one in full; -f tells where they are pinned",
		examples: ["skep link show", "skep -jf link show id 7"],
		reads: true,
		load: async () => (await import("./show.ts")).showLinks,
	},
	{
		name: "list",
		usage: `[${LINK}]`,
		summary: "the same as show",
		examples: ["skep link list"],
		reads: true,
		load: async () => (await import("./show.ts")).showLinks,
	},
	{
		name: "pin",
		usage: `${LINK} PATH`,
		summary: "give a link a name in a bpffs: it stays attached",
		examples: ["skep link pin id 7 /sys/fs/bpf/exec"],
		load: async () => (await import("./pin.ts")).pinLink,
	},
	{
		name: "detach",
		usage: LINK,
		summary: "take the program off, for everybody who holds the link",
		examples: ["skep link detach pinned /sys/fs/bpf/xdp"],
		load: async () => (await import("./pin.ts")).detachLink,
	},
];
