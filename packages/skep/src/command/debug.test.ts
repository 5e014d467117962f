// `skep debug` as it is used from a pipe: whole sessions, in both directions.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = fileURLToPath(new URL("../../bin/skep", import.meta.url));
const PACKETS = "examples/xdp-filter/packets.pcapng";
const FILTER = ["--pcap", PACKETS, "examples/xdp-filter/xdp-filter.ts"];
const EXEC = ["--replay", "examples/exec/exec.rec", "examples/exec/exec.ts"];

function debug(words: readonly string[], commands: readonly string[]) {
	const input = commands.map((line) => `${line}\n`).join("");
	return spawnSync(process.execPath, [launcher, "debug", ...words], {
		cwd: root,
		encoding: "utf8",
		input,
		timeout: 60_000,
	});
}

const values = (stdout: string): Record<string, unknown>[] =>
	stdout
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line) as Record<string, unknown>);

test("packets: a breakpoint, a watch on a map, back to who wrote, and over the event's end", () => {
	const commands = [
		"b xdp-filter.ts:26",
		"c",
		"p r8",
		"map packets",
		"watch map packets",
		"rc",
		"rs",
		"d",
		"fin",
		"s",
		"rsi",
		"q",
		"s",
	];
	const { stdout, stderr, status } = debug(FILTER, commands);
	assert.equal(stderr, "");
	assert.equal(status, 0);
	const here = "filter at examples/xdp-filter/xdp-filter.ts";
	assert.equal(
		stdout
			.replace(/: (call \d+|.* = .*|if .*|exit)$/gm, ": …")
			.replace(/instruction \d+/g, "instruction N")
			.replace(/^ +\d+: …$/gm, " N: …"),
		`the beginning
event 0 (packet 0, 71 bytes), instruction N: ${here}:10
   10    const c = packet.cursor();
 N: …
breakpoint 1: ${here}:26, instruction N
breakpoint 1
event 0 (packet 0, 71 bytes), instruction N: ${here}:26
   26    if (proto !== IPPROTO.UDP) return XDP.PASS;
 N: …
r8 = 0x11 (17)
packets (percpu_hash, 1 entry)
key  cpu0  cpu1
 17     1     0
watch 2: map packets
watch 2: changed by instruction N, ${here}:25
event 0 (packet 0, 71 bytes), instruction N: ${here}:25
   25    packets.add(proto, 1n);
 N: …
event 0 (packet 0, 71 bytes), instruction N: ${here}:25
   25    packets.add(proto, 1n);
 N: …
event 0 (packet 0, 71 bytes) is over: DROP, 45 instructions
event 1 (packet 1, 42 bytes), instruction N: ${here}:10
   10    const c = packet.cursor();
 N: …
event 0 (packet 0, 71 bytes) is over: DROP, 45 instructions
`,
	);
});

test("a recording: each run is an event, with what it sent", () => {
	const { stdout, stderr, status } = debug(
		["--event", "2", ...EXEC],
		["ctx", "n 2", "b 10", "c", "l", "fin", "e", "ctx"],
	);
	assert.equal(stderr, "");
	assert.equal(status, 0);
	assert.match(stdout, /^filename +\/usr\/bin\/date\npid +174\nold_pid +174$/m);
	const where = "event 2 (sched_process_exec, date (174))";
	assert.match(stdout, /^event 2 \(sched_process_exec, date \(174\)\), instruction 0: .*exec\.ts:6$/m);
	assert.ok(stdout.includes(" 8      e.pid = current.pid;\n") || stdout.includes("    8      e.pid = current.pid;\n"));
	assert.match(stdout, /^\*> {2}10 {6}e\.uid = current\.uid;$/m);
	assert.ok(
		stdout.includes(
			`${where} is over: returned 0, 69 instructions\n         events: pid=174 ppid=172 uid=0 comm=date filename=/usr/bin/date\n`,
		),
		stdout,
	);
	assert.match(stdout, /no program runs\n$/);
});

test("--json: one object a command, the same state whichever way", () => {
	const { stdout, status } = debug(["--json", ...FILTER], ["si 20", "r", "c", "g 0 20", "r", "p r1 +", "bt"]);
	assert.equal(status, 1, "a command was not understood");
	const [first, step, registers, end, again, same, wrong, stack] = values(stdout);
	assert.deepEqual([first!["command"], first!["event"], first!["instruction"]], ["", 0, 0]);
	assert.deepEqual(step!["place"], again!["place"]);
	assert.deepEqual(registers, same);
	assert.deepEqual(end!["stop"], { kind: "end" });
	assert.deepEqual([end!["event"], end!["ended"]], [12, true]);
	assert.match(String(wrong!["error"]), /a value is missing/);
	assert.deepEqual(
		(stack!["frames"] as { function: string }[]).map((each) => each.function),
		["filter"],
	);
});

test("an object of clang: its lines, a tail call, and the first instruction again", () => {
	const object = "packages/bpf/testdata/objects/values.bpf.o";
	const { stdout, stderr, status } = debug(
		["--program", "entry", "--limit", "1", "--pcap", PACKETS, object],
		["b tail", "c", "l", "rc", "c", "c"],
	);
	assert.equal(stderr, "");
	assert.equal(status, 0);
	assert.match(stdout, /^event 0 .*: tail at \.\/values\.bpf\.c:45\n {3}45 {4}return 42;$/m);
	assert.match(stdout, /^ > {2}45 {4}return 42;$/m);
	assert.match(stdout, /the beginning\nevent 0 .*, instruction 0: entry at /);
	assert.match(stdout, /is over: UNKNOWN \(42\), \d+ instructions\n$/);
});

test("what is wrong is said: files, options, commands", () => {
	const refused = (words: readonly string[], text: RegExp, status: number) => {
		const run = debug(words, []);
		assert.match(run.stderr, text);
		assert.equal(run.status, status);
	};
	refused(["examples/exec/exec.ts"], /--pcap FILE or --replay FILE/, 2);
	refused(["--pcap", PACKETS, "examples/exec/exec.ts"], /no XDP program/, 1);
	refused(["--replay", PACKETS, "examples/exec/exec.ts"], /is no recording/, 1);
	refused(["--event", "x", ...FILTER], /--event: "x"/, 2);
	refused([...FILTER, "--no-such"], /no-such/, 2);
	const { stderr, stdout, status } = debug(FILTER, ["nxet", "b 1000", "x 0", "frame 3", "d 7", "p 1 / 0"]);
	assert.deepEqual(stderr.trimEnd().split("\n"), [
		'skep: no command "nxet", did you mean next? (help lists them)',
		"skep: no code at line 1000 of examples/xdp-filter/xdp-filter.ts or behind; files with code: examples/xdp-filter/xdp-filter.ts, examples/xdp-filter/lib/parse.ts",
		"skep: nothing is at 0x0",
		"skep: there is no frame 3; there are 1",
		"skep: there is no breakpoint or watch 7",
		"skep: 1 / 0: division by zero",
	]);
	assert.equal(stdout.split("\n").length, 5, "nothing but where it stands first");
	assert.equal(status, 1);
});
