import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Btf } from "@skep/bpf/btf";
import { compile } from "@skep/compiler";
import { decodeTracepoints } from "@skep/compiler/declare";
import { type Bench, buildTwin, clangArgs, cpuOf, EXAMPLES, median, print, root } from "./measure.ts";

const data = join(root, "packages/compiler/data");

/** Warm: CPU of one compile() in a process that has compiled before. Cold: a whole `skep build` beside a whole clang. */
export default function benchCompile(bench: Bench): void {
	const kernel = Btf.decode(readFileSync(join(data, "kernel.btf")));
	const tracepoints = decodeTracepoints(JSON.parse(readFileSync(join(data, "tracepoints.json"), "utf8")));
	const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);
	// Many rounds in one measurement: the kernel counts a thread's CPU time in ticks.
	const warm = (name: string): number => {
		const entry = join(root, "examples", name, `${name}.ts`);
		const once = () => compile({ entry, read, kernel, tracepoints });
		for (let i = 0; i < 30; i++) once();
		const groups = Array.from({ length: 5 }, () => {
			const before = process.threadCpuUsage();
			for (let i = 0; i < 20; i++) once();
			const used = process.threadCpuUsage(before);
			return (used.user + used.system) / 1000 / 20;
		});
		return median(groups);
	};
	const rows: (string | number)[][] = [["compile, ms CPU", "skep warm", "skep build", "clang -O2"]];
	for (const name of EXAMPLES) {
		buildTwin(bench, name);
		const object = join(bench.folder, "cold.o");
		rows.push([
			name,
			warm(name).toFixed(1),
			cpuOf(join(root, "node_modules/.bin/skep"), ["build", `examples/${name}/${name}.ts`, "-o", object]).toFixed(0),
			cpuOf("clang-19", clangArgs(bench, name, object)).toFixed(0),
		]);
	}
	print("Compile (aim: warm 10, must 16; cold 350 where clang takes about 540)", rows);
}
