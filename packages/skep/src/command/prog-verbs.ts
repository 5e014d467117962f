import type { Verb } from "#cli";
import type { Task } from "./desk.ts";

const PROG = "{id N|pinned PATH|tag TAG|name NAME}";
const LOAD =
	"OBJ PATH [type TYPE] [map name|idx NAME MAP …] [pinmaps DIR] [autoattach] [kernel_btf FILE] [offload_dev DEV|xdpmeta_dev DEV]";

/** The verbs of `skep prog`, in bpftool's order: of several that a beginning fits, the first that only reads is meant. */
export const PROG_VERBS: readonly Verb<Task>[] = [
	{
		name: "show",
		usage: `[${PROG}]`,
		summary: "programs in the kernel: all as a table, or some in full; -f tells where they are pinned",
		examples: ["skep prog show", "skep -jf prog show id 7"],
		reads: true,
		load: async () => (await import("./show.ts")).showPrograms,
	},
	{
		name: "list",
		usage: `[${PROG}]`,
		summary: "the same as show",
		examples: ["skep prog list"],
		reads: true,
		load: async () => (await import("./show.ts")).showPrograms,
	},
	{
		name: "dump",
		usage: `xlated|jited ${PROG} [opcodes] [linum] [blocks] [visual|svg] [file FILE]`,
		summary:
			"instructions as the kernel has rewritten them: text, blocks with arrows, a graph; or the machine code's bytes",
		examples: [
			"skep prog dump xlated name on_exec linum",
			"skep prog dump xlated name on_exec blocks",
			"skep prog dump xlated id 7 svg file program.svg",
			"skep prog dump jited id 7 file program.bin",
		],
		reads: true,
		load: async () => (await import("./prog-dump.ts")).dump,
	},
	{
		name: "pin",
		usage: `${PROG} PATH`,
		summary: "give a program a name in a bpffs",
		examples: ["skep prog pin id 7 /sys/fs/bpf/filter"],
		load: async () => (await import("./pin.ts")).pinProgram,
	},
	{
		name: "load",
		usage: LOAD,
		summary: "load an object, pin its first program at PATH",
		examples: ["skep prog load xdp.o /sys/fs/bpf/xdp"],
		load: async () => (await import("./prog-load.ts")).load,
	},
	{
		name: "loadall",
		usage: LOAD,
		summary: "load an object, pin each of its programs in the folder PATH",
		examples: ["skep prog loadall exec.o /sys/fs/bpf/exec pinmaps /sys/fs/bpf/exec-maps autoattach"],
		load: async () => (await import("./prog-load.ts")).loadAll,
	},
	{
		name: "attach",
		usage: `${PROG} ATTACH_TYPE [MAP]`,
		summary: "attach to a sockmap, or to the network namespace (flow_dissector)",
		examples: ["skep prog attach name verdict sk_skb_stream_verdict pinned /sys/fs/bpf/sockets"],
		load: async () => (await import("./prog-attach.ts")).attach,
	},
	{
		name: "detach",
		usage: `${PROG} ATTACH_TYPE [MAP]`,
		summary: "take off what attach attached",
		examples: ["skep prog detach name verdict sk_skb_stream_verdict pinned /sys/fs/bpf/sockets"],
		load: async () => (await import("./prog-attach.ts")).detach,
	},
	{
		name: "profile",
		usage: `${PROG} [duration SECONDS] [run_time_ns] [recursion_misses]`,
		summary: "count a program's runs and their time, until Ctrl-C",
		examples: ["skep prog profile name filter duration 10"],
		reads: true,
		load: async () => (await import("./prog-profile.ts")).profile,
	},
	{
		name: "tracelog",
		usage: `[stdout|stderr ${PROG}]`,
		summary: "what programs print by bpf_trace_printk, as it comes; or what one wrote to its streams",
		examples: ["skep prog tracelog", "skep prog tracelog stderr name filter"],
		reads: true,
		load: async () => (await import("./prog-tracelog.ts")).tracelog,
	},
	{
		name: "top",
		usage: `[${PROG}] [--interval SECONDS] [--count N]`,
		summary: "what programs use: runs, time, share of a CPU; those that take most first, again and again",
		examples: ["skep prog top", "skep -j prog top --interval 5 --count 12"],
		reads: true,
		load: async () => (await import("./prog-top.ts")).top,
	},
	{
		name: "run",
		usage: `${PROG} [data_in FILE [data_out FILE [data_size_out L]]] [ctx_in FILE [ctx_out FILE [ctx_size_out M]]] [repeat N]`,
		summary: "run a program on given data (- is stdin or stdout)",
		examples: ["skep prog run name filter data_in packet.bin repeat 1000"],
		load: async () => (await import("./prog-run.ts")).runProgram,
	},
];
