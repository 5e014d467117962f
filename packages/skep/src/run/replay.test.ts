// Recordings of the repository on the virtual kernel, without privileges: what Linux gave comes again.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type RecordedEvent, type Recording, writeRecording } from "@skep/bpf/capture";
import { recordingOf, replayed } from "./replay.test-support.ts";
import { readSource } from "./source.ts";
import { launcher, root } from "./whole-run.test-support.ts";

const work = mkdtempSync(join(tmpdir(), "skep-replay-"));
after(() => rmSync(work, { recursive: true, force: true }));

const skep = (...words: string[]) =>
	spawnSync(process.execPath, [launcher, ...words], { cwd: root, encoding: "utf8", timeout: 60_000 });
const fileOf = (name: string, ending: string) => `examples/${name}/${name}.${ending}`;
interface ReplayLine {
	readonly replay: Readonly<Record<string, unknown>>;
}

// biome-ignore format: table
const EXAMPLES: readonly { readonly name: string; readonly records: boolean; readonly maps: readonly string[] }[] = [
	{ name: "exec", records: true, maps: [] },
	{ name: "exec-tree", records: true, maps: [] },
	{ name: "open", records: true, maps: ["starts"] },
	{ name: "read-latency", records: false, maps: ["starts", "latency"] },
	{ name: "syscalls", records: false, maps: ["counts"] },
];

for (const { name, records, maps } of EXAMPLES) {
	test(`${name}: each record and map as Linux gave them`, async () => {
		assert.ok(statSync(join(root, fileOf(name, "rec"))).size <= 50 * 1024);
		const recording = recordingOf(name);
		const counts = await replayed(await readSource(join(root, fileOf(name, "ts"))), recording);
		assert.equal(recording.lost, 0n);
		assert.deepEqual(counts.differences, []);
		assert.deepEqual([counts.events, counts.replayed], [recording.events.length, recording.events.length]);
		assert.equal(counts.agreed, counts.records);
		assert.equal(counts.records > 0, records);
		assert.deepEqual([counts.mapsAgreed, counts.mapsCompared], [maps, maps]);
		assert.deepEqual([counts.different, counts.truncated, counts.gone, counts.refused], [0, 0, 0, 0]);
	});
}

test("--json: the kernel and why, the maps, the counts", () => {
	const words = ["--json", "--replay", fileOf("read-latency", "rec"), fileOf("read-latency", "ts")];
	const { status, stdout, stderr } = skep("run", ...words);
	assert.equal(status, 0, stderr);
	const lines = stdout.trimEnd().split("\n");
	const first = JSON.parse(lines[0]!) as Record<string, unknown>;
	assert.deepEqual([first["kernel"], first["reason"]], ["virtual", "virtual kernel: a recording is replayed"]);
	assert.match(lines[1]!, /^\{"map":"(starts|latency)","key":/);
	const { replay } = JSON.parse(lines.at(-1)!) as ReplayLine;
	assert.equal(replay["different"], 0);
	assert.deepEqual(replay["mapsAgreed"], ["starts", "latency"]);
});

test("the user half gets the records and ends with them", () => {
	const { status, stdout, stderr } = skep("run", "--replay", fileOf("exec", "rec"), fileOf("exec", "ts"));
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^\d+ \d+ uname \/usr\/bin\/uname$/m);
	assert.match(stdout, /\n0 lost\n$/);
	assert.match(stderr, /^replayed (\d+) events: \d+ of \d+ records as Linux gave them$/m);
});

test("every() ticks by the recording's clock, and once at its end", () => {
	const { status, stdout, stderr } = skep("run", "--replay", fileOf("syscalls", "rec"), fileOf("syscalls", "ts"));
	assert.equal(status, 0, stderr);
	const { events } = recordingOf("syscalls");
	const seconds = Math.floor(Number(events.at(-1)!.clock - events[0]!.clock) / 1e9);
	assert.ok(seconds >= 1);
	const tables = stdout.split(/^syscall +comm +count$/m).slice(1);
	assert.equal(tables.length, seconds + 1);
	const most = (table: string) => Number(/(\d+)$/m.exec(table)![1]);
	assert.ok(most(tables[0]!) < most(tables.at(-1)!));
});

test("a file that loads itself is replayed when it does, on the kernel that it asks for", () => {
	const folder = join(work, "itself");
	mkdirSync(folder);
	const file = (kernel: string): string => {
		const program = join(folder, `${kernel}.ts`);
		const text = readFileSync(join(root, fileOf("exec", "ts")), "utf8");
		writeFileSync(
			program,
			text
				.replace("import { ", "import { load, ")
				.replace("for await", `const loaded = await load(import.meta, { kernel: "${kernel}" });\nfor await`),
		);
		return program;
	};
	const own = skep("run", "--replay", fileOf("exec", "rec"), file("virtual"));
	assert.equal(own.status, 0, own.stderr);
	assert.match(own.stderr, /note: .*virtual\.ts is not the exec\.ts that was recorded/);
	assert.match(own.stderr, /^replayed (\d+) events: \1 of \1 records as Linux gave them$/m);
	assert.match(own.stdout, /^\d+ \d+ uname \/usr\/bin\/uname$/m);
	const other = skep("run", "--replay", fileOf("exec", "rec"), file("linux"));
	assert.equal(other.status, 1);
	assert.match(other.stderr, /kernel: "linux".*this run is on the virtual kernel/);
	const alone = skep("run", "--kernel", "virtual", "--duration", "0.1", file("virtual"));
	assert.equal(alone.status, 0, alone.stderr);
	assert.match(alone.stderr, /nothing happens on the virtual kernel by itself/);
});

/** A recording that was tampered with. */
function changed(name: string, edit: (recording: Recording) => Recording): string {
	const file = join(work, `${name}.rec`);
	writeFileSync(file, writeRecording(edit(recordingOf("exec"))));
	return file;
}
const onEvents = (edit: (event: RecordedEvent, i: number) => RecordedEvent) => (recording: Recording) => {
	return { ...recording, events: recording.events.map(edit) };
};

test("what differs is an error that says where", () => {
	const file = changed(
		"uid",
		onEvents((event, i) => (i === 1 ? { ...event, task: { ...event.task, uid: 4242 } } : event)),
	);
	const { status, stderr } = skep("run", "--replay", file, fileOf("exec", "ts"));
	assert.equal(status, 1);
	assert.match(
		stderr,
		/differs: event 1 \(sched_process_exec\): events: byte 8 on 92 10 00 00 .*, Linux gave .. .. 00 00 /,
	);
	const failed = changed(
		"failed",
		onEvents((event, i) =>
			i === 0
				? { ...event, outcomes: event.outcomes.map(({ map }) => ({ map, record: undefined, pointers: [] })) }
				: event,
		),
	);
	const lost = skep("run", "--replay", failed, fileOf("exec", "ts"));
	assert.equal(lost.status, 0, lost.stderr);
	// A reservation that failed fails again, and the program counts it.
	assert.match(lost.stdout, /\n1 lost\n$/);
});

test("a changed program is replayed, and told from the one that was recorded", () => {
	const folder = join(work, "changed");
	mkdirSync(folder);
	const text = readFileSync(join(root, fileOf("exec", "ts")), "utf8");
	const program = join(folder, "exec.ts");
	writeFileSync(program, text.replace("e.uid = current.uid;", "e.uid = 7;"));
	const { status, stdout, stderr } = skep("run", "--json", "--replay", fileOf("exec", "rec"), program);
	assert.equal(status, 0, stderr);
	assert.match(stderr, /note: .*exec\.ts is not the exec\.ts that was recorded: records may differ/);
	const lines = stdout.trimEnd().split("\n");
	assert.equal((JSON.parse(lines[1]!) as { uid: number }).uid, 7);
	const { replay } = JSON.parse(lines.at(-1)!) as ReplayLine;
	assert.equal(replay["replayed"], replay["events"]);
	assert.ok(Number(replay["different"]) > 0);
});

test("events that the log did not hold whole are run and not compared; of other programs they are counted", () => {
	const file = changed("odd", (recording) => ({
		...onEvents((event, i) => ({ ...event, truncated: i === 0, program: i === 1 ? 1 : 0 }))(recording),
		meta: {
			...recording.meta,
			programs: [...recording.meta.programs, { name: "gone", section: "tp_btf/x", fields: [] }],
		},
	}));
	const { status, stderr } = skep("run", "--replay", file, fileOf("exec", "ts"));
	assert.equal(status, 0, stderr);
	assert.match(stderr, /^1 event too long for the log: run, and not compared$/m);
	assert.match(stderr, /^1 event of programs that the file has no more$/m);
});

test("a tracepoint whose fields stood elsewhere is translated, one that lacked a field is said", () => {
	const [{ section, fields } = { section: "", fields: [] }] = recordingOf("exec").meta.programs;
	assert.deepEqual(
		[section, fields[0]],
		["tracepoint/sched/sched_process_exec", { name: "filename", offset: 8, size: 4 }],
	);
	// The record of an older kernel: the old pid first, then the name's place; the name itself begins 8 bytes later.
	const elsewhere = (lack: boolean) =>
		changed("older", (recording) => ({
			...recording,
			meta: {
				...recording.meta,
				programs: [
					{
						name: "sched_process_exec",
						section,
						fields: [
							{ name: "old_pid", offset: 8, size: 8 },
							...(lack ? [] : [{ name: "filename", offset: 20, size: 4 }]),
							{ name: "pid", offset: 24, size: 4 },
						],
					},
				],
			},
			events: recording.events.map((event) => {
				const context = new Uint8Array(event.context.length + 8);
				context.set(event.context.subarray(20), 28);
				const [was, is] = [event.context, context].map(({ buffer, byteOffset }) => new DataView(buffer, byteOffset));
				is!.setUint32(20, was!.getUint32(8, true) + 8, true);
				is!.setInt32(24, was!.getInt32(12, true), true);
				is!.setInt32(8, was!.getInt32(16, true), true);
				return { ...event, context };
			}),
		}));
	const { status, stdout, stderr } = skep("run", "--replay", elsewhere(false), fileOf("exec", "ts"));
	assert.equal(status, 0, stderr);
	assert.match(stderr, /^replayed (\d+) events: \1 of \1 records as Linux gave them$/m);
	assert.match(stdout, / uname \/usr\/bin\/uname$/m);
	const lacking = skep("run", "--replay", elsewhere(true), fileOf("exec", "ts"));
	assert.equal(lacking.status, 0, lacking.stderr);
	assert.match(
		lacking.stderr,
		/^note: the recording has no filename of tracepoint\/sched\/sched_process_exec: records may/m,
	);
});

test("what is no recording is refused", () => {
	const refused = (message: RegExp, status: number, ...words: string[]) => {
		const run = skep("run", ...words, fileOf("exec", "ts"));
		assert.equal(run.status, status, run.stderr);
		assert.match(run.stderr, message);
	};
	refused(/no-such\.rec: no such file/, 1, "--replay", "no-such.rec");
	refused(/package\.json is no recording: `skep record` makes one/, 1, "--replay", "package.json");
	const half = join(work, "half.rec");
	const bytes = readFileSync(join(root, fileOf("exec", "rec")));
	writeFileSync(half, bytes.subarray(0, bytes.length / 2));
	refused(/half\.rec, offset \d+, /, 1, "--replay", half);
	refused(/for the virtual kernel/, 2, "--kernel", "linux", "--replay", fileOf("exec", "rec"));
	refused(/one of them/, 2, "--pcap", "x.pcap", "--replay", fileOf("exec", "rec"));
});

/** As root without any capability: files can be read, eBPF is forbidden. */
const confined = (...words: string[]) =>
	spawnSync("setpriv", ["--bounding-set=-all", "--inh-caps=-all", process.execPath, launcher, ...words], {
		cwd: root,
		encoding: "utf8",
		timeout: 60_000,
	});

test("without privileges the demo replays, and run says how it could", (t) => {
	const direct = process.getuid?.() !== 0;
	const without = direct ? skep : confined;
	const demo = without("demo", "--duration", "1");
	if (demo.error) return t.skip(`needs setpriv: ${demo.error.message}`);
	assert.equal(demo.status, 0, demo.stderr);
	assert.match(
		demo.stderr,
		/no live events here, so examples\/exec\/exec\.rec is replayed, which was recorded on Linux/,
	);
	assert.match(demo.stderr, /^virtual kernel: no permission for Linux: .*CAP_BPF/m);
	assert.match(demo.stdout, /\n0 lost\n$/);
	const json = without("demo", "--json");
	assert.equal(json.status, 0, json.stderr);
	assert.match(json.stdout, /^\{"kernel":"virtual","reason":"virtual kernel: no permission for Linux: /);
	const run = without("run", fileOf("exec", "ts"));
	assert.equal(run.status, 3);
	assert.match(run.stderr, /CAP_BPF/);
	assert.match(
		run.stderr,
		/it takes a recording without privileges → skep run --replay examples\/exec\/exec\.rec examples\/exec\/exec\.ts$/m,
	);
	const record = without("record", "-o", join(work, "x.rec"), fileOf("exec", "ts"));
	assert.equal(record.status, 3);
	assert.match(record.stderr, /CAP_BPF/);
	return undefined;
});
