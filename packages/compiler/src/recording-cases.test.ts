// Cases of the recording variant that no example has: reservations that fail, logs that do not fit, reads that fault.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import test from "node:test";
import { Collection } from "@skep/bpf/collection";
import { RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { openLinux } from "@skep/linux";
import {
	bytesOf,
	compileFile,
	describeDiagnostics,
	during,
	entriesOf,
	fieldsOf,
	onRecording,
	tasksOf,
	text,
	u64,
} from "./recording.test-support.ts";

const open = (path: string): void => closeSync(openSync(path, "r"));

test("a full ring buffer: reserve-failed where the program's own counter says so", (t) => {
	const source = `import { type chars, current, ringbuf, tracepoint, type u32 } from "skep";
		interface E { pid: u32; pad: chars<1500> }
		const events = ringbuf<E>(4096);
		tracepoint("syscalls:sys_enter_openat", () => { events.emit((e) => { e.pid = current.pid; }); });`;
	onRecording(t, source, (loaded) => {
		during(loaded, () => {
			for (let i = 0; i < 6; i++) open("/proc/self/comm");
		});
		const runs = loaded.runs();
		const failed = runs.filter((r) => entriesOf(r, "reserve-failed").length === 1);
		const emitted = runs.filter((r) => entriesOf(r, "emit").length === 1);
		assert.equal(failed.length + emitted.length, runs.length);
		assert.equal(emitted.length, 2);
		assert.equal(BigInt(failed.length), loaded.counter("skep_lost", 0));
		assert.deepEqual(entriesOf(failed[0]!, "reserve-failed")[0]!.site, { kind: "reserve-failed", map: "events" });
		assert.equal(loaded.records("events").length, 2);
	});
});

test("a discarded record is no record", (t) => {
	const source = `import { current, ringbuf, tracepoint, type u32 } from "skep";
		const events = ringbuf<{ pid: u32 }>(65536);
		tracepoint("syscalls:sys_enter_openat", () => { events.emit((e) => { e.pid = current.pid; return e.pid === 1; }); });`;
	onRecording(t, source, (loaded) => {
		during(loaded, () => open("/proc/self/comm"));
		const mine = loaded.runs().filter((r) => r.tgid === process.pid);
		assert.ok(mine.length > 0);
		for (const r of mine) assert.equal(entriesOf(r, "emit").length + entriesOf(r, "reserve-failed").length, 0);
	});
});

test("a log that does not fit keeps its beginning and says so; the program goes on", (t) => {
	const source = `import { current, perCpuArray, range, tracepoint, type u64 } from "skep";
		const turns = perCpuArray<u64>(1);
		tracepoint("syscalls:sys_enter_openat", (ctx) => {
			if (current.comm !== "recording-test") return;
			for (const i of range(400)) {
				if (ctx.filename.readString(64) === "/proc/self/comm") turns.add(0, 1n);
			}
		});`;
	onRecording(t, source, (loaded) => {
		during(loaded, () => {
			spawnSync("/bin/sh", ["-c", "printf recording-test > /proc/$$/comm; read -r x < /proc/self/comm; true"], {
				stdio: "ignore",
			});
		});
		const cut = loaded.runs().filter((r) => r.comm === "recording-test" && r.truncated);
		const reads = cut.filter((r) => text(entriesOf(r, "memory")[0]!.data, 16) === "/proc/self/comm");
		assert.equal(reads.length, 1);
		assert.equal(loaded.counter("turns", 0), 400n);
		const memory = entriesOf(reads[0]!, "memory");
		assert.ok(memory.length > 200 && memory.length < 400, `${memory.length} entries`);
		for (const m of memory) assert.equal(Buffer.from(bytesOf(m.data).subarray(16)).toString(), "/proc/self/comm\0");
	});
});

test("reads that fault: memory entries without bytes, for users and for the kernel", (t) => {
	const source = `import { array, cast, current, tracepoint, tryRead, type u64, userPtr, type u32 } from "skep";
		import type { task_struct } from "skep/kernel";
		const out = array<u64>(4);
		tracepoint("syscalls:sys_enter_getgroups", (ctx) => {
			const v = userPtr<u64>(8n).tryRead();
			out.set(0, v === undefined ? 1n : 2n);
			const tgid = tryRead(cast<task_struct>(16n).tgid);
			out.set(1, tgid === undefined ? 1n : 2n);
			const own = tryRead(current.task.tgid);
			out.set(2, own === undefined ? 2n : 1n);
			userPtr<u32>(4096n).readString(16);
		});`;
	onRecording(t, source, (loaded) => {
		during(loaded, () => void process.getgroups!());
		const run = loaded.runs().find((r) => r.pid === process.pid)!;
		const memory = entriesOf(run, "memory").map((m) => ({
			space: m.site.space,
			text: m.site.text,
			address: u64(m.data),
			result: m.data.getBigInt64(8, true),
			bytes: m.data.byteLength - 16,
		}));
		assert.equal(memory.length, 3);
		assert.deepEqual(memory[0], { space: "user", text: false, address: 8n, result: -14n, bytes: 0 });
		assert.equal(memory[1]!.space, "kernel");
		assert.ok(memory[1]!.result < 0n && memory[1]!.bytes === 0 && memory[1]!.address > 16n);
		assert.deepEqual(memory[2], { space: "user", text: true, address: 4096n, result: -14n, bytes: 0 });
		const [current] = tasksOf(run);
		assert.equal(fieldsOf(run, current!).get("tgid")!.getInt32(0, true), process.pid);
		const map = loaded.collection.map("out");
		for (const k of [0, 1, 2])
			assert.equal(u64(new DataView(map.lookup(new Uint8Array(Uint32Array.of(k).buffer))!.slice().buffer)), 1n);
	});
});

test("helpers of chance and time, in the order of the calls", (t) => {
	const source = `import { array, bootTime, jiffies, ktime, random, tracepoint, u64 } from "skep";
		const out = array<u64>(4);
		tracepoint("syscalls:sys_enter_getgroups", () => {
			out.set(0, u64(random()));
			out.set(1, ktime());
			out.set(2, jiffies());
			out.set(3, bootTime());
		});`;
	onRecording(t, source, (loaded) => {
		during(loaded, () => void process.getgroups!());
		// The C library may ask twice; the map has the last.
		const run = loaded.runs().findLast((r) => r.pid === process.pid)!;
		const helpers = entriesOf(run, "helper");
		assert.deepEqual(
			helpers.map((h) => h.site.name),
			["bpf_get_prandom_u32", "bpf_ktime_get_ns", "bpf_jiffies64", "bpf_ktime_get_boot_ns"],
		);
		const map = loaded.collection.map("out");
		for (const [k, h] of helpers.entries())
			assert.equal(
				u64(new DataView(map.lookup(new Uint8Array(Uint32Array.of(k).buffer))!.slice().buffer)),
				u64(h.data),
			);
	});
});

test("bit-fields, elements, text of arrays; typed and raw arguments", (t) => {
	const source = `import { array, rawTracepoint, tpBtf, u64, type u32 } from "skep";
		const out = array<u64>(3);
		tpBtf("sched_process_exec", (task) => {
			out.set(0, u64(task.in_execve));
			out.set(1, u64(task.comm[1]));
			if (task.comm === "true") out.set(2, 1n);
		});
		rawTracepoint("sched_process_exec", (task) => { out.set(1, u64(task.tgid)); });`;
	onRecording(t, source, (loaded) => {
		let pid = 0;
		during(loaded, () => {
			pid = spawnSync("/bin/true", { stdio: "ignore" }).pid;
		});
		const runs = loaded.runs().filter((r) => r.tgid === pid);
		assert.equal(runs.length, 2);
		for (const run of runs) {
			const [context] = entriesOf(run, "context");
			const [task] = tasksOf(run);
			assert.equal(u64(context!.data), task);
			assert.equal(u64(context!.data, 8) & 0xffffffffn, BigInt(pid));
			assert.equal(context!.site.pointers!.length, 2);
			assert.equal(fieldsOf(run, task!).get("tgid")!.getInt32(0, true), pid);
		}
		const typed = fieldsOf(runs.find((r) => r.program === loaded.recording.programs[0])!, tasksOf(runs[0]!)[0]!);
		assert.equal(u64(typed.get("in_execve")), 1n);
		assert.equal(typed.get("comm.[1]")!.getUint8(0), "true".charCodeAt(1));
		assert.equal(text(typed.get("comm")!), "true");
	});
});

test("arguments that the verifier does not let be read stand as zero", (t) => {
	const source = `import { array, tpBtf, type u64 } from "skep";
		const out = array<u64>(1);
		tpBtf("workqueue_execute_end", () => { out.set(0, 1n); });`;
	onRecording(t, source, (loaded) => {
		const site = loaded.recording.sites.find((s) => s.kind === "context");
		assert.deepEqual(site, { kind: "context", size: 16, pointers: [{ offset: 0, struct: "work_struct" }] });
	});
});

test("elements by a computed index: struct, distance from the array's start, value", (t) => {
	const source = `import { array, current, range, tracepoint, type u32, type u64 } from "skep";
		const out = array<u64>(4);
		tracepoint("syscalls:sys_enter_getgroups", () => {
			let letters = 0n;
			for (const i of range(8)) {
				const c = current.task.comm[i & 15];
				if (c === 0) break;
				letters = letters * 256n + BigInt(c);
			}
			out.set(0, letters);
			let limits = 0n;
			for (const i of range(16)) limits ^= current.task.signal.rlim[i].rlim_cur;
			out.set(1, limits);
		});`;
	onRecording(t, source, (loaded) => {
		during(loaded, () => void process.getgroups!());
		const run = loaded.runs().findLast((r) => r.pid === process.pid)!;
		const [task] = tasksOf(run);
		const all = entriesOf(run, "element");
		const letters = all.filter((e) => e.site.struct === "task_struct");
		assert.deepEqual(
			letters.map((e) => [u64(e.data), u64(e.data, 8), e.data.byteLength]),
			letters.map((_, i) => [task, BigInt(i), 17]),
		);
		assert.ok(
			text(fieldsOf(run, task!).get("comm")!).startsWith(
				String.fromCharCode(...letters.map((e) => e.data.getUint8(16))).replace(/\0$/, ""),
			),
		);
		const limits = all.filter((e) => e.site.struct === "signal_struct");
		assert.deepEqual(limits[0]!.site, {
			kind: "element",
			struct: "signal_struct",
			path: ["rlim"],
			stride: 16,
			member: ["rlim_cur"],
			size: 8,
		});
		assert.deepEqual(
			limits.map((e) => [u64(e.data), u64(e.data, 8)]),
			limits.map((_, i) => [u64(fieldsOf(run, task!).get("signal")), BigInt(i) * 16n]),
		);
		const map = loaded.collection.map("out");
		const sum = limits.reduce((x, e) => x ^ u64(e.data, 16), 0n);
		assert.equal(u64(new DataView(map.lookup(new Uint8Array(Uint32Array.of(1).buffer))!.slice().buffer)), sum);
	});
});

test("the plain object and its recording variant give the same records of the same events", (t) => {
	const name = new URL("../../../examples/exec-tree/exec-tree.ts", import.meta.url);
	const plain = compileFile(name, false);
	onRecording(t, name, (loaded) => {
		using other = Collection.load(openLinux(), readObject(plain.object!, { name: "plain" }));
		const reader = new RingBufferReader(other.map("events"));
		const pids: number[] = [];
		during({ ...loaded, collection: other }, () =>
			during(loaded, () => {
				for (let i = 0; i < 5; i++) pids.push(spawnSync("/bin/true", { stdio: "ignore" }).pid);
			}),
		);
		const hex = (v: DataView): string => Buffer.from(bytesOf(v)).toString("hex");
		const mine = (records: DataView[]): string[] => records.filter((v) => pids.includes(v.getInt32(0, true))).map(hex);
		const theirs: DataView[] = [];
		reader.drain((v, offset, length) => {
			theirs.push(new DataView(v.buffer.slice(v.byteOffset + offset, v.byteOffset + offset + length)));
		});
		reader.close();
		const own = mine(loaded.records("events"));
		assert.equal(own.length, 5);
		// The task's own run time goes on between the two programs.
		const still = (r: string): string => r.slice(0, 32) + r.slice(48);
		assert.deepEqual(own.map(still), mine(theirs).map(still));
	});
});

test("without `recording` nothing is different, and the same input gives the same bytes", () => {
	for (const name of ["exec", "read-latency", "syscalls", "open", "exec-tree"]) {
		const file = new URL(`../../../examples/${name}/${name}.ts`, import.meta.url);
		const plain = compileFile(file, false);
		assert.equal(plain.manifest!.recording, undefined);
		const first = compileFile(file, true);
		assert.deepEqual(Buffer.from(first.object!), Buffer.from(compileFile(file, true).object!));
		assert.deepEqual(Buffer.from(plain.object!), Buffer.from(compileFile(file, false).object!));
		const own = new Set(plain.manifest!.maps.map((m) => m.name));
		assert.deepEqual(
			first.manifest!.maps.filter((m) => !own.has(m.name)).map((m) => [m.name, m.internal]),
			[...(own.has("skep_lost") ? [] : ["skep_lost"]), "skep_rec_scratch", "skep_recording"].map((n) => [n, true]),
		);
		assert.deepEqual(first.manifest!.programs, plain.manifest!.programs);
	}
});

test("what cannot be recorded is said: XDP, other licences", () => {
	const xdp = `xdp({ attach: false }, () => XDP.PASS);`;
	const exec = `tracepoint("sched:sched_process_exec", () => { printk("x"); });`;
	const head = `import { printk, tracepoint, XDP, xdp } from "skep";\n`;
	const only = compileFile(head + xdp, true);
	assert.equal(only.object, undefined);
	assert.match(describeDiagnostics(only), /^SK4008 .*cannot be recorded/);
	const both = compileFile(head + xdp + exec, true);
	assert.deepEqual(
		both.diagnostics.map((d) => [d.code, d.severity]),
		[["SK4008", "warning"]],
	);
	assert.deepEqual(both.manifest!.recording!.programs, ["sched_process_exec"]);
	const mit = compileFile(`${head}export const license = "MIT";\n${exec}`, true);
	assert.ok(mit.diagnostics.some((d) => d.code === "SK4006" || d.code === "SK4008"));
	const free = compileFile(
		`import { array, tracepoint } from "skep"; const a = array<u64>(1);\nexport const license = "MIT";\ntracepoint("sched:sched_process_exec", () => { a.set(0, 1n); });`.replace(
			"array, tracepoint",
			"array, tracepoint, type u64",
		),
		true,
	);
	assert.match(describeDiagnostics(free), /^SK4008 .*GPL/);
});
