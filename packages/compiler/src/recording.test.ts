// The recording variant on this machine's kernel: what is logged is compared with what is known of the process that did it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import test from "node:test";
import { bytesOf, during, entriesOf, fieldsOf, onRecording, tasksOf, text, u64 } from "./recording.test-support.ts";

const example = (name: string): URL => new URL(`../../../examples/${name}/${name}.ts`, import.meta.url);

const i32 = (v: DataView | undefined): number => v!.getInt32(0, true);
/** A child that executes /bin/true, and its id. */
function child(): number {
	const { pid, status } = spawnSync("/bin/true", { stdio: "ignore" });
	assert.equal(status, 0);
	return pid;
}

test("exec: header, context, task with its parents, file name and record of a child", (t) => {
	onRecording(t, example("exec"), (loaded) => {
		let pid = 0;
		during(loaded, () => {
			pid = child();
		});
		const runs = loaded.runs();
		const mine = runs.filter((r) => r.tgid === pid);
		assert.equal(mine.length, 1);
		const run = mine[0]!;
		assert.equal(run.program, "sched_process_exec");
		assert.deepEqual([run.pid, run.comm, run.uid, run.gid], [pid, "true", process.getuid!(), process.getgid!()]);
		assert.equal(run.truncated, false);
		assert.ok(run.time > 0n);
		// filename is the first field, pid stands behind it; the eight bytes before them nobody may read.
		const [context] = entriesOf(run, "context");
		assert.equal(context!.site.size, context!.data.byteLength);
		assert.equal(u64(context!.data), 0n);
		assert.deepEqual([context!.data.getInt32(12, true), context!.data.getInt32(16, true)], [pid, pid]);
		const [name] = entriesOf(run, "dynamic");
		assert.equal(name!.site.offset, 8);
		assert.equal(name!.data.getUint32(0, true), context!.data.getUint16(8, true));
		assert.equal(context!.data.getUint16(10, true), "/bin/true".length + 1);
		assert.equal(Buffer.from(bytesOf(name!.data).subarray(8)).toString(), "/bin/true\0");
		const tasks = tasksOf(run).map((a) => fieldsOf(run, a));
		assert.deepEqual(
			[i32(tasks[0]!.get("tgid")), i32(tasks[0]!.get("pid")), text(tasks[0]!.get("comm")!)],
			[pid, pid, "true"],
		);
		assert.equal(i32(tasks[1]!.get("tgid")), process.pid);
		assert.equal(i32(tasks[2]!.get("tgid")), process.ppid);
		assert.equal(tasks[1]!.get("comm")!.byteLength, 16);
		for (const task of tasks) {
			const cred = fieldsOf(run, u64(task.get("cred")));
			assert.ok(cred.has("uid.val") && cred.has("gid.val"));
			const group = fieldsOf(run, u64(fieldsOf(run, u64(task.get("cgroups"))).get("dfl_cgrp")));
			assert.ok(fieldsOf(run, u64(group.get("kn"))).has("id"));
		}
		const own = fieldsOf(run, u64(fieldsOf(run, u64(tasks[0]!.get("cgroups"))).get("dfl_cgrp")));
		assert.equal(u64(fieldsOf(run, u64(own.get("kn"))).get("id")), run.cgroup);
		const [emitted] = entriesOf(run, "emit");
		assert.equal(emitted!.site.map, "events");
		const record = loaded.records("events").find((r) => r.getUint32(0, true) === pid)!;
		assert.deepEqual(bytesOf(emitted!.data), bytesOf(record));
		assert.deepEqual([record.getUint32(4, true), text(record, 28)], [process.pid, "/bin/true"]);
		const { lost } = loaded.recording;
		assert.equal(loaded.counter(lost.map, lost.key), 0n);
		assert.equal(lost.key, 1, "the ring buffer of the program keeps its own counter");
	});
});

test("read-latency: clocks in the order of the calls, the same buckets", (t) => {
	onRecording(t, example("read-latency"), (loaded) => {
		during(loaded, () => {
			const fd = openSync("/proc/self/stat", "r");
			for (let i = 0; i < 3; i++) readSync(fd, Buffer.alloc(64));
			closeSync(fd);
		});
		const runs = loaded.runs();
		const mine = runs.filter((r) => r.tgid === process.pid && r.pid === process.pid);
		const enter = mine.filter((r) => r.program === "sys_enter_read");
		const exit = mine.filter((r) => r.program === "sys_exit_read" && entriesOf(r, "helper").length > 0);
		assert.ok(enter.length >= 3 && exit.length >= 3);
		const clocks = [...enter, ...exit].map((r) => entriesOf(r, "helper"));
		for (const [i, r] of [...enter, ...exit].entries()) {
			assert.deepEqual(
				clocks[i]!.map((c) => c.site.name),
				["bpf_ktime_get_ns"],
			);
			assert.ok(u64(clocks[i]![0]!.data) >= r.time);
		}
		// Each exit that found its start took two clocks; the bucket of their difference was counted.
		const counted = runs.filter((r) => r.program === "sys_exit_read" && entriesOf(r, "helper").length > 0).length;
		let sum = 0n;
		for (let b = 0; b < 65; b++) sum += loaded.counter("latency", b);
		assert.equal(sum, BigInt(counted));
	});
});

test("open: user strings with their addresses, and the start that the entry left", (t) => {
	const path = "/proc/self/comm";
	onRecording(t, example("open"), (loaded) => {
		during(loaded, () => closeSync(openSync(path, "r")));
		const mine = loaded.runs().filter((r) => r.tgid === process.pid);
		const enter = mine.find(
			(r) => r.program === "sys_enter_openat" && entriesOf(r, "memory").some((m) => text(m.data, 16) === path),
		);
		assert.ok(enter);
		const [memory] = entriesOf(enter, "memory");
		assert.deepEqual(memory!.site, { kind: "memory", space: "user", text: true });
		const [context] = entriesOf(enter, "context");
		assert.equal(u64(memory!.data), u64(context!.data, 24));
		assert.equal(u64(memory!.data, 8), BigInt(path.length + 1));
		assert.equal(memory!.data.byteLength, 16 + path.length + 1);
		const exit = mine[mine.indexOf(enter) + 1]!;
		assert.equal(exit.program, "sys_exit_openat");
		const [emitted] = entriesOf(exit, "emit");
		const records = loaded.records("events").map(bytesOf);
		assert.ok(records.some((r) => Buffer.compare(r, bytesOf(emitted!.data)) === 0));
		assert.equal(text(emitted!.data, 32), path);
	});
});

test("exec-tree: fields by their chains, a loop that logs its places again and again", (t) => {
	onRecording(t, example("exec-tree"), (loaded) => {
		let pid = 0;
		during(loaded, () => {
			pid = child();
		});
		const run = loaded.runs().find((r) => r.tgid === pid)!;
		const [context] = entriesOf(run, "context");
		assert.deepEqual(context!.site.pointers, [
			{ offset: 0, struct: "task_struct" },
			{ offset: 16, struct: "linux_binprm" },
		]);
		const tasks = tasksOf(run);
		assert.equal(u64(context!.data), tasks[0]);
		assert.equal(Number(u64(context!.data, 8) & 0xffffffffn), pid);
		const file = fieldsOf(run, u64(fieldsOf(run, u64(context!.data, 16)).get("file")));
		assert.ok(file.has("f_inode"));
		const name = u64(fieldsOf(run, u64(file.get("f_path.dentry"))).get("d_name.name"));
		const memory = entriesOf(run, "memory").find((m) => u64(m.data) === name);
		assert.equal(memory!.site.space, "kernel");
		assert.equal(Buffer.from(bytesOf(memory!.data).subarray(16)).toString(), "true\0");
		const [record] = loaded.records("events").filter((r) => r.getInt32(0, true) === pid);
		assert.deepEqual(bytesOf(entriesOf(run, "emit")[0]!.data), bytesOf(record!));
		const depth = record!.getInt32(88, true);
		assert.ok(depth >= 2);
		// The record's ancestors are the logged ones.
		let task = fieldsOf(run, tasks[1]!);
		for (let i = 0; i < depth; i++) {
			assert.equal(record!.getInt32(92 + i * 20, true), i32(task.get("tgid")));
			assert.equal(text(record!, 96 + i * 20, 16), text(task.get("comm")!));
			task = fieldsOf(run, u64(task.get("real_parent")));
		}
	});
});

test("syscalls: every run that counted is logged, or said to be lost", (t) => {
	onRecording(t, example("syscalls"), (loaded) => {
		during(loaded, () => void process.getgroups!());
		const runs = loaded.runs();
		let counted = 0n;
		for (const [, v] of loaded.collection.map("counts").entries()) counted += u64(new DataView(v.buffer, v.byteOffset));
		const { lost } = loaded.recording;
		assert.equal(BigInt(runs.length) + loaded.counter(lost.map, lost.key), counted);
		const getgroups = process.arch === "x64" ? 115n : 158n;
		assert.ok(
			runs.some((r) => r.pid === process.pid && entriesOf(r, "context")[0]!.data.getBigInt64(8, true) === getgroups),
		);
	});
});
