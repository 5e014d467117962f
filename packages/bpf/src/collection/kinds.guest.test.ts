// Objects of clang with one program of each kind that traces, judges or replaces functions: by section, through the collection.
// In guests what a kernel lacks is told by the table, and everything else has to fire; elsewhere a refusal is the reason to skip.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
	closeSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	openSync,
	readFileSync,
	rmdirSync,
	rmSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { BpfError, NotSupportedError, PermissionError } from "#base";
import { type Kernel, versionCode } from "#kernel";
import type { Link } from "#live";
import { readObject } from "#object";
import { type AttachTarget, Collection, type LoadOptions } from "./index.ts";
import { onKernel } from "./kernel.test-support.ts";

const path = new URL("../../testdata/objects/kinds.bpf.o", import.meta.url);
const spec = readObject(new Uint8Array(readFileSync(path)), { name: "kinds.bpf.o" });
const section = (program: string) => spec.programs.get(program)?.section.slice(1);
const guest = process.env["SKEP_GUEST"];

function inFolder(body: (folder: string) => void): void {
	const folder = mkdtempSync(join(tmpdir(), "skep-kinds-"));
	try {
		body(folder);
	} finally {
		rmdirSync(folder);
	}
}

/** Three times each: a file goes, a folder comes, a system call with no arguments. */
function unlinks(): void {
	inFolder((folder) => {
		for (let i = 0; i < 3; i++) {
			writeFileSync(join(folder, "file"), "");
			unlinkSync(join(folder, "file"));
		}
	});
}
function folders(): void {
	for (let i = 0; i < 3; i++) inFolder(() => {});
}
function calls(): void {
	for (let i = 0; i < 3; i++) void process.ppid;
}
/** Guests that lack it, and what is said there. */
type Lacking = Readonly<Record<string, RegExp>>;
interface Kind {
	readonly program: string;
	readonly does: () => void;
	/** Runs that `does` has to give. */
	readonly runs: number;
	readonly lacking?: Lacking;
	readonly target?: AttachTarget;
}

const pid = { pid: process.pid };
const before = (feature: string, since: string, ...versions: string[]): Lacking =>
	Object.fromEntries(
		versions.map((version) => [
			version,
			new RegExp(`${feature}.* is not supported: .*${since.replace(".", "\\.")}`, "s"),
		]),
	);
/** Without CONFIG_FUNCTION_ERROR_INJECTION, as Debian builds them, no system call was known to sleep; 7.3 knows. */
const NO_INJECTION = /__x64_sys_mkdir is not sleepable/;
const NO_SLEEP: Lacking = Object.fromEntries(["5.10", "6.1", "6.12", "6.18"].map((v) => [v, NO_INJECTION]));
/** Which LSM hooks may sleep was listed first in 5.11. */
const NO_SLEEPING_HOOK = /bpf_lsm_file_open is not sleepable/;
const NO_FPROBE: Lacking = { "6.1": /probe\.multi .* is not supported: .*CONFIG_FPROBE/ };

// biome-ignore format: table
const KINDS: readonly Kind[] = [
	{ program: "kprobe", does: unlinks, runs: 3 },
	{ program: "kretprobe", does: unlinks, runs: 3 },
	{ program: "kprobe_multi", does: unlinks, runs: 3, lacking: { ...before("trace_kprobe_multi", "5.18", "5.10"), ...NO_FPROBE } },
	{ program: "kretprobe_multi", does: unlinks, runs: 3, lacking: { ...before("trace_kprobe_multi", "5.18", "5.10"), ...NO_FPROBE } },
	{ program: "kprobe_session", does: unlinks, runs: 6, lacking: before("trace_kprobe_session", "6.10", "5.10", "6.1") },
	{ program: "ksyscall", does: calls, runs: 3 },
	{ program: "kretsyscall", does: calls, runs: 3 },
	{ program: "uprobe", does: calls, runs: 3, target: pid },
	{ program: "uretprobe", does: calls, runs: 3, target: pid },
	{ program: "uprobe_multi", does: calls, runs: 3, target: pid, lacking: before("trace_uprobe_multi", "6.6", "5.10", "6.1") },
	{ program: "uprobe_session", does: calls, runs: 6, target: pid, lacking: before("trace_uprobe_session", "6.13", "5.10", "6.1", "6.12") },
	{ program: "fentry", does: unlinks, runs: 3 },
	{ program: "fexit", does: unlinks, runs: 3 },
	{ program: "fentry_sleepable", does: folders, runs: 3, lacking: NO_SLEEP },
	{ program: "fsession", does: unlinks, runs: 6, lacking: before("trace_fsession", "7.0", "5.10", "6.1", "6.12", "6.18") },
	{ program: "tp_btf", does: calls, runs: 3 },
	{ program: "raw_tp", does: calls, runs: 3 },
	{ program: "tp", does: calls, runs: 3 },
	{ program: "task_storage", does: calls, runs: 3, lacking: before("map type task_storage", "5.11", "5.10") },
	{ program: "kfunc", does: calls, runs: 3, lacking: { "5.10": /kfunc bpf_task_from_pid/, "6.1": /kfunc bpf_task_from_pid/ } },
];

/** Loads; undefined, and the test skipped, where there is a reason. */
function loaded(t: TestContext, kernel: Kernel, kind: { program: string; lacking?: Lacking }, more: LoadOptions = {}) {
	const storage = kind.program === "task_storage";
	return checked(t, kind, () =>
		Collection.load(kernel, spec, {
			programs: (each) => each.name === kind.program,
			maps: (map) => map.name !== "own" || storage,
			variables: { me: process.pid },
			...more,
		}),
	);
}

/** Does what a kernel may lack; undefined, and the test skipped, where it does. */
function checked<T>(t: TestContext, { lacking }: { lacking?: Lacking }, body: () => T): T | undefined {
	const missing = guest === undefined ? undefined : lacking?.[guest];
	let result: T;
	try {
		result = body();
	} catch (error) {
		if (!(error instanceof BpfError)) throw error;
		if (guest !== undefined) {
			if (!missing) throw error;
			assert.match(error.message, missing);
			assert.ok(
				error instanceof NotSupportedError || missing === NO_INJECTION || missing === NO_SLEEPING_HOOK,
				error.message,
			);
		} else if (!(error instanceof NotSupportedError || error instanceof PermissionError)) throw error;
		t.skip(error.message.replaceAll(/\s+/g, " "));
		return undefined;
	}
	return result;
}

/** Whether it could be attached again: by trampolines since 5.13. */
function again(kernel: Kernel, link: Link): boolean {
	try {
		link.reattach();
		return true;
	} catch (error) {
		const old = error instanceof NotSupportedError && error.since === "5.13";
		if (!old || versionCode(kernel.release) >= versionCode("5.13")) throw error;
		return false;
	}
}

for (const kind of KINDS) {
	test(
		`${kind.program} fires (${section(kind.program)})`,
		onKernel((kernel, t) => {
			using collection = loaded(t, kernel, kind);
			if (!collection) return;
			const state = collection.section(".bss");
			const runs = () => Number(state.get("runs"));
			const link = checked(t, kind, () => collection.attach(kind.program, kind.target));
			if (!link) return;
			// Some kernels load what they cannot attach.
			assert.ok(guest === undefined || !kind.lacking?.[guest], `${kind.program} is there after all`);
			kind.does();
			assert.ok(runs() >= kind.runs, `${runs()} runs of ${kind.runs}`);
			link.detach();
			const before = runs();
			kind.does();
			assert.equal(runs(), before, "it is detached");
			if (again(kernel, link)) {
				kind.does();
				assert.ok(runs() >= before + kind.runs, "it is attached again");
			}
			if (kind.program === "kretprobe") assert.equal(state.get("ended"), 0n, "unlinking succeeds");
			if (kind.program === "task_storage")
				assert.ok(Number(state.get("seen")) >= 3, "storage keeps a task's own number");
		}),
	);
}

const unlinking = (folder: string) => unlinkSync(join(folder, "file"));
const opening = (folder: string) => closeSync(openSync(join(folder, "file"), "r"));
// biome-ignore format: table
const JUDGES: readonly (readonly [program: string, does: (folder: string) => void, lacking?: Lacking])[] = [
	["fmod_ret", unlinking],
	["lsm", unlinking],
	["lsm_sleepable", opening, { "5.10": NO_SLEEPING_HOOK }],
];

for (const [program, does, lacking = {}] of JUDGES) {
	test(
		`${program} says no, where it is told to (${section(program)})`,
		onKernel((kernel, t) => {
			using collection = loaded(t, kernel, { program, lacking });
			if (!collection) return;
			const state = collection.section(".bss");
			const folder = mkdtempSync(join(tmpdir(), "skep-kinds-"));
			writeFileSync(join(folder, "file"), "");
			const link = collection.attach(program);
			try {
				state.set("refuse", 1);
				assert.throws(() => does(folder), { code: "EPERM" });
				assert.ok(Number(state.get("runs")) > 0);
				state.set("refuse", 0);
				does(folder);
			} finally {
				link.close();
				rmSync(folder, { recursive: true });
			}
		}),
	);
}

test(
	"lsm_cgroup says no to what is in the cgroup (lsm_cgroup/socket_connect)",
	onKernel((kernel, t) => {
		const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((each) => existsSync(join(each, "cgroup.procs")));
		if (root === undefined) return t.skip("needs cgroup version 2 under /sys/fs/cgroup");
		const kind = { program: "lsm_cgroup", lacking: before("lsm_cgroup", "6.0", "5.10") };
		using collection = loaded(t, kernel, kind);
		if (!collection) return undefined;
		const state = collection.section(".bss");
		const cgroup = join(root, `skep-kinds-${process.pid}`);
		mkdirSync(cgroup);
		const connect = () => {
			const script = `echo $$ >${cgroup}/cgroup.procs && : >/dev/udp/127.0.0.1/9`;
			return spawnSync("bash", ["-c", script], { encoding: "utf8" });
		};
		try {
			const link = collection.attach("lsm_cgroup", { cgroup });
			assert.equal(connect().status, 0);
			state.set("refuse", 1);
			assert.match(connect().stderr, /not permitted/);
			assert.ok(Number(state.get("runs")) >= 2);
			link.close();
			assert.equal(connect().status, 0);
		} finally {
			rmdirSync(cgroup);
		}
		return undefined;
	}),
);

const PACKET = new Uint8Array(64);

test(
	"fentry and fexit on functions of a loaded program",
	onKernel((kernel, t) => {
		using whole = loaded(t, kernel, { program: "whole" });
		if (!whole) return;
		const program = whole.program("whole");
		const run = () => program.testRun({ data: PACKET }).retval;
		assert.deepEqual(whole.notes, []);
		assert.equal(run(), 6);
		const at = (name: string, more: LoadOptions = {}) =>
			loaded(t, kernel, { program: name }, { attachTo: { [name]: { program } }, ...more });
		using entry = at("before_whole");
		if (!entry) return;
		using exit = at("after_part");
		assert.ok(exit);
		entry.attach("before_whole");
		exit.attach("after_part");
		assert.equal(run(), 6);
		assert.equal(entry.section(".bss").get("runs"), 1n);
		assert.deepEqual([exit.section(".bss").get("runs"), exit.section(".bss").get("ended")], [1n, 6n]);
	}),
);

test(
	"freplace: a part of a loaded program is exchanged, and comes back",
	onKernel((kernel, t) => {
		using whole = loaded(t, kernel, { program: "whole" });
		if (!whole) return;
		const program = whole.program("whole");
		const run = () => program.testRun({ data: PACKET }).retval;
		using other = loaded(t, kernel, { program: "stand_in" }, { attachTo: { stand_in: { program } } });
		if (!other) return;
		const link = other.attach("stand_in");
		assert.equal(run(), 50);
		assert.equal(other.section(".bss").get("runs"), 1n);
		link.close();
		assert.equal(run(), 6);
	}),
);
