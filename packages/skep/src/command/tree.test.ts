// `skep tree` on both kernels: what objects hold, who holds them; and of a process of our own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { encode, insn } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { attachRawTracepoint, BpfMap, Program } from "@skep/bpf/live";
import type { Invocation } from "#cli";
import { type HeldObject, holdings, holdingsGraph, holdingsTree } from "#inspect";
import { type Front, onBoth } from "./desk.test-support.ts";
import type { Desk } from "./desk.ts";
import { tree } from "./tree.ts";

function shown(front: Front, ...flags: string[]): string {
	const call: Invocation = { flags: new Map(flags.map((flag) => [flag, true])), rest: [] };
	let text = "";
	const desk: Desk = {
		kernel: front.kernel,
		machine: front.machine,
		screen: { width: undefined, colour: false },
		json: call.flags.has("json"),
		pretty: false,
		bpffs: false,
		debug: false,
		flags: call.flags,
		write: (part) => {
			text += part;
		},
		note: () => {},
	};
	assert.equal(tree(call, desk), 0);
	return text;
}

/** A program that uses a map, so that it holds it. */
function programWith(kernel: Kernel, map: BpfMap, name: string): Program {
	const insns = encode([insn.loadPseudo(1, 1, map.fd.number), insn.mov(64, 0, { imm: 0 }), insn.exit()]);
	return Program.load(kernel, { name, type: "raw_tracepoint", insns, license: "GPL" });
}

test(
	"tree: a link holds its program, that its maps, a map of maps those in it",
	onBoth(async (front) => {
		const { kernel } = front;
		const sizes = { keySize: 4, valueSize: 4, maxEntries: 2 };
		using inner = BpfMap.create(kernel, { name: "tree_inner", type: "array", ...sizes });
		using outer = BpfMap.create(kernel, {
			name: "tree_outer",
			type: "array_of_maps",
			...sizes,
			innerFd: inner.fd.number,
		});
		outer.put(new Uint8Array(4), inner);
		using program = programWith(kernel, outer, "tree_prog");
		using link = attachRawTracepoint(program, "sched_process_exit");
		const ids = [link.info()!.id, program.info().id, outer.info().id, inner.info().id];
		const all = JSON.parse(shown(front, "json")) as HeldObject[];
		const find = (kind: string, id: number) => all.find((each) => each.kind === kind && each.id === id)!;
		assert.deepEqual(find("link", ids[0]!).holds, [`prog ${ids[1]}`]);
		assert.deepEqual(find("prog", ids[1]!).holds, [`map ${ids[2]}`]);
		assert.deepEqual(find("map", ids[2]!).holds, [`map ${ids[3]}`]);
		const text = shown(front);
		assert.match(
			text,
			new RegExp(
				`─ link ${ids[0]} raw_tracepoint tp_name sched_process_exit\\n[│ ] {2}└─ prog ${ids[1]} raw_tracepoint tree_prog\\n[│ ] {5}└─ map ${ids[2]} array_of_maps tree_outer\\n[│ ] {8}└─ map ${ids[3]} array tree_inner\\n`,
			),
		);
		const dot = shown(front, "dot");
		assert.match(dot, new RegExp(`"link ${ids[0]}" -> "prog ${ids[1]}";[\\s\\S]*"map ${ids[2]}" -> "map ${ids[3]}";`));
	}),
);

test("tree: objects that hold each other, pins, several processes, narrow screens", () => {
	const process_ = (pid: number) => ({ pid, comm: "sh", command: "sh -c run\u001b", cgroup: "/box" });
	const found = new Map<`prog ${number}` | `map ${number}` | `link ${number}`, HeldObject>([
		[
			"prog 1",
			{ kind: "prog", id: 1, type: "xdp", name: "a", holds: ["map 2"], pids: [process_(7)], pinned: ["/b/x"] },
		],
		["map 2", { kind: "map", id: 2, type: "prog_array", name: "jumps", holds: ["prog 1"], pids: [process_(7)] }],
		["prog 3", { kind: "prog", id: 3, type: "xdp", name: "b", holds: ["map 4"], attached: ["lo xdp/generic"] }],
		["map 4", { kind: "map", id: 4, type: "hash", name: "m", holds: [], pids: [process_(8)] }],
		["link 5", { kind: "link", id: 5, type: "xdp", detail: { ifindex: 1 }, holds: ["prog 9"] }],
	]);
	assert.equal(
		holdingsTree(found, { width: undefined, colour: false }),
		`sh(7): sh -c run\\x1b, in /box
└─ prog 1 xdp a
   └─ map 2 prog_array jumps *
      └─ prog 1 xdp a * …

sh(8): sh -c run\\x1b, in /box
└─ map 4 hash m

/b
└─ x → prog 1 xdp a …

lo xdp/generic
└─ prog 3 xdp b
   └─ map 4 hash m

held by what is not told: a perf event, a socket, a process that may not be looked at
└─ link 5 xdp ifindex 1
   └─ prog 9 (gone)

* held by the process itself too
… shown above with what it holds
`,
	);
	for (const line of holdingsTree(found, { width: 20, colour: false }).split("\n").slice(0, -3))
		assert.ok([...line].length <= 20, line);
	assert.match(holdingsGraph(found), /"\/b" -> "prog 1" \[label="x"\];/);
});

test("owners: another process that holds a program is found, with its command line and cgroup", async (t) => {
	const { chooseKernel } = await import("#backend");
	const { THIS_MACHINE } = await import("#inspect");
	let kernel: Kernel;
	try {
		kernel = chooseKernel("linux").kernel;
	} catch (error) {
		return t.skip(`needs Linux that permits eBPF: ${(error as Error).message.split("\n")[0]}`);
	}
	const child = spawn(
		process.execPath,
		[fileURLToPath(new URL("./owner-child.test-support.ts", import.meta.url)), "an argument"],
		{ stdio: ["pipe", "pipe", "inherit"] },
	);
	try {
		const [line] = (await once(child.stdout, "data")) as [Buffer];
		const { map } = JSON.parse(line.toString()) as { map: number };
		const found = holdings({ kernel, machine: THIS_MACHINE, owners: THIS_MACHINE.owners() });
		const [owner] = found.get(`map ${map}`)!.pids!;
		assert.equal(owner!.pid, child.pid);
		assert.match(owner!.command!, /owner-child\.test-support\.ts an argument$/);
		assert.match(owner!.cgroup!, /^\//);
		const { Front } = await import("./desk.test-support.ts");
		const front = new Front(kernel);
		const text = (await front.run(`map show id ${map}`)).text;
		assert.match(text, new RegExp(`\\n\\tpids [^\\n]*\\(${child.pid}\\)\\n\\t\\t${child.pid}: .*an argument in /`));
		const row = (await front.json(`map show id ${map}`)) as { pids: { pid: number; command: string }[] };
		assert.equal(row.pids[0]!.pid, child.pid);
		assert.match((await front.run("map list")).text.split("\n")[0]!, / pids +in cgroup/);
	} finally {
		child.kill();
	}
	return undefined;
});
