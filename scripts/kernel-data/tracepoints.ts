// node scripts/kernel-data/tracepoints.ts: writes packages/compiler/data/tracepoints.json from this machine's tracefs, which is
// mounted for this process alone (as root), so that nothing of the machine changes.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { encodeTracepoints, readTracefs } from "../../packages/compiler/src/declare/index.ts";

const target = new URL("../../packages/compiler/data/tracepoints.json", import.meta.url);
const inside = process.env["SKEP_TRACEFS"];
if (!inside) {
	const folder = mkdtempSync(join(tmpdir(), "skep-tracefs-"));
	try {
		execFileSync(
			"unshare",
			[
				"-m",
				"sh",
				"-c",
				`mount -t tracefs t "$SKEP_TRACEFS" && exec "$0" "$1"`,
				process.execPath,
				import.meta.filename,
			],
			{
				stdio: "inherit",
				env: { ...process.env, SKEP_TRACEFS: folder },
			},
		);
	} finally {
		rmdirSync(folder);
	}
} else {
	const events = join(inside, "events");
	const list = readTracefs({
		list: (path) =>
			readdirSync(join(events, path), { withFileTypes: true })
				.filter((e) => e.isDirectory())
				.map((e) => e.name),
		read: (path) => {
			try {
				return readFileSync(join(events, path), "utf8");
			} catch {
				return undefined;
			}
		},
	}).filter((t) => t.category !== "ftrace");
	const json = encodeTracepoints(release(), list);
	// One layout, category or call a line: small, and readable in a diff.
	const lines = (o: object) =>
		Object.entries(o)
			.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)
			.join(",\n");
	const text = `{"kernel":${JSON.stringify(json.kernel)},
"types":${JSON.stringify(json.types)},
"layouts":[
${json.layouts.map((l) => JSON.stringify(l)).join(",\n")}
],
"events":{
${lines(json.events)}
},
"syscalls":{
${lines(json.syscalls)}
}}
`;
	writeFileSync(target, text);
	console.log(
		`${list.length} tracepoints, ${json.layouts.length} layouts, ${Object.keys(json.syscalls).length} system calls, ${text.length} bytes`,
	);
}
