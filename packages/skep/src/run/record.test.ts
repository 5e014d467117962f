// Recordings made on this kernel, and replayed at once: the virtual kernel gives what Linux gave.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readRecording } from "@skep/bpf/capture";
import { endedWell, launcher, parseLines, pidOf, Run, ready, root } from "./whole-run.test-support.ts";

const work = mkdtempSync(join(tmpdir(), "skep-record-"));
after(() => rmSync(work, { recursive: true, force: true }));

const skep = (...words: string[]) =>
	spawnSync(process.execPath, [launcher, ...words], { cwd: root, encoding: "utf8", timeout: 60_000 });

/** Something that each of the examples sees. */
function happen(): void {
	pidOf("/bin/true");
	pidOf("/bin/cat", "/etc/hostname", "/nothing/here");
	pidOf("/bin/sh", "-c", "/bin/true; /bin/true");
}

for (const name of ["exec", "exec-tree", "open", "read-latency", "syscalls"]) {
	test(`${name}: recorded here, replayed to the same records and maps`, async (t) => {
		const file = join(work, `${name}.rec`);
		const program = `examples/${name}/${name}.ts`;
		// Some seconds at most: programs at every system call slow the whole machine down.
		const words = ["record", "--json", "--limit", "200", "--duration", "1.5", "-o", file, program];
		const run = await ready(t, new Run(process.execPath, [launcher, ...words]));
		if (!run) return;
		happen();
		const recorded = await run.ended;
		endedWell(recorded);
		assert.match(recorded.stderr, /\.rec: \d+ events? recorded, \d+ lost, \d+ records?, \d maps?, \d+ bytes$/m);
		const live = parseLines(recorded.stdout);

		const { status, stdout, stderr } = skep("run", "--replay", file, "--json", program);
		assert.equal(status, 0, stderr);
		const lines = stdout.trimEnd().split("\n");
		const { replay } = JSON.parse(lines.at(-1)!) as { replay: Record<string, unknown> };
		assert.ok(Number(replay["replayed"]) > 0);
		assert.equal(replay["replayed"], replay["events"]);
		assert.equal(replay["agreed"], replay["records"]);
		assert.equal(replay["different"], 0);
		assert.deepEqual(replay["mapsAgreed"], replay["mapsCompared"]);
		const again = parseLines(lines.slice(0, -1).join("\n"));
		const records = (all: readonly object[]) => all.filter((line) => !("map" in line));
		assert.deepEqual(records(again.between), records(live.between));
		if (replay["lost"] === 0 && live.last["lost"] === 0) {
			assert.deepEqual(again.between, live.between);
			const maps = { "read-latency": ["starts", "latency"], syscalls: ["counts"], open: ["starts"] }[name] ?? [];
			assert.deepEqual(replay["mapsCompared"], maps);
		}
	});
}

test("elements by a computed index, the clock asked twice, a name compared: recorded and replayed", async (t) => {
	const program = join(work, "limits.ts");
	writeFileSync(
		program,
		`import { type chars, current, ktime, ringbuf, tpBtf, type u32, type u64 } from "skep";
interface Limit { pid: u32; first: u32; soft: u64; total: u64; took: u64; comm: chars<16> }
const limits = ringbuf<Limit>(65536);
tpBtf("sched_process_exec", (task) => {
	const before = ktime();
	let total = 0n;
	for (let i = 0; i < 16; i++) total = total + task.signal.rlim[i].rlim_cur;
	limits.emit((e) => {
		e.pid = current.pid;
		e.first = task.comm[1];
		e.soft = task.signal.rlim[3].rlim_cur;
		e.total = total;
		e.took = ktime() - before;
		e.comm = task.comm;
	});
});
`,
	);
	const file = join(work, "limits.rec");
	const run = await ready(
		t,
		new Run(process.execPath, [launcher, "record", "--json", "--limit", "3", "-o", file, program]),
	);
	if (!run) return;
	happen();
	endedWell(await run.ended);
	const { status, stdout, stderr } = skep("run", "--replay", file, "--json", program);
	assert.equal(status, 0, stderr);
	const { replay } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as { replay: Record<string, unknown> };
	assert.ok(Number(replay["records"]) >= 3);
	assert.equal(replay["agreed"], replay["records"]);
	const total = (JSON.parse(stdout.split("\n")[1]!) as { total: number | string }).total;
	assert.notEqual(BigInt(total), 0n);
});

test("an edit of the user half is no change of what was recorded, nor is the object; one of the kernel half is", async (t) => {
	const program = join(work, "halves.ts");
	const text = readFileSync(join(root, "examples/exec/exec.ts"), "utf8");
	writeFileSync(program, text);
	const file = join(work, "halves.rec");
	const words = ["record", "--json", "--limit", "2", "-o", file, program];
	const run = await ready(t, new Run(process.execPath, [launcher, ...words]));
	if (!run) return;
	happen();
	endedWell(await run.ended);
	const replay = (name: string) => skep("run", "--json", "--replay", file, name);
	writeFileSync(program, `// Another line.\n${text.replace("for await", "console.log(1);\nfor await")}`);
	const edited = replay(program);
	assert.equal(edited.status, 0, edited.stderr);
	assert.doesNotMatch(edited.stderr, /note:/);
	const object = join(work, "halves.o");
	assert.equal(skep("build", program, "-o", object).status, 0);
	assert.doesNotMatch(replay(object).stderr, /note:/);
	writeFileSync(program, text.replace("current.uid", "current.gid"));
	assert.match(replay(program).stderr, /note: .*halves\.ts is not the halves\.ts that was recorded/);
});

test("a recording has no address of the kernel", async (t) => {
	const file = join(work, "tree.rec");
	const words = ["record", "--duration", "3", "-o", file, "examples/exec-tree/exec-tree.ts"];
	const run = await ready(t, new Run(process.execPath, [launcher, ...words]));
	if (!run) return;
	happen();
	endedWell(await run.interrupt());
	const { events, meta } = readRecording(readFileSync(file));
	assert.ok(events.length >= 3);
	assert.equal(meta.source, "exec-tree.ts");
	const values = events.flatMap((event) => [
		event.context,
		...event.outcomes.flatMap(({ record }) => record ?? []),
		...event.objects.flatMap(({ fields }) =>
			fields.flatMap(({ shape, value }) => (typeof value === "number" || shape.signed ? [] : [value])),
		),
	]);
	for (const value of values) {
		const view = new DataView(value.buffer, value.byteOffset, value.length);
		for (let at = 0; at + 8 <= value.length; at += 8)
			assert.ok(view.getBigUint64(at, true) >> 47n !== 0x1ffffn, `byte ${at} of ${Buffer.from(value).toString("hex")}`);
	}
});

test("options of the file are kept, and the user half runs", async (t) => {
	const file = join(work, "failed.rec");
	const words = ["record", "--duration", "3", "-o", file, "examples/open/open.ts", "--failed", "-c", "cat"];
	const run = await ready(t, new Run(process.execPath, [launcher, ...words]));
	if (!run) return;
	happen();
	await run.said(/cat ENOENT .*\/nothing\/here/);
	endedWell(await run.interrupt());
	assert.deepEqual(readRecording(readFileSync(file)).meta.options, ["--failed", "-c", "cat"]);
	const same = skep("run", "--replay", file, "examples/open/open.ts");
	assert.equal(same.status, 0, same.stderr);
	assert.match(same.stdout, /cat ENOENT .*\/nothing\/here/);
	const other = skep("run", "--replay", file, "examples/open/open.ts", "-c", "nobody");
	assert.equal(other.status, 0, other.stderr);
	assert.equal(other.stdout, "");
	assert.match(other.stderr, /note: it was recorded with --failed -c cat: records may differ/);
});

test("what cannot be recorded is refused", async (t) => {
	const object = join(work, "exec.o");
	assert.equal(skep("build", "examples/exec/exec.ts", "-o", object).status, 0);
	const asObject = skep("record", object);
	assert.equal(asObject.status, 1);
	assert.match(asObject.stderr, /exec\.o is an object: what logs is compiled into a program/);
	const packets = skep("record", "examples/xdp-filter/xdp-filter.ts");
	assert.equal(packets.status, 1);
	assert.match(packets.stderr, /SK4008.*cannot be recorded: xdp/s);
	assert.match(packets.stderr, /--pcap/);
	const folder = skep("record", "-o", join(work, "none/x.rec"), "examples/exec/exec.ts");
	assert.equal(folder.status, 1);
	assert.match(folder.stderr, /cannot write .*no such folder/);
	const silent = join(work, "silent.rec");
	const program = join(work, "silent.ts");
	writeFileSync(
		program,
		'import { hash, tracepoint, type u32 } from "skep";\n' +
			"const seen = hash<u32, u32>(8);\n" +
			'tracepoint("syscalls:sys_enter_swapoff", () => { seen.set(1, 1); });\n',
	);
	const nothing = skep("record", "-o", silent, "--duration", "0.1", program);
	if (nothing.status === 3) return t.skip(`needs the privilege to load programs: ${nothing.stderr}`);
	assert.equal(nothing.status, 1);
	assert.match(nothing.stderr, /nothing happened that the programs saw \(0 lost\): .*silent\.rec is not written/);
	assert.equal(existsSync(silent), false);
	return undefined;
});
