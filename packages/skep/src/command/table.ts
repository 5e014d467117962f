import type { Command, Flag, Verb } from "#cli";
import { BTF_VERBS } from "./btf-verbs.ts";
import { CGROUP_VERBS } from "./cgroup-verbs.ts";
import type { Task } from "./desk.ts";
import { FEATURE_VERBS } from "./feature-verbs.ts";
import { FS_VERBS } from "./fs-verbs.ts";
import { GEN_VERBS } from "./gen-verbs.ts";
import { ITER_VERBS } from "./iter-verbs.ts";
import { LINK_VERBS } from "./link-verbs.ts";
import { MAP_VERBS } from "./map-verbs.ts";
import { NET_VERBS } from "./net-verbs.ts";
import { PERF_VERBS } from "./perf-verbs.ts";
import { PROG_VERBS } from "./prog-verbs.ts";
import { STRUCT_OPS_VERBS } from "./struct-ops-verbs.ts";
import { TOKEN_VERBS } from "./token-verbs.ts";

/** The commands, one row each, in the order of `skep help`. */

const JSON_FLAG: Flag = { name: "json", short: "j", help: "JSON Lines on stdout" };
/** bpftool's options, which may also stand before the noun. */
const SHOWN: readonly Flag[] = [
	{ name: "json", short: "j", help: "JSON, with bpftool's keys" },
	{ name: "pretty", short: "p", help: "JSON over several lines", implies: "json" },
	{ name: "bpffs", short: "f", help: "tell where objects are pinned" },
	{ name: "mapcompat", short: "m", help: "taken as bpftool takes it; maps are always loaded as their objects say" },
	{ name: "debug", short: "d", help: "tell more: the verifier's whole log of what is loaded" },
	{ name: "legacy", short: "l", help: "taken as bpftool takes it" },
	{ name: "nomount", short: "n", help: "taken as bpftool takes it; nothing is ever mounted" },
];
const DURATION: Flag = { name: "duration", value: "SECONDS", help: "stop after that long (10, 1.5s, 2m)" };
const KERNEL: Flag = { name: "kernel", value: "K", help: "where to run: linux, virtual, auto (default)" };
const BTF: Flag = {
	name: "btf",
	value: "FILE",
	help: "compile against these kernel types instead of the shipped ones",
};

/** A noun: what its verbs answer is what the command does. */
const noun = (name: string, verbs: readonly Verb<Task>[]): Pick<Command, "name" | "verbs" | "load"> => ({
	name,
	verbs,
	load: async () => {
		const { runVerb } = await import("./desk.ts");
		return { run: (call) => runVerb(name, verbs, call) };
	},
});

const CORE_BTF: Flag = {
	name: "core-btf",
	value: "PATH",
	help: "types that CO-RE goes by where the kernel shows none: a file, or a folder with RELEASE.btf",
};

const TRUSTED: Flag = {
	name: "trusted",
	value: "PATH",
	help: "certificates that are trusted: a file or a folder (default: /etc/skep/trusted)",
};

/** Of what loads objects. */
const SIGNED: readonly Flag[] = [
	{ name: "require-signed", help: "refuse what carries no good signature" },
	{
		name: "keyring",
		value: "NAME",
		help: "let the kernel check each program's signature too (Linux 6.18): session, user, builtin, a number …",
	},
	TRUSTED,
];

export const COMMANDS: readonly Command[] = [
	{
		name: "run",
		usage: "[options] FILE.ts|FILE.o [options of the file]",
		summary: "compile, load, attach, then run the user half of a file",
		details: [
			"A file without user half shows a table per ring buffer and its maps at the end.",
			"--json takes the place of the user half. What follows the file's name belongs to the file;",
			"`skep run FILE.ts --help` lists its options. Ctrl-C stops, drains and sums up.",
			"With --replay the programs get what `skep record` wrote, on the virtual kernel, and every record is compared with",
			"the one that Linux gave: a difference is an error, unless the program was changed since.",
			"With --pcap nothing is attached: the XDP program gets each packet of a capture (pcap, pcapng; - is stdin),",
			"a row a packet says its verdict, and the maps follow.",
		],
		examples: [
			"skep run examples/exec/exec.ts",
			"skep run --json --duration 5 examples/open/open.ts --failed",
			"skep run --replay examples/exec/exec.rec examples/exec/exec.ts",
			"skep run --pcap examples/xdp-filter/packets.pcapng examples/xdp-filter/xdp-filter.ts",
		],
		flags: [
			JSON_FLAG,
			DURATION,
			{ name: "limit", value: "N", help: "stop after N records, or packets" },
			{ name: "replay", value: "FILE", help: "give the events of a recording to the programs, without privileges" },
			{ name: "pcap", value: "FILE", help: "give the packets of a capture to the XDP program" },
			{ name: "program", value: "NAME", help: "the program that gets them, where there are several" },
			KERNEL,
			BTF,
			CORE_BTF,
			...SIGNED,
			{ name: "pin-path", value: "DIR", help: "where maps with { pin } are kept (default: /sys/fs/bpf/skep)" },
		],
		stopsAtFile: true,
		load: () => import("./run.ts"),
	},
	{
		name: "record",
		usage: "[-o FILE.rec] [options] FILE.ts [options of the file]",
		summary: "run a file on Linux and write down what its programs got and gave",
		details: [
			"Runs as `skep run` does, with programs that besides log each of their runs: context, task and parents, what they",
			"read of the kernel's and the process's memory, clocks, and their records; the maps follow at the end.",
			"`skep run --replay FILE.rec FILE.ts` gives it to the programs again, on any machine, without privileges.",
			"A recording has no addresses of the kernel, but names, paths and what else the programs read.",
		],
		examples: [
			"skep record -o exec.rec --duration 10 examples/exec/exec.ts",
			"skep record --json --limit 1000 examples/syscalls/syscalls.ts",
		],
		flags: [
			{
				name: "output",
				short: "o",
				value: "FILE",
				help: "where to write (default: FILE.rec of the source's name, here)",
			},
			JSON_FLAG,
			DURATION,
			{ name: "limit", value: "N", help: "stop after N runs of programs" },
			BTF,
			{ name: "pin-path", value: "DIR", help: "where maps with { pin } are kept (default: /sys/fs/bpf/skep)" },
		],
		stopsAtFile: true,
		load: () => import("./record.ts"),
	},
	{
		name: "demo",
		usage: "[options]",
		summary: "show live exec events for ten seconds, or a recording of some",
		details: [
			"Runs examples/exec/exec.ts and starts a few harmless commands itself, so that there is something to see.",
			"Without the privileges for it, a recording that was made on Linux is replayed on the virtual kernel.",
		],
		examples: ["skep demo --duration 3"],
		flags: [JSON_FLAG, DURATION, KERNEL],
		load: () => import("./demo.ts"),
	},
	{
		name: "build",
		usage: "FILE.ts [-o FILE.o] [--explain] [--ir]",
		summary: "compile a file to an eBPF object (ELF, BTF, CO-RE)",
		examples: ["skep build examples/exec/exec.ts -o exec.o", "skep build --explain examples/xdp-filter/xdp-filter.ts"],
		flags: [
			{
				name: "output",
				short: "o",
				value: "FILE",
				help: "where to write the object (default: FILE.o beside the source's name, here)",
			},
			{ name: "explain", help: "say what was made of what: needed kernel, sizes, inserted checks, kernel reads" },
			{ name: "ir", help: "show the functions as typed SSA, before the passes" },
			BTF,
		],
		load: () => import("./build.ts"),
	},
	{
		name: "test",
		usage: "[options] [FILE.test.ts|FOLDER …]",
		summary: "run tests of programs on a virtual kernel, without root",
		details: [
			"Test files import from skep/test; without names, all *.test.ts from here on. node:test runs each file in a",
			"process of its own. With --kernel linux machines take packets only, by the kernel's own test runs.",
		],
		examples: ["skep test examples", "skep test --coverage --lcov lcov.info examples/xdp-filter"],
		flags: [
			JSON_FLAG,
			{ name: "reporter", value: "NAME", help: "spec (default), tap, dot, junit" },
			{ name: "name", value: "PATTERN", help: "only tests whose names match" },
			{ name: "coverage", help: "say which lines of kernel code ran" },
			{ name: "lcov", value: "FILE", help: "write those lines as an lcov tracefile" },
			{ name: "kernel", value: "K", help: "where machines run: virtual (default), linux, auto" },
		],
		load: () => import("./test.ts"),
	},
	{
		name: "debug",
		usage: "--pcap FILE|--replay FILE [options] FILE.ts|FILE.o [options of the file]",
		summary: "step through programs, forwards and backwards, on the virtual kernel",
		details: [
			"Each packet of a capture, or each run of a recording, is an event; any instruction of any event can be gone to.",
			"Commands are like gdb's, one a line, also from a pipe: s n si c fin, back: rs rn rsi rc rfin; b FILE:LINE, b FUNCTION,",
			"b *SLOT; watch r3, watch map NAME, watch ADDRESS BYTES; p r1, p u32[r10-8], p iphdr @ r6, x/16 r10-16; r, bt, l, dis,",
			"maps, ctx, packet, goto EVENT, q. `h` lists them. On a terminal source and registers are shown side by side.",
			"The user half of a file does not run. Without root.",
		],
		examples: [
			"skep debug --pcap examples/xdp-filter/packets.pcapng examples/xdp-filter/xdp-filter.ts",
			"skep debug --replay examples/exec/exec.rec examples/exec/exec.ts",
			"printf 'b xdp-filter.ts:30\\nc\\nbt\\nr\\nrs\\n' | skep debug --pcap packets.pcap xdp-filter.ts",
		],
		flags: [
			{ name: "json", help: "one JSON object for each command" },
			{ name: "pcap", value: "FILE", help: "give the packets of a capture to the XDP program" },
			{ name: "replay", value: "FILE", help: "give the events of a recording to the programs" },
			{ name: "program", value: "NAME", help: "the program that gets them, where there are several" },
			{ name: "event", value: "N", help: "begin at that event (from 0)" },
			{ name: "limit", value: "N", help: "take so many packets" },
			BTF,
		],
		stopsAtFile: true,
		load: () => import("./debug.ts"),
	},
	{
		name: "types",
		usage: "[-o FILE] [--btf FILE] [STRUCT|FILE.ts …]",
		summary: "write kernel.d.ts, this machine's kernel types for the editor",
		details: [
			"Interfaces merge with the shipped ones. Structs are written with those two steps away; name more of them,",
			"or files whose imports from skep/kernel name them.",
		],
		examples: ["skep types -o kernel.d.ts", "skep types -o kernel.d.ts tcp_sock src/*.ts"],
		flags: [
			{ name: "output", short: "o", value: "FILE", help: "where to write (default: kernel.d.ts; - is stdout)" },
			{ name: "btf", value: "FILE", help: "types of another kernel: a copy of its /sys/kernel/btf/vmlinux" },
		],
		load: () => import("./types.ts"),
	},
	{
		name: "sign",
		usage: "--key KEY.pem [--cert CERT.pem] [-o OUT.o] FILE.o | --check [--trusted PATH] FILE.o",
		summary: "sign an object, or check the signature that it carries",
		details: [
			"The signature (CMS, RSA or ECDSA with SHA-256) stands behind the object as behind a kernel module: every ELF",
			"reader still reads it. `skep run --require-signed` loads nothing else. The certificate may stand in KEY.pem.",
			"Programs carry one each besides, over their instructions, that Linux 6.18 and later check: `skep run --keyring`.",
			"--trusted PATH: a certificate, or a folder of them (default: /etc/skep/trusted).",
		],
		examples: [
			"skep sign --key signing_key.pem exec.o",
			"skep sign --check --trusted cert.pem exec.o",
			"skep run --require-signed --trusted cert.pem exec.o",
		],
		flags: [
			JSON_FLAG,
			{ name: "key", value: "FILE", help: "private key, PEM" },
			{ name: "cert", value: "FILE", help: "its certificate, where it does not stand in the key's file" },
			{ name: "output", short: "o", value: "FILE", help: "where to write (default: FILE.o itself)" },
			{ name: "check", help: "check instead of sign" },
			{ name: "btf", value: "FILE", help: "kernel types to sign programs for, where they read some" },
			TRUSTED,
		],
		load: () => import("./sign.ts"),
	},
	{
		...noun("gen", GEN_VERBS),
		usage: "VERB …",
		summary: "make files from objects: one object of several, a TypeScript module, the types that objects need",
		details: [
			"Of two definitions of a name that `object` links one must be weak; licence, types and maps' attributes must agree.",
		],
		examples: [
			"skep gen object tool.o main.o filter.o",
			"skep gen skeleton tool.o > tool.skel.ts",
			"skep gen min_core_btf /sys/kernel/btf/vmlinux tool.btf tool.o",
		],
		flags: [
			...SHOWN,
			{
				name: "path",
				value: "FILE",
				help: "skeleton: read the object at run time from there, beside the module, instead of embedding it",
			},
			{
				name: "record",
				value: "MAP=STRUCT,…",
				help: "skeleton: what goes through ring buffers, where the object does not say it",
			},
		],
	},
	{
		...noun("btf", BTF_VERBS),
		usage: "VERB …",
		summary: "types: as text, C or TypeScript, with their layout, found by name, compared",
		details: ["Without --file, `layout` and `find` look at the types of the running kernel."],
		examples: [
			"skep btf dump file /sys/kernel/btf/vmlinux format c > vmlinux.h",
			"skep btf layout task_struct",
			"skep btf find --kind struct 'bpf_*_ctx'",
			"skep btf diff old.btf /sys/kernel/btf/vmlinux task_struct",
		],
		flags: [
			...SHOWN,
			{ name: "base-btf", short: "B", value: "FILE", help: "what split BTF (a module's) continues" },
			{ name: "file", value: "FILE", help: "layout, find: types of this file (ELF or raw BTF)" },
			{ name: "kind", value: "K[,K…]", help: "find: only of these kinds (struct, union, enum, typedef, func …)" },
		],
	},
	{
		...noun("prog", PROG_VERBS),
		usage: "VERB …",
		summary: "programs in the kernel: show, dump, load, pin, attach, run",
		details: [
			"Words and options are bpftool's, also before the noun (skep -jf prog show), and may be shortened where it is",
			"clear. `skep prog VERB --help` tells more.",
			"load and loadall take, in any order:",
			"kernel_btf FILE     types that CO-RE goes by instead of the kernel's own (--core-btf is the same)",
			"type TYPE           instead of what sections say: xdp, tc, cgroup/connect4 …",
			"map name NAME MAP   a map that is there, for the object's map NAME; `map idx N MAP` by its place in the object.",
			"                    MAP: id N, pinned PATH, name NAME",
			"pinmaps DIR         pins the object's maps in DIR",
			"autoattach          attaches as sections say and pins the links; what cannot be attached is pinned itself",
			"offload_dev DEV, xdpmeta_dev DEV   for the hardware of DEV; bound to DEV for its metadata",
		],
		examples: [
			"skep prog show",
			"skep prog dump xlated name on_exec linum",
			"skep prog load xdp.o /sys/fs/bpf/xdp",
			"skep prog load --require-signed --trusted cert.pem xdp.o /sys/fs/bpf/xdp",
			"skep prog loadall exec.o /sys/fs/bpf/exec pinmaps /sys/fs/bpf/exec-maps autoattach",
			"skep prog load xdp.o /sys/fs/bpf/xdp map name counts pinned /sys/fs/bpf/counts",
		],
		flags: [
			...SHOWN,
			{ name: "interval", value: "SECONDS", help: "top: time between samples (1, 500ms; default 1)" },
			{ name: "count", value: "N", help: "top: end after so many samples" },
			CORE_BTF,
			...SIGNED,
		],
	},
	{
		...noun("map", MAP_VERBS),
		usage: "VERB …",
		summary: "maps in the kernel: show, dump, create, read and write entries",
		details: [
			"DATA is bytes, decimal or 0x…; `hex` before them makes all of them hex; `json VALUE` is by the map's types.",
			"MAP: id N, pinned PATH, name NAME. `skep map VERB --help` tells more.",
		],
		examples: ["skep map dump name counts", "skep map update name counts key 1 0 0 0 value json 42"],
		flags: SHOWN,
	},
	{
		...noun("link", LINK_VERBS),
		usage: "VERB …",
		summary: "links in the kernel: what is attached where, pin, detach",
		examples: ["skep link show", "skep link detach pinned /sys/fs/bpf/xdp"],
		flags: SHOWN,
	},
	{
		...noun("cgroup", CGROUP_VERBS),
		usage: "VERB …",
		summary: "programs on cgroups: show, tree, attach, detach",
		examples: ["skep cgroup tree", "skep cgroup show /sys/fs/cgroup/system.slice effective"],
		flags: SHOWN,
	},
	{
		...noun("net", NET_VERBS),
		usage: "VERB …",
		summary: "programs on network devices",
		examples: ["skep net show"],
		flags: SHOWN,
	},
	{
		name: "tree",
		usage: "[--dot]",
		summary: "who holds what: processes, pins and places in the kernel; links, programs, maps below them",
		details: [
			"Below each process, folder of pins, device or cgroup stands what it holds, and below that what that holds.",
			"--json lists every object with what it holds and who holds it; --dot is a graph for Graphviz.",
		],
		examples: ["skep tree", "skep tree --dot | dot -Tsvg > tree.svg"],
		flags: [...SHOWN, { name: "dot", help: "as a graph for Graphviz" }],
		load: () => import("./tree.ts"),
	},
	{
		...noun("perf", PERF_VERBS),
		usage: "VERB …",
		summary: "programs on perf events, kprobes, uprobes and tracepoints, by process",
		examples: ["skep perf show"],
		flags: SHOWN,
	},
	{
		...noun("struct_ops", STRUCT_OPS_VERBS),
		usage: "VERB …",
		summary: "tables of kernel functions that programs are: show, dump, register, unregister",
		examples: ["skep struct_ops show", "skep struct_ops register dctcp.o"],
		flags: SHOWN,
	},
	{
		...noun("token", TOKEN_VERBS),
		usage: "VERB …",
		summary: "what mounted bpffs delegate to user namespaces",
		examples: ["skep token show"],
		flags: SHOWN,
	},
	{
		...noun("fs", FS_VERBS),
		usage: "VERB …",
		summary: "bpffs, where objects have names: list, draw, read, pin, remove, mount",
		details: ["Names may be any but those with a dot, which bpffs keeps for itself."],
		examples: ["skep fs ls", "skep fs tree", "skep fs cat /sys/fs/bpf/counts", "skep fs rm -r /sys/fs/bpf/exec"],
		flags: [...SHOWN, { name: "recursive", short: "r", help: "rm: folders with all that is in them" }],
	},
	{
		...noun("iter", ITER_VERBS),
		usage: "VERB …",
		summary: "iterators: tasks, files, sockets … as the kernel walks over them; pinned, as files",
		examples: [
			"skep iter tasks",
			"skep -j iter files pid 1",
			"skep iter pin tcp /sys/fs/bpf/tcp && cat /sys/fs/bpf/tcp",
		],
		flags: SHOWN,
	},
	{
		name: "doctor",
		usage: "[--all] [--full] [--json] [--require NAME,…] | --compare A.json B.json …",
		summary: "what this kernel can do, what stands in the way, and what skep does instead",
		details: [
			"Each program, map and link type, helper, kfunc and kind of attaching is tried for real: programs are loaded, attached",
			"in a network namespace and a cgroup of their own where there is such a thing, and taken off at once. Nothing stays,",
			"but modules that the kernel loads for it (veth, netkit, cls_bpf …).",
			"--require NAME,…   status 1 where one of them is not there: fentry, map:arena, bpf_loop, config:CONFIG_BPF_LSM",
			"--compare          what `skep doctor --json` wrote on several kernels, beside each other: what differs, --all of it",
		],
		examples: [
			"skep doctor",
			"skep doctor --json > $(uname -r).json",
			"skep doctor --compare 5.10.json 6.18.json",
			"skep doctor --require fentry,ringbuf",
		],
		flags: [
			{ name: "json", short: "j", help: "all that was found out, as one JSON value" },
			{ name: "pretty", short: "p", help: "JSON over several lines", implies: "json" },
			{ name: "all", help: "with all tables" },
			{ name: "full", help: "with all tables, and which program types may call each helper and kfunc" },
			{ name: "require", value: "NAME,…", help: "status 1 unless all of these are there" },
			{ name: "compare", help: "compare reports instead" },
			{ name: "kernel", value: "K", help: "which kernel: linux (default), virtual" },
		],
		load: () => import("./doctor.ts"),
	},
	{
		name: "feature",
		usage: "VERB …",
		summary: "what a kernel can do, asked by really loading programs and making maps",
		verbs: FEATURE_VERBS,
		details: [
			"Words and JSON keys are bpftool's. Nothing that was loaded stays. A program type counts as there where a program",
			"of it loads: `skep doctor` tells why another does not.",
		],
		examples: ["skep feature probe", "skep -j feature probe kernel", "skep feature list_builtins helpers"],
		flags: [...SHOWN, { name: "kernel", value: "K", help: "which kernel: linux (default), virtual" }],
		load: () => import("./feature.ts"),
	},
	{
		name: "vm",
		usage: "plugin [--interpreter|--unchecked] [MEMORY]",
		summary: "run one program on the virtual machine, as a plugin of bpf_conformance_runner",
		details: [
			"Instructions as hex bytes on stdin, r0 in hex on stdout. MEMORY: hex bytes that r1 points to, r2 is their number.",
			"`skep-vm-plugin` is the same as an executable of its own.",
		],
		examples: ['echo "b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00" | skep vm plugin'],
		flags: [
			{ name: "interpreter", help: "by the interpreter, not translated to WebAssembly" },
			{ name: "unchecked", help: "translated, with accesses compared with the end of memory only" },
		],
		load: () => import("./vm.ts"),
	},
	{
		name: "batch",
		usage: "file FILE|-",
		summary: "run verbs of a file one after another, in one process",
		details: [
			"A command a line, without `skep`; # begins a remark, a backslash at the end goes on in the next line. The first that",
			"fails ends it. With -j the answer is one array of commands and their output.",
		],
		examples: ["skep -j batch file commands.txt", "echo 'prog show' | skep batch file -"],
		flags: SHOWN,
		load: () => import("./batch.ts"),
	},
	{
		name: "completion",
		usage: "bash|zsh|fish",
		summary: "a script that completes skep's words in a shell",
		details: [
			"Commands, verbs, options and words of this very skep; ids, names, pins and devices are looked up when they are asked for.",
			"bash: source it, or put it into /etc/bash_completion.d/; zsh: into a folder of $fpath as _skep;",
			"fish: into ~/.config/fish/completions/skep.fish.",
		],
		examples: ["source <(skep completion bash)", "skep completion fish > ~/.config/fish/completions/skep.fish"],
		flags: [],
		load: () => import("./completion.ts"),
	},
	{
		name: "version",
		usage: "",
		summary: "which skep this is",
		examples: ["skep version", "skep -j version"],
		flags: SHOWN,
		load: () => import("./version.ts"),
	},
	{
		name: "help",
		usage: "[COMMAND [VERB] | [KIND] WORD | SK | --search TEXT …]",
		summary: "this text, what a command takes, and the manual: helpers, types, sections, words, findings …",
		details: [
			"WORD: bpf(2) command, program, map, attach or link type, helper, kfunc, section, kind of BTF, instruction, word of the",
			"language, number of a finding; whole, without bpf_ or BPF_…_TYPE_, or a part. KIND: command, program, map, helper,",
			"kfunc, section, attach, link, btf, instruction, word, member, diagnostic: where several are called so. SK lists the findings.",
			"`here` is what the running kernel and the virtual one say when they are asked.",
		],
		examples: [
			"skep help run",
			"skep help bpf_map_lookup_elem",
			"skep help hash",
			"skep help word hash",
			"skep help kprobe.multi/",
			"skep help SK3003",
			"skep help --search spin lock",
		],
		flags: [
			{ name: "search", help: "look for TEXT in names and texts, the best first" },
			{ name: "no-probe", help: "do not ask any kernel" },
			{ name: "json", short: "j", help: "as JSON" },
			{ name: "pretty", short: "p", help: "JSON over several lines", implies: "json" },
		],
		load: () => import("./help.ts"),
	},
];
