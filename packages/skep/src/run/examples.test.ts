// The examples on this kernel, through the command: what they report is compared with what really happened.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { endedWell, launcher, parseLines, pidOf, Run, ready, root, start } from "./whole-run.test-support.ts";

const testdata = "packages/skep/testdata";
const work = mkdtempSync(join(tmpdir(), "skep-examples-"));
after(() => rmSync(work, { recursive: true, force: true }));

test("exec: one record a program that starts", async (t) => {
	const run = await start(t, "--json", "examples/exec/exec.ts");
	if (!run) return;
	const pids = [pidOf("/bin/true"), pidOf("/bin/true")];
	const ended = await run.interrupt();
	endedWell(ended);
	const { first, between, last } = parseLines(ended.stdout);
	assert.equal(first["kernel"], "linux");
	assert.match(String(first["reason"]), /bpf\(2\) is permitted/);
	for (const pid of pids) {
		assert.deepEqual(
			between.find((e) => e["pid"] === pid),
			{ pid, ppid: process.pid, uid: process.getuid?.(), comm: "true", filename: "/bin/true" },
		);
	}
	assert.equal(last["lost"], 0);
	assert.equal(last["events"], between.length);
	assert.ok(Number(last["duration"]) > 0);
});

test("exec: the user half prints them, then what was lost", async (t) => {
	const run = await start(t, "examples/exec/exec.ts");
	if (!run) return;
	const pid = pidOf("/bin/true");
	const ended = await run.interrupt();
	endedWell(ended);
	assert.ok(ended.stdout.includes(`${pid} ${process.pid} true /bin/true\n`), ended.stdout);
	assert.match(ended.stdout, /^0 lost\n$/m);
	assert.match(ended.stderr, /^\d+ events?, 0 lost, \d+\.\d s, CPU \d+\.\d\d s \(\d+\.\d\d s to start\)$/m);
});

test("exec: as an object that was built before", async (t) => {
	const object = join(work, "exec.o");
	const built = spawnSync(process.execPath, [launcher, "build", "examples/exec/exec.ts", "-o", object], {
		cwd: root,
		encoding: "utf8",
	});
	assert.equal(built.status, 0, built.stderr);
	const run = await start(t, "--json", object);
	if (!run) return;
	const pid = pidOf("/bin/true");
	const { between } = parseLines((await run.interrupt()).stdout);
	assert.equal(between.find((e) => e["pid"] === pid)?.["filename"], "/bin/true");
});

test("exec: by node --import skep/register", async (t) => {
	const run = await ready(t, new Run(process.execPath, ["--import", "skep/register", "examples/exec/exec.ts"]));
	if (!run) return;
	const pid = pidOf("/bin/true");
	const ended = await run.interrupt();
	endedWell(ended);
	assert.ok(ended.stdout.includes(`${pid} ${process.pid} true /bin/true\n`), ended.stdout);
	assert.match(ended.stdout, /^0 lost$/m);
	assert.match(ended.stderr, /0 lost, .* CPU/);
});

test("--limit ends after so many records, --duration after so long", async (t) => {
	const run = await start(t, "--json", "--limit", "3", "examples/exec/exec.ts");
	if (!run) return;
	for (let i = 0; i < 5; i++) pidOf("/bin/true");
	const limited = await run.ended;
	endedWell(limited);
	const { between, last } = parseLines(limited.stdout);
	assert.equal(between.length, 3);
	assert.equal(last["events"], 3);
	const timed = await (await start(t, "--duration", "0.2", "examples/exec/exec.ts"))!.ended;
	endedWell(timed);
	assert.match(timed.stdout, /lost$/m);
});

test("open: a failed open has its errno, options filter in the kernel", async (t) => {
	const missing = join(work, "nothing-here");
	const run = await start(t, "--json", "examples/open/open.ts", "--comm", "cat", "--failed");
	if (!run) return;
	const pid = pidOf("cat", missing);
	pidOf("cat", "/dev/null");
	pidOf("head", "-c1", missing);
	const ended = await run.interrupt();
	endedWell(ended);
	const { between } = parseLines(ended.stdout);
	const records = between.filter((line) => line["map"] === undefined);
	const record = records.find((e) => e["pid"] === pid && e["path"] === missing.slice(0, 127));
	assert.equal(record?.["ret"], -2);
	assert.ok(records.every((e) => e["comm"] === "cat" && Number(e["ret"]) < 0));
});

test("open: the user half names the error", async (t) => {
	const missing = join(work, "nothing-here");
	const run = await start(t, "examples/open/open.ts", "-c", "cat");
	if (!run) return;
	const pid = pidOf("cat", missing);
	const ended = await run.interrupt();
	endedWell(ended);
	const line = ended.stdout.split("\n").find((l) => l.startsWith(`${pid} `) && l.endsWith("nothing-here"));
	assert.match(line ?? ended.stdout, /^\d+ cat ENOENT \d+ us .*nothing-here$/);
});

test("read-latency: every read is in a bucket", async (t) => {
	const run = await start(t, "--json", "examples/read-latency/read-latency.ts");
	if (!run) return;
	pidOf("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=1000");
	const ended = await run.interrupt();
	endedWell(ended);
	const buckets = parseLines(ended.stdout).between.filter((line) => line["map"] === "latency");
	const total = buckets.reduce((sum, b) => sum + Number(b["value"]), 0);
	assert.ok(total >= 1000, `${total} reads were counted`);
	assert.ok(buckets.every((b) => Number(b["low"]) < Number(b["high"])));
	const keys = buckets.map((b) => Number(b["key"]));
	assert.deepEqual(
		keys,
		[...keys].sort((a, b) => a - b),
	);
});

test("read-latency: the user half draws bars", async (t) => {
	const run = await start(t, "examples/read-latency/read-latency.ts");
	if (!run) return;
	pidOf("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=1000");
	const ended = await run.interrupt();
	endedWell(ended);
	assert.match(ended.stdout, /^read latency, microseconds\n\[0\] +\d+ \|@*/);
});

test("syscalls: counts by number and command, sorted by key", async (t) => {
	const run = await start(t, "--json", "examples/syscalls/syscalls.ts");
	if (!run) return;
	pidOf("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=1000");
	const ended = await run.interrupt();
	endedWell(ended);
	const entries = parseLines(ended.stdout).between as unknown as readonly {
		readonly map: string;
		readonly key: { readonly nr: number; readonly comm: string };
		readonly value: number;
	}[];
	const read = process.arch === "arm64" ? 63 : 0;
	const counted = entries.find((e) => e.key.nr === read && e.key.comm === "dd")?.value ?? 0;
	// The dynamic loader reads a few times too.
	assert.ok(counted >= 1000 && counted < 1100, `${counted} reads of dd`);
	const order = entries.map(({ key }) => [key.nr, key.comm] as const);
	assert.deepEqual(
		order,
		[...order].sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0)),
	);
	assert.ok(entries.every((e) => e.map === "counts"));
});

test("syscalls: the user half shows a table each second", async (t) => {
	const run = await start(t, "examples/syscalls/syscalls.ts");
	if (!run) return;
	await run.said(/^syscall +comm +count\n *\d/m);
	endedWell(await run.interrupt());
});

test("exec-tree: the chain of ancestors, read through CO-RE", async (t) => {
	const run = await start(t, "--json", "examples/exec-tree/exec-tree.ts");
	if (!run) return;
	const pid = pidOf("/bin/true");
	const ended = await run.interrupt();
	endedWell(ended);
	const record = parseLines(ended.stdout).between.find((e) => e["pid"] === pid);
	assert.equal(record?.["file"], "true");
	assert.equal(record?.["inode"], statSync(realpathSync("/bin/true")).ino);
	const tree = record?.["tree"] as readonly { readonly pid: number; readonly comm: string }[];
	assert.equal(tree.length, 8);
	const ancestors = ancestorsOf(process.pid).slice(0, 8);
	assert.deepEqual(
		tree.slice(0, Number(record?.["depth"])).map((a) => a.pid),
		ancestors,
	);
});

test("exec-tree: the user half prints it as a path", async (t) => {
	const run = await start(t, "examples/exec-tree/exec-tree.ts");
	if (!run) return;
	pidOf("/bin/true");
	const ended = await run.interrupt();
	endedWell(ended);
	assert.match(ended.stdout, /^.+ > true$/m);
});

/** This process and those above it, as /proc tells. */
function ancestorsOf(pid: number): number[] {
	const list: number[] = [];
	for (let at = pid; at > 0; ) {
		list.push(at);
		at = Number(
			readFileSync(`/proc/${at}/stat`, "utf8")
				.replace(/^.*\) \S /, "")
				.split(" ")[0],
		);
	}
	return list;
}

test("xdp-filter: without a device it says what to give", () => {
	const result = spawnSync(process.execPath, [launcher, "run", "examples/xdp-filter/xdp-filter.ts"], {
		cwd: root,
		encoding: "utf8",
	});
	if (result.status === 3) return;
	assert.equal(result.status, 1, result.stderr);
	assert.match(result.stderr.split("\n")[0]!, /filter is not attached: no dev was given, give DEV/);
});

test("xdp-filter: counts protocols and drops DNS, in network namespaces of its own", async (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root: it makes network namespaces");
	if (spawnSync("ip", ["-V"]).error) return t.skip("needs ip of iproute2");
	// The other end of the cable has a namespace too, held by a sleeping process.
	const far = spawn("unshare", ["-n", "sleep", "60"], { stdio: "ignore" });
	try {
		const script = [
			"ip link set lo up",
			"ip link add near type veth peer name far",
			`until ip link set far netns ${far.pid} 2>/dev/null; do sleep 0.05; done`,
			"ip addr add 10.99.0.2/24 dev near",
			"ip link set near up",
			`exec ${process.execPath} ${launcher} run --json examples/xdp-filter/xdp-filter.ts near`,
		].join("\n");
		const run = await ready(t, new Run("unshare", ["-n", "sh", "-ec", script]));
		if (!run) return;
		const inFar = (command: string) =>
			spawnSync("nsenter", ["-t", String(far.pid), "-n", "sh", "-ec", command], { encoding: "utf8" });
		assert.equal(inFar("ip addr add 10.99.0.1/24 dev far; ip link set far up").status, 0);
		const receiver = new Run("nsenter", ["-t", String(run.child.pid), "-n", process.execPath, "-e", RECEIVE]);
		await new Promise((resolve) => receiver.child.stdout?.once("data", resolve));
		const sent = spawnSync("nsenter", ["-t", String(far.pid), "-n", process.execPath, "-e", SEND], {
			encoding: "utf8",
		});
		assert.equal(sent.status, 0, sent.stderr);
		assert.deepEqual((await receiver.ended).stdout.trim().split("\n"), ["listening", "9999", "9999"]);
		const ended = await run.interrupt();
		endedWell(ended);
		const { between } = parseLines(ended.stdout);
		const udp = between.find((e) => e["map"] === "packets" && e["key"] === 17);
		assert.equal(udp?.["value"], 5, "three to port 53, two to port 9999");
	} finally {
		far.kill("SIGKILL");
	}
});

/** Three datagrams to DNS, then two elsewhere. */
const SEND = `
const socket = require("node:dgram").createSocket("udp4");
const ports = [53, 53, 53, 9999, 9999];
const next = () => ports.length === 0 ? socket.close() : socket.send("x", ports.shift(), "10.99.0.2", () => setTimeout(next, 20));
next();`;

/** Prints the port of each datagram that arrives; ends with the second to port 9999, which is the last that was sent. */
const RECEIVE = `
const dgram = require("node:dgram");
let listening = 0, seen = 0;
for (const port of [53, 9999]) {
	const socket = dgram.createSocket("udp4");
	socket.on("message", () => { console.log(port); if (port === 9999 && ++seen === 2) process.exit(); });
	socket.bind(port, "10.99.0.2", () => { if (++listening === 2) console.log("listening"); });
}
setTimeout(() => process.exit(1), 20000);`;

test("a file without user half: a table of records, maps at the end", async (t) => {
	const run = await start(t, `${testdata}/no-user-half.ts`);
	if (!run) return;
	const pid = pidOf("/bin/true");
	const ended = await run.interrupt();
	endedWell(ended);
	assert.match(ended.stdout, /^ *pid {2}comm$/m);
	assert.match(ended.stdout, new RegExp(`^ *${pid}  true$`, "m"));
	assert.match(ended.stdout, /^counts \(\d+ entr(y|ies)\)$/m);
	assert.match(ended.stdout, new RegExp(`^ *${pid} +1$`, "m"));
});

test("a file that imports load is in charge, behind every door", async (t) => {
	const file = `${testdata}/explicit.ts`;
	const doors = [[launcher, "run", file], ["--import", "skep/register", file], [file]];
	for (const door of doors) {
		const run = new Run(process.execPath, [...door, "--comm", "true"]);
		const ended = await run.ended;
		if (ended.status === 3) return t.skip(`needs the privilege to load programs: ${ended.stderr}`);
		assert.equal(
			ended.stdout,
			"before: NotLoadedError\nlinux 0 links\ntrue true\n",
			`${door.join(" ")}: ${ended.stderr}`,
		);
		endedWell(ended);
	}
});

test("a second Ctrl-C does not wait", async (t) => {
	const run = await start(t, `${testdata}/stuck.ts`);
	if (!run) return;
	run.child.kill("SIGINT");
	const again = setInterval(() => run.child.kill("SIGINT"), 50);
	const ended = await run.ended;
	clearInterval(again);
	assert.equal(ended.status, 130);
});

test("a reader that goes away ends it quietly", async (t) => {
	const run = await start(t, "--json", "examples/exec/exec.ts");
	if (!run) return;
	run.child.stdout?.destroy();
	const again = setInterval(() => pidOf("/bin/true"), 50);
	const ended = await run.ended;
	clearInterval(again);
	assert.equal(ended.stderr, "");
	assert.equal(ended.status, 0);
});

test("killed, it leaves nothing behind", async (t) => {
	if (spawnSync("bpftool", ["version"]).error) return t.skip("needs bpftool, to ask the kernel");
	const run = await start(t, "examples/exec/exec.ts");
	if (!run) return;
	const ids = idsOf(run.child.pid!);
	assert.ok(ids.prog.length >= 1 && ids.link.length >= 1 && ids.map.length >= 2, JSON.stringify(ids));
	run.child.kill("SIGKILL");
	await run.ended;
	for (const [kind, list] of Object.entries(ids)) {
		for (const id of list) {
			// The kernel frees after a grace period.
			while (spawnSync("bpftool", [kind, "show", "id", id]).status === 0)
				await new Promise((resolve) => setTimeout(resolve, 50));
		}
	}
});

/** Ids of the BPF objects that a process holds open. */
function idsOf(pid: number): Record<"prog" | "map" | "link", string[]> {
	const texts = readdirSync(`/proc/${pid}/fdinfo`).map((fd) => readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"));
	const of = (kind: string) =>
		texts.flatMap((text) =>
			text.startsWith("pos:") ? [...text.matchAll(new RegExp(`^${kind}_id:\\s*(\\d+)`, "gm"))].map((m) => m[1]!) : [],
		);
	// A link's description names its program too: that is one more mention of the same id.
	return { prog: [...new Set(of("prog"))], map: of("map"), link: of("link") };
}
