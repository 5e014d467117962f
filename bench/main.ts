// `npm run bench [-- PART …]`: tables of skep beside its peer, both measured in the same run. Needs root, clang-19, bpftool, gcc
// and libbpf-dev. Decides nothing. Parts: btf, compile, events, instructions, interpreter, link, maps, ring, start.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, run } from "./measure.ts";

const PARTS: Record<string, () => Promise<{ default: (bench: Bench) => Promise<void> | void }>> = {
	btf: () => import("./btf.ts"),
	compile: () => import("./compile.ts"),
	events: () => import("./events.ts"),
	inspect: () => import("./inspect.ts"),
	instructions: () => import("./instructions.ts"),
	interpreter: () => import("./interpreter.ts"),
	link: () => import("./link.ts"),
	maps: () => import("./maps.ts"),
	ring: () => import("./ring.ts"),
	start: () => import("./start.ts"),
};

const wanted = process.argv.slice(2);
for (const name of wanted.filter((w) => !(w in PARTS))) {
	console.error(`no part ${name}; there are ${Object.keys(PARTS).join(", ")}`);
	process.exit(2);
}
delete process.env["NODE_EXTRA_CA_CERTS"]; // costs 70 ms at each start of a Node 20
const folder = mkdtempSync(join(tmpdir(), "skep-bench-"));
try {
	const header = run("bpftool", ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"]);
	const bench: Bench = { folder, vmlinux: header };
	for (const [name, part] of Object.entries(PARTS))
		if (wanted.length === 0 || wanted.includes(name)) await (await part()).default(bench);
} finally {
	rmSync(folder, { recursive: true });
}
