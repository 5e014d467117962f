import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { cpuOf, median, print, root } from "./measure.ts";

/** CPU from the start of `skep demo` until its program is attached, as the run itself reports it, and the whole of small commands. */
export default function benchStart(): void {
	const skep = join(root, "node_modules/.bin/skep");
	const attached = Array.from({ length: 9 }, () => {
		const r = spawnSync(skep, ["demo", "--json", "--duration", "0.05"], { encoding: "utf8", cwd: root });
		const first = JSON.parse(r.stdout.split("\n")[0]!) as { startup_cpu_ms: number };
		return first.startup_cpu_ms;
	});
	print("Start, ms CPU (aim: demo attached within 400)", [
		["", "median"],
		["skep demo, until attached", median(attached).toFixed(0)],
		["skep --version", cpuOf(skep, ["--version"]).toFixed(0)],
		["node -e 0", cpuOf(process.execPath, ["-e", "0"]).toFixed(0)],
	]);
}
