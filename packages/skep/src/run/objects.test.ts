// `skep run FILE.o`: objects that skep built, and those of clang.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { endedWell, launcher, parseLines, pidOf, Run, ready, root, start } from "./whole-run.test-support.ts";

const work = mkdtempSync(join(tmpdir(), "skep-objects-"));
after(() => rmSync(work, { recursive: true, force: true }));

function built(name: string): string {
	const object = join(work, `${name}.o`);
	const { status, stderr } = spawnSync(
		process.execPath,
		[launcher, "build", `examples/${name}/${name}.ts`, "-o", object],
		{ cwd: root, encoding: "utf8" },
	);
	assert.equal(status, 0, stderr);
	return object;
}

/** What each example shows as an object, where its user half is not there: tables of records, maps at the end. */
const SHOWN: Readonly<Record<string, readonly RegExp[]>> = {
	exec: [/^ +pid +ppid +uid {2}comm +filename$/m, /^ *\d+ +\d+ +\d+ {2}true +\/bin\/true$/m],
	open: [/^ +pid +ret +us {2}comm +path$/m, /^starts \(\d+ entr(y|ies)\)$/m],
	"read-latency": [/^latency\n\[/m, /^\[0\] +\d+ \|@*/m],
	syscalls: [/^counts \(\d+ entries\)\n +nr {2}comm +value$/m],
	"exec-tree": [/^ +pid +inode +runtime {2}file +depth {2}tree$/m, / true +\d+ {2}\[\{pid=\d+ comm=node/],
};

for (const [name, texts] of Object.entries(SHOWN)) {
	test(`${name}.o shows its records and maps`, async (t) => {
		const run = await start(t, built(name));
		if (!run) return;
		pidOf("/bin/true");
		const ended = await run.interrupt();
		endedWell(ended);
		for (const text of texts) assert.match(ended.stdout, text);
		assert.match(ended.stderr, /, 0 lost, /);
	});
}

test("options of the source are those of its object", async (t) => {
	const object = built("open");
	const help = spawnSync(process.execPath, [launcher, "run", object, "--help"], { encoding: "utf8" });
	assert.match(help.stdout, /^ +-x, --failed +only/m);
	const run = await start(t, object, "--failed", "--comm", "cat");
	if (!run) return;
	pidOf("cat", join(work, "nothing-here"));
	pidOf("cat", "/dev/null");
	const ended = await run.interrupt();
	endedWell(ended);
	assert.match(ended.stdout, /^ *\d+ +-2 +\d+ {2}cat +.*nothing-here$/m);
	assert.doesNotMatch(ended.stdout, /\/dev\/null/);
});

/** Compiles C; undefined: the test is skipped. */
function clang(t: TestContext, name: string, source: string): string | undefined {
	if (spawnSync("clang-19", ["--version"]).error) {
		t.skip("needs clang-19, to have a foreign object");
		return undefined;
	}
	writeFileSync(join(work, `${name}.bpf.c`), source);
	const object = join(work, `${name}.bpf.o`);
	const { status, stderr } = spawnSync(
		"clang-19",
		["-O2", "-g", "-target", "bpf", "-c", `${name}.bpf.c`, "-o", object],
		{
			cwd: work,
			encoding: "utf8",
		},
	);
	assert.equal(status, 0, stderr);
	return object;
}

const HEAD = `
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
typedef unsigned int u32;
typedef unsigned long long u64;
static void *(*lookup)(void *, const void *) = (void *)1;
static u64 (*pid_tgid)(void) = (void *)14;
static void *(*reserve)(void *, u64, u64) = (void *)131;
static void (*submit)(void *, u64) = (void *)132;
char LICENSE[] SEC("license") = "GPL";
`;

test("a foreign object: records as bytes, maps by their types, losses not known", async (t) => {
	const object = clang(
		t,
		"foreign",
		`${HEAD}
struct key { u32 a; char b[4]; };
struct { __uint(type, 27); __uint(max_entries, 65536); } records SEC(".maps");
struct { __uint(type, 6); __uint(max_entries, 1); __type(key, u32); __type(value, u64); } hits SEC(".maps");
SEC("tracepoint/sched/sched_process_exec") int on_exec(void *ctx)
{
	u32 zero = 0, *record = reserve(&records, 8, 0);
	u64 *n = lookup(&hits, &zero);
	if (n) ++*n;
	if (!record) return 0;
	record[0] = pid_tgid() >> 32;
	record[1] = 0xaabbccdd;
	submit(record, 0);
	return 0;
}`,
	);
	if (object === undefined) return;
	const run = await start(t, object);
	if (!run) return;
	const pid = pidOf("/bin/true");
	const ended = await run.interrupt();
	endedWell(ended);
	const hex = Buffer.from(Uint32Array.of(pid).buffer).toString("hex");
	assert.match(ended.stdout, new RegExp(`^text +bytes\\n(?:.*\\n)*.*${hex}ddccbbaa$`, "m"));
	assert.match(ended.stdout, /^hits \(1 entry\)\nkey +value\n +0 +\d+$/m);
	assert.match(ended.stderr, /^\d+ events?, lost: not known /m);
	const lines = await start(t, "--json", "--limit", "1", object);
	pidOf("/bin/true");
	const { between, last } = parseLines((await lines!.ended).stdout);
	assert.match(String(between[0]?.["bytes"]), /ddccbbaa$/);
	assert.equal(last["lost"], null);
});

test("a foreign xdp program is attached where --dev says", async (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root: it makes a network namespace");
	const object = clang(t, "pass", `${HEAD}\nSEC("xdp") int pass(void *ctx) { return 2; }`);
	if (object === undefined) return;
	const alone = spawnSync(process.execPath, [launcher, "run", object], { encoding: "utf8" });
	if (alone.status === 3) return t.skip(`needs the privilege to load programs: ${alone.stderr}`);
	assert.equal(alone.status, 1);
	assert.match(alone.stderr, /pass is not attached: section xdp names no network device, give --dev DEV$/m);
	assert.match(alone.stderr, /^skep: nothing is attached, so nothing can be seen: skep run .*pass\.bpf\.o --dev DEV$/m);
	const run = await ready(t, new Run("unshare", ["-n", process.execPath, launcher, "run", object, "--dev", "lo"]));
	if (!run) return;
	const ended = await run.interrupt();
	endedWell(ended);
	assert.match(ended.stderr, /attached: xdp lo/);
});

test("a foreign object's constants are options, its perf buffer and variables are shown", async (t) => {
	const object = clang(
		t,
		"perf",
		`${HEAD}
struct event { u32 pid; char comm[16]; };
struct { __uint(type, 4); __type(value, struct event); } events SEC(".maps");
const volatile u32 only = 0;
const volatile char word[8] = "nothing";
u64 seen; u32 first;
static long (*output)(void *, void *, u64, void *, u64) = (void *)25;
static long (*get_comm)(void *, u32) = (void *)16;
SEC("tracepoint/sched/sched_process_exec") int on_exec(void *ctx)
{
	struct event event = { .pid = pid_tgid() >> 32 };
	seen += only;
	first = word[0];
	get_comm(event.comm, 16);
	output(ctx, &events, 0xffffffffULL, &event, sizeof event);
	return 0;
}
SEC("?tracepoint/sched/sched_process_exit") int on_exit(void *ctx) { return 0; }`,
	);
	if (object === undefined) return;
	const help = spawnSync(process.execPath, [launcher, "run", object, "--help"], { encoding: "utf8" });
	assert.match(help.stdout, /^ +--only N +constant of the object \(default 0\)$/m);
	assert.match(help.stdout, /^ +--word TEXT +constant of the object \(default nothing\)$/m);
	const run = await start(t, object, "--only", "7", "--word", "abc");
	if (!run) return;
	const pid = pidOf("/bin/true");
	const ended = await run.interrupt();
	endedWell(ended);
	assert.match(ended.stdout, new RegExp(`^ +pid +comm\\n(?:.*\\n)*? *${pid} +true$`, "m"));
	assert.match(ended.stdout, /^variable +value\n(?:.*\n)*?seen +\d*[1-9]\d*\n/m);
	assert.match(ended.stdout, /^first +97$/m);
	assert.match(ended.stderr, /^\d+ events?, 0 lost, /m);
	assert.match(ended.stderr, /attached: tracepoint sched\/sched_process_exec$/m);
	const chosen = await start(t, object, "--programs", "on_exit");
	const other = await chosen!.interrupt();
	assert.match(other.stderr, /attached: tracepoint sched\/sched_process_exit$/m);
});

test("a foreign object's iterators are read, with a map that leaves its size open", async (t) => {
	const object = clang(
		t,
		"iterator",
		`${HEAD}
struct { __uint(type, 1); __type(key, u32); __type(value, u64); } open_map SEC(".maps");
static long (*seq_write)(void *, const void *, u32) = (void *)127;
struct meta { void *seq; u64 session, number; };
struct context { struct meta *meta; void *map; };
SEC("iter/bpf_map") int maps(struct context *ctx)
{
	u32 zero = 0;
	if (!ctx->map) return 0;
	lookup(&open_map, &zero);
	seq_write(ctx->meta->seq, "a map\\n", 6);
	return 0;
}`,
	);
	if (object === undefined) return;
	const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, "run", object], { encoding: "utf8" });
	if (status === 3) return t.skip(`needs the privilege to load programs: ${stderr}`);
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^a map\n(a map\n)*\nopen_map \(0 entries\)$/m);
	assert.match(stderr, /the size of open_map open: 1024 entries, unless --max_entries says otherwise$/m);
	const lines = spawnSync(process.execPath, [launcher, "run", "--json", object], { encoding: "utf8" });
	assert.match(lines.stdout, /^\{"iterator":"maps","line":"a map"\}$/m);
});
