import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const EXAMPLES = ["exec", "open", "read-latency", "syscalls", "exec-tree", "xdp-filter"] as const;

export interface Bench {
	/** Scratch folder of this run. */
	readonly folder: string;
	/** Text of vmlinux.h of this kernel. */
	readonly vmlinux: string;
}

/** Runs a command to its end and gives what it printed. @throws Error with its stderr */
export function run(command: string, args: readonly string[]): string {
	const r = spawnSync(command, args, { encoding: "utf8", cwd: root, maxBuffer: 1 << 28 });
	if (r.status !== 0) throw new Error(`${command} ${args.join(" ")}: ${r.error?.message ?? r.stderr}`);
	return r.stdout;
}

/** CPU (user + system) of a whole process in milliseconds: median of `rounds` after one that does not count. */
export function cpuOf(command: string, args: readonly string[], rounds = 7): number {
	const quoted = [command, ...args].map((a) => `'${a}'`).join(" ");
	const once = (): number => {
		const r = spawnSync("bash", ["-c", `TIMEFORMAT='%U %S'; time ${quoted} >/dev/null`], {
			encoding: "utf8",
			cwd: root,
		});
		const times = /([\d.]+) ([\d.]+)\s*$/.exec(r.stderr);
		if (r.status !== 0 || !times) throw new Error(`${quoted}: ${r.stderr}`);
		return (Number(times[1]) + Number(times[2])) * 1000;
	};
	once();
	return median(Array.from({ length: rounds }, once));
}

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[sorted.length >> 1] ?? Number.NaN;
}

export function geomean(values: readonly number[]): number {
	return Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
}

/** The C twin of an example as clang makes it. Returns the object's path. */
export function buildTwin(bench: Bench, name: string): string {
	writeFileSync(join(bench.folder, "vmlinux.h"), bench.vmlinux);
	const object = join(bench.folder, `${name}.twin.o`);
	run("clang-19", clangArgs(bench, name, object));
	return object;
}

export function clangArgs(bench: Bench, name: string, object: string): string[] {
	return [
		"-O2",
		"-g",
		"-mcpu=v3",
		"-target",
		"bpf",
		"-D__TARGET_ARCH_x86",
		`-I${bench.folder}`,
		"-c",
		`bench/twins/${name}.bpf.c`,
		"-o",
		object,
	];
}

/** Prints a table; the first column is left-aligned. */
export function print(title: string, rows: readonly (readonly (string | number)[])[]): void {
	const text = rows.map((r) => r.map(String));
	const widths = text[0]!.map((_, i) => Math.max(...text.map((r) => r[i]!.length)));
	console.log(`\n${title}`);
	for (const r of text)
		console.log(`  ${r.map((c, i) => (i === 0 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join("  ")}`);
}
