// Each refusal: what it says, with which status, and never a stack trace. Through the launcher, as people meet them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Btf, BtfBuilder } from "@skep/bpf/btf";
import { writeObject } from "@skep/bpf/object";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = join(root, "packages/skep/bin/skep");
const cases = "packages/skep/testdata/refusals";
const exec = "examples/exec/exec.ts";
const work = mkdtempSync(join(tmpdir(), "skep-refusals-"));
chmodSync(work, 0o755);
after(() => rmSync(work, { recursive: true, force: true }));

function skep(...words: string[]) {
	const { SKEP_DEBUG: _, ...env } = process.env;
	const result = spawnSync(process.execPath, [launcher, ...words], {
		cwd: root,
		env,
		encoding: "utf8",
		timeout: 60_000,
	});
	assert.doesNotMatch(result.stderr, /^\s+at .*[:(]/m, "a stack trace");
	return result;
}

function refused(words: readonly string[], status: number, ...texts: readonly RegExp[]): void {
	const result = skep(...words);
	for (const text of texts) assert.match(result.stderr, text);
	assert.equal(result.status, status, result.stderr);
	assert.equal(result.stdout, "");
}

test("no such file", () =>
	refused(["run", "examples/exec/nosuch.ts"], 1, /^skep: examples\/exec\/nosuch\.ts: no such file$/m));
test("no such file, another ending", () =>
	refused(["run", "examples/exec/exec.js"], 1, /no such file, did you mean exec\.ts\?/));
test("a folder", () =>
	refused(
		["run", "examples/exec"],
		1,
		/examples\/exec is a folder: a file is expected, did you mean examples\/exec\/exec\.ts\?/,
	));
test("a folder of folders", () =>
	refused(
		["run", "examples"],
		1,
		/examples is a folder: a file is expected; it has exec-tree\/exec-tree\.ts, exec\/exec\.ts, /,
	));
test("not TypeScript", () =>
	refused(
		["run", "README.md"],
		1,
		/README\.md is not TypeScript: a file ending in \.ts, or an eBPF object, is expected/,
	));
test("not text", () => {
	const file = join(work, "binary.ts");
	writeFileSync(file, Uint8Array.of(0xff, 0xfe, 0x00, 0xc3));
	refused(["build", file], 1, /is not TypeScript: it is not UTF-8 text/);
});

test("no regular file: it is not waited for", (t) => {
	const pipe = join(work, "pipe.ts");
	if (spawnSync("mkfifo", [pipe]).status !== 0) return t.skip("needs mkfifo");
	refused(["run", pipe], 1, /pipe\.ts is a named pipe: a regular file is expected/);
	refused(["types", pipe], 1, /pipe\.ts is a named pipe/);
	refused(["run", "/dev/zero"], 1, /\/dev\/zero is a character device: a regular file is expected/);
	refused(["build", "--btf", "/dev/zero", exec], 1, /\/dev\/zero is a character device/);
	refused(["build", "--btf", "package.json", exec], 1, /package\.json is no BTF file: raw BTF is expected/);
});
test("symbolic links in a circle; no name; no space", () => {
	symlinkSync("round-b.ts", join(work, "round-a.ts"));
	symlinkSync("round-a.ts", join(work, "round-b.ts"));
	refused(["run", join(work, "round-a.ts")], 1, /round-a\.ts: its symbolic links lead in a circle$/m);
	refused(["run", ""], 1, /^skep: the name of the file is empty$/m);
	refused(["build", exec, "-o", "/dev/full"], 1, /^skep: cannot write \/dev\/full: no space is left$/m);
});
test("a type that the kernel does not have", () =>
	refused(["types", "-o", "-", "nosuchstruct"], 1, /\/sys\/kernel\/btf\/vmlinux has no type nosuchstruct$/m));

test("syntax error", () => refused(["run", `${cases}/syntax-error.ts`], 1, /syntax-error\.ts:2:39 error SK1000: /));
test("unknown tracepoint", () =>
	refused(
		["run", `${cases}/unknown-tracepoint.ts`],
		1,
		/unknown-tracepoint\.ts:4:12 error SK4001: /,
		/sched:sched_process_exec/,
	));
test("missing null check", () =>
	refused(["run", `${cases}/null-check.ts`], 1, /null-check\.ts:\d+:\d+ error SK3008: /));
test("unbounded loop", () =>
	refused(["run", `${cases}/unbounded-loop.ts`], 1, /unbounded-loop\.ts:4:\d+ error SK3002: /));
test("513 bytes of stack", () =>
	refused(["run", `${cases}/stack.ts`], 1, /stack\.ts:\d+:\d+ error SK3006: /, /512/, /5(13|20) bytes/));

test("a truncated object", () => {
	const whole = join(work, "whole.o");
	assert.equal(skep("build", exec, "-o", whole).status, 0);
	const bytes = readFileSync(whole);
	for (const length of [3, 40, 100, Math.floor(bytes.length / 2), bytes.length - 1]) {
		const file = join(work, "cut.o");
		writeFileSync(file, bytes.subarray(0, length));
		refused(["run", file], 1, /^skep: .*cut\.o/m, length < 64 ? /./ : /it is cut short/);
	}
});

test("the kernel's verifier, with its whole log and the TypeScript line", (t) => {
	if (skep("run", "--duration", "0.1", "--json", exec).status === 3)
		return t.skip("needs CAP_BPF: the verifier is not asked without");
	const source = join(work, "bad.ts");
	writeFileSync(source, "line one\n\tcounts.ref(0).n += 1n;\n");
	const object = join(work, "bad.o");
	writeFileSync(object, objectThatLeavesR0Unset(source));
	refused(
		["run", object],
		1,
		/bad\.ts:2:2 error SK6001: .*R0 !read_ok/,
		/\| \tcounts\.ref\(0\)\.n \+= 1n;/,
		// The finding stands last, where a terminal still shows it after a long log.
		/^the verifier's log:\n[\s\S]*^0: \(95\) exit$[\s\S]*processed \d+ insns[\s\S]*\n\n\S*bad\.ts:2:2 error SK6001: [\s\S]*\^$/m,
	);
});

test("a pin by name where no bpffs is mounted, or one is", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root: it makes a mount namespace");
	const file = join(work, "pinned.ts");
	writeFileSync(
		file,
		`import { hash, tracepoint, type u32, type u64 } from "skep";
const seen = hash<u32, u64>(64, { pin: "seen" });
tracepoint("sched:sched_process_exec", () => { seen.add(7, 1n); });\n`,
	);
	const inNamespace = (script: string) =>
		spawnSync("unshare", ["-m", "sh", "-c", script], { cwd: root, encoding: "utf8", timeout: 60_000 });
	const run = `${process.execPath} ${launcher} run --json --duration 0.2`;
	const without = inNamespace(`${run} --pin-path ${work} ${file}`);
	if (without.status === 3) return t.skip(`needs the privilege to load programs: ${without.stderr}`);
	assert.match(without.stderr, /seen is not in a BPF file system \(bpffs\); mount one as root/);
	assert.equal(without.status, 1);
	const pinned = inNamespace(`mount -t bpf bpf /sys/fs/bpf && ${run} ${file} >/dev/null && ls /sys/fs/bpf/skep`);
	assert.equal(pinned.stdout, "seen\n", pinned.stderr);
	// sysfs makes no folders: nobody may wait for one.
	const nowhere = inNamespace(`umount -q -l /sys/fs/bpf; ${run} ${file}`);
	assert.match(nowhere.stderr, /is not in a BPF file system/);
	assert.equal(nowhere.status, 1);
});

test("a field that this kernel lacks, at its line", (t) => {
	const shipped = Btf.decode(readFileSync(join(root, "packages/compiler/data/kernel.btf")));
	const builder = new BtfBuilder();
	const type = shipped.find("unsigned int", "int")!;
	for (let id = 1; id <= shipped.count; id++) {
		const each = shipped.type(id);
		if (each.kind !== "struct" || each.name !== "task_struct") builder.add(each);
		else {
			const extra = { ...each.members[0]!, name: "skep_extra", type, bitOffset: each.size * 8, bitSize: 0 };
			builder.add({ ...each, size: each.size + 8, members: [...each.members, extra] });
		}
	}
	const btf = join(work, "extra.btf");
	writeFileSync(btf, builder.encode());
	const file = join(work, "extra.ts");
	writeFileSync(
		file,
		`import { current, ringbuf, tracepoint, type u32 } from "skep";
interface A { extra: u32 }
const a = ringbuf<A>(65536);
tracepoint("sched:sched_process_exec", () => {
	a.emit((e) => {
		e.extra = current.task.skep_extra;
	});
});\n`,
	);
	const { status, stderr } = skep("run", "--duration", "0.2", "--btf", btf, file);
	if (status === 3) return t.skip(`needs the privilege to load programs: ${stderr}`);
	assert.equal(status, 1);
	assert.match(stderr, /extra\.ts:6:\d+\): field skep_extra of struct task_struct does not exist on this kernel$/m);
	assert.match(stderr, /\| \t\te\.extra = current\.task\.skep_extra;$/m);
	assert.match(stderr, /= guard it: if \(exists/);
});

test("no permission", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root: it becomes nobody");
	const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
	for (const words of [
		["run", exec],
		["record", "-o", "/tmp/skep-never.rec", exec],
		["demo", "--duration", "1", "--kernel", "linux"],
	]) {
		const result = spawnSync("setpriv", [...nobody, process.execPath, launcher, ...words], {
			cwd: root,
			encoding: "utf8",
			timeout: 60_000,
		});
		if (result.error) return t.skip("setpriv is not installed");
		assert.equal(result.status, 3, result.stderr);
		assert.match(result.stderr, /^ {2}CAP_BPF and CAP_PERFMON are missing \(uid 65534\) → /m);
		assert.doesNotMatch(result.stderr, /CAP_NET_ADMIN/);
		assert.doesNotMatch(result.stderr, /^\s+at /m);
	}
});

test("nouns without permission: what is missing, and the same as JSON", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root: it becomes nobody");
	const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
	const run = (...words: string[]) =>
		spawnSync("setpriv", [...nobody, process.execPath, launcher, ...words], {
			cwd: root,
			encoding: "utf8",
			timeout: 60_000,
		});
	for (const line of ["prog show", "map update id 1 key 1 value 1", "net attach xdp id 1 dev lo", "perf show"]) {
		const plain = run(...line.split(" "));
		if (plain.error) return t.skip("setpriv is not installed");
		assert.deepEqual([plain.status, plain.stdout], [3, ""], plain.stderr);
		assert.match(
			plain.stderr,
			/^skep: Linux .* does not permit eBPF to this process:\n {2}CAP_BPF.* missing \(uid 65534\) → /,
		);
	}
	const json = run("-j", "prog", "show");
	assert.deepEqual([json.status, json.stderr], [3, ""]);
	assert.match((JSON.parse(json.stdout) as { error: string }).error, /CAP_BPF/);
	// What needs no privilege works.
	assert.equal(run("token", "show").status, 0);
	assert.equal(run("prog", "help").status, 0);
	return undefined;
});

test("who asks for JSON gets refusals as JSON where answers are, as from bpftool", (t) => {
	const rows: readonly (readonly [line: string, status: number, error: RegExp, hint?: string])[] = [
		["-j prog show id 4294967295", 1, /^there is no program with id 4294967295/],
		["-jp map show pinned /etc/passwd", 1, /\/etc\/passwd is not in a BPF file system/],
		["prog --json shwo", 2, /^no "prog shwo", did you mean show\?$/, "skep prog --help"],
		["-j map update id 1 key", 2, /./],
		["-j prgo show", 2, /^no command "prgo", did you mean prog\?$/, "skep help"],
	];
	for (const [line, status, error, hint] of rows) {
		const result = skep(...line.split(" "));
		if (result.status === 3) return t.skip(`needs CAP_BPF: ${result.stdout}`);
		// Object 1 may be there or not: only what it looks like matters then.
		assert.ok(status === result.status || line.includes("id 1"), `${line}: ${result.status}`);
		assert.equal(result.stderr, "", line);
		const told = JSON.parse(result.stdout) as { error: string; hint?: string };
		assert.match(told.error, error);
		if (hint !== undefined) assert.equal(told.hint, hint);
	}
	const theirs = spawnSync("bpftool", ["-j", "prog", "show", "id", "4294967295"], { encoding: "utf8" });
	if (!theirs.error) assert.deepEqual(Object.keys(JSON.parse(theirs.stdout) as object), ["error"]);
	return undefined;
});

test("--import skep/register on a Node that is too old", () => {
	const older = 'data:text/javascript,Object.defineProperty(process.versions, "node", { value: "20.20.2" })';
	const result = spawnSync(process.execPath, ["--import", older, "--import", "skep/register", exec], {
		cwd: root,
		encoding: "utf8",
	});
	assert.match(result.stderr, /^skep: needs Node 22\.\d+ or later, this is Node 20\.20\.2 /);
	assert.match(result.stderr, /\n {6}there is one here: .*node --import skep\/register .*exec\.ts\n$/);
	assert.equal(result.status, 1);
});

test("options of the file", () => {
	refused(["run", "examples/open/open.ts", "--faild"], 2, /no option --faild; there are --comm NAME, --failed/);
	refused(
		["run", exec, "--duration", "1"],
		2,
		/--duration: this file has no options; options of skep stand before the file: skep run --duration … examples/,
	);
	refused(["run", "examples/open/open.ts", "--comm"], 2, /--comm wants NAME after it/);
});

test("a device that is not there", (t) => {
	const { status, stderr } = skep("run", "examples/xdp-filter/xdp-filter.ts", "nosuch0");
	if (status === 3) return t.skip(`needs the privilege to load programs: ${stderr}`);
	assert.match(stderr, /DEV: "nosuch0" is not a network interface here/);
	assert.equal(status, 2);
});

test("the command line", () => {
	refused(["run"], 2, /run wants a file/, /skep run --help tells more/);
	refused([exec], 2, /"examples\/exec\/exec\.ts" is no command: skep run examples\/exec\/exec\.ts/);
	refused(["--foo"], 2, /no option --foo before a command; there are --help and --version/);
	refused(["rnu", exec], 2, /no command "rnu", did you mean run\?/);
	refused(["run", "--durtion", "1", exec], 2, /no option --durtion, did you mean --duration\?/);
	refused(["run", "--duration", "soon", exec], 2, /--duration: "soon" is not a time like 10, 1\.5s or 2m/);
	refused(["run", "--limit", "0", exec], 2, /--limit: "0" is not a number from 1/);
	refused(["run", "--kernel", "windows", exec], 2, /--kernel: "windows" is not one of linux, virtual, auto/);
	refused(
		["build", exec, "-o", "/no/such/folder/exec.o"],
		1,
		/cannot write \/no\/such\/folder\/exec\.o: no such folder/,
	);
});

test("every command has help with an example, on stdout", () => {
	for (const command of ["run", "demo", "build", "types", "help"]) {
		const { status, stdout } = skep(command, "--help");
		assert.equal(status, 0);
		assert.match(stdout, new RegExp(`^skep ${command}: `));
		assert.match(stdout, /^examples?:\n {2}skep /m);
	}
	assert.match(skep("help").stdout, /3 a permission is missing/);
});

test("the file's help lists its options", () => {
	const { status, stdout } = skep("run", "examples/open/open.ts", "--help");
	assert.equal(status, 0);
	assert.equal(
		stdout,
		"usage: skep run examples/open/open.ts [options]\n\n  -c, --comm NAME  only this command\n  -x, --failed     only opens that failed\n",
	);
});

/** An object with one program of one instruction, `exit`, whose line information names a TypeScript file. */
function objectThatLeavesR0Unset(file: string): Uint8Array {
	const btf = new BtfBuilder();
	const int = btf.add({
		kind: "int",
		name: "int",
		size: 4,
		bits: 32,
		offset: 0,
		signed: true,
		char: false,
		bool: false,
	});
	const ctx = btf.add({ kind: "ptr", type: 0 });
	const proto = btf.add({ kind: "func_proto", ret: int, params: [{ name: "ctx", type: ctx }] });
	const func = btf.add({ kind: "func", name: "bad", type: proto, linkage: "global" });
	return writeObject({
		license: "GPL",
		btf,
		maps: [],
		data: [],
		functions: [
			{
				name: "bad",
				section: "tracepoint/sched/sched_process_exec",
				global: true,
				insns: Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0),
				references: [],
				core: [],
				lines: [{ slot: 0, file, text: "\tcounts.ref(0).n += 1n;", line: 2, column: 2 }],
				btfFunc: func,
			},
		],
	});
}
