// The six examples, compiled as for Linux, on the virtual kernel: relocated to types whose offsets no real kernel has.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Btf, recordDecoder } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { compile } from "@skep/compiler";
import { decodeTracepoints } from "@skep/compiler/declare";
import { VirtualKernel, virtualBtf } from "./virtual-kernel.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const data = join(root, "packages/compiler/data");
const tracepoints = decodeTracepoints(JSON.parse(readFileSync(join(data, "tracepoints.json"), "utf8")));
const shipped = Btf.decode(readFileSync(join(data, "kernel.btf")));
const own = virtualBtf(shipped);
const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);

const SHELL = { pid: 100, tgid: 100, comm: "bash", uid: 1000, gid: 1000, parent: 1, cgroupId: 7n };
const CHILD = { pid: 4711, tgid: 4711, comm: "true", uid: 1000, gid: 1000, parent: 100, cgroupId: 7n };

function machine() {
	const kernel = new VirtualKernel({ btf: own, tracepoints: tracepoints.names(), cpus: 2, time: 5_000_000_000n });
	kernel.task(SHELL);
	kernel.task(CHILD, { se: { sum_exec_runtime: 123_456n } });
	return kernel;
}

function load(kernel: VirtualKernel, name: string, variables: Record<string, number | string | boolean> = {}) {
	const result = compile({ entry: join(root, "examples", name, `${name}.ts`), read, kernel: shipped, tracepoints });
	assert.deepEqual(result.diagnostics, []);
	const spec = readObject(result.object!, { name });
	const collection = Collection.load(kernel, spec, { variables });
	assert.deepEqual(collection.notes, []);
	const records = (map: string): Record<string, unknown>[] => {
		using reader = new RingBufferReader(collection.map(map));
		const type = spec.btf!.find(spec.manifest!.maps.find((each) => each.name === map)!.record!, "struct")!;
		const decode = recordDecoder(spec.btf!, type);
		const found: Record<string, unknown>[] = [];
		reader.drain((view, offset) => found.push(decode(view, offset) as Record<string, unknown>));
		return found;
	};
	return { collection, records, programs: [...collection.programs.keys()] };
}

/** A tracepoint's record: named fields at their offsets, text after the end for `__data_loc`. */
function record(name: string, fields: Record<string, bigint | number | string>): Uint8Array {
	const tracepoint = tracepoints.find(name)!;
	const size = Math.max(8, ...tracepoint.fields.map((field) => field.offset + field.size));
	let end = size;
	const bytes = new Uint8Array(4096);
	const view = new DataView(bytes.buffer);
	for (const [field, value] of Object.entries(fields)) {
		const { offset, size: width } = tracepoint.fields.find((each) => each.name === field)!;
		if (typeof value === "string") {
			const text = new TextEncoder().encode(`${value}\0`);
			view.setUint32(offset, (text.length << 16) | end, true);
			bytes.set(text, end);
			end += text.length;
		} else if (width === 8) view.setBigInt64(offset, BigInt(value), true);
		else view.setUint32(offset, Number(value), true);
	}
	return bytes.slice(0, end);
}

test("exec: a record of the task, its parent and the file", () => {
	const kernel = machine();
	const { collection, records, programs } = load(kernel, "exec");
	using _ = collection;
	for (const name of programs) collection.attach(name);
	const event = record("sched:sched_process_exec", { filename: "/usr/bin/true", pid: 4711, old_pid: 4711 });
	kernel.raise({ tracepoint: "sched:sched_process_exec", record: event, pid: 4711 });
	assert.deepEqual(records("events"), [{ pid: 4711, ppid: 100, uid: 1000, comm: "true", filename: "/usr/bin/true" }]);
});

test("exec-tree: a chain of parents and a file, by offsets that no real kernel has", () => {
	const kernel = machine();
	const { collection, records, programs } = load(kernel, "exec-tree");
	using _ = collection;
	for (const name of programs) collection.attach(name);
	const bprm = {
		struct: "linux_binprm",
		value: { file: { f_inode: { i_ino: 987_654_321_012n }, f_path: { dentry: { d_name: { name: "true", len: 4 } } } } },
	};
	kernel.raise({ tracepoint: "sched:sched_process_exec", args: [{ task: 4711 }, 4711, bprm], pid: 4711 });
	const [found, ...others] = records("events");
	assert.equal(others.length, 0);
	assert.equal(found?.["pid"], 4711);
	assert.equal(found?.["inode"], 987_654_321_012n);
	assert.equal(found?.["runtime"], 123_456n);
	assert.equal(found?.["file"], "true");
	assert.equal(found?.["depth"], 2);
	assert.deepEqual((found!["tree"] as unknown[]).slice(0, 2), [
		{ pid: 100, comm: "bash" },
		{ pid: 1, comm: "init" },
	]);
});

test("open: the path at entry and the error at exit, with the time between", () => {
	const kernel = machine();
	const { collection, records, programs } = load(kernel, "open", { opt_failed: true });
	using _ = collection;
	for (const name of programs) collection.attach(name);
	const open = (path: string, ret: bigint) => {
		const filename = kernel.user(path);
		kernel.raise({
			tracepoint: "syscalls:sys_enter_openat",
			record: record("syscalls:sys_enter_openat", { filename }),
			pid: 4711,
		});
		kernel.clock.advance(25_000n);
		kernel.raise({
			tracepoint: "syscalls:sys_exit_openat",
			record: record("syscalls:sys_exit_openat", { ret }),
			pid: 4711,
		});
		kernel.free(filename);
	};
	open("/etc/passwd", 3n);
	open("/nothing/here", -2n);
	assert.deepEqual(records("events"), [{ pid: 4711, ret: -2, us: 25n, comm: "true", path: "/nothing/here" }]);
});

test("read-latency: every read is in its bucket", () => {
	const kernel = machine();
	const { collection, programs } = load(kernel, "read-latency");
	using _ = collection;
	for (const name of programs) collection.attach(name);
	for (const us of [0n, 1n, 5n, 5n, 1000n]) {
		const enter = record("syscalls:sys_enter_read", {});
		kernel.raise({ tracepoint: "syscalls:sys_enter_read", record: enter, pid: 4711 });
		kernel.clock.advance(us * 1000n);
		kernel.raise({ tracepoint: "syscalls:sys_exit_read", record: record("syscalls:sys_exit_read", {}), pid: 4711 });
	}
	const latency = collection.map("latency");
	const buckets = [...latency.entries()].map(([, value]) =>
		latency.split(value).reduce((sum, each) => sum + new DataView(each.buffer, each.byteOffset).getUint32(0, true), 0),
	);
	assert.deepEqual(
		buckets.flatMap((count, bucket) => (count > 0 ? [[bucket, count]] : [])),
		[
			[0, 1],
			[1, 1],
			[3, 2],
			[10, 1],
		],
	);
});

test("syscalls: counted by number and command", () => {
	const kernel = machine();
	const { collection, programs } = load(kernel, "syscalls");
	using _ = collection;
	for (const name of programs) collection.attach(name);
	for (const [id, pid] of [
		[0, 4711],
		[0, 4711],
		[1, 4711],
		[0, 100],
	] as const) {
		kernel.raise({ tracepoint: "raw_syscalls:sys_enter", record: record("raw_syscalls:sys_enter", { id }), pid });
	}
	const rows = [...collection.map("counts").entries()].map(([key, value]) => {
		const view = new DataView(key.buffer, key.byteOffset);
		const comm = new TextDecoder().decode(key.subarray(4)).replace(/\0.*$/s, "");
		return `${view.getUint32(0, true)} ${comm} ${new DataView(value.buffer, value.byteOffset).getUint32(0, true)}`;
	});
	assert.deepEqual(rows.sort(), ["0 bash 1", "0 true 2", "1 true 1"]);
});

test("xdp-filter: verdicts and counts", () => {
	const kernel = machine();
	const { collection, programs } = load(kernel, "xdp-filter");
	using _ = collection;
	const fd = collection.program(programs[0]!).fd.number;
	const udp = (port: number) => {
		const packet = new Uint8Array(60);
		packet.set([0x08, 0x00, 0x45], 12);
		packet[23] = 17;
		packet.set([port >> 8, port & 255], 36);
		return packet;
	};
	assert.equal(kernel.packet(fd, udp(53)).verdict, 1);
	assert.equal(kernel.packet(fd, udp(80)).verdict, 2);
	assert.equal(kernel.packet(fd, new Uint8Array(60)).verdict, 2);
	assert.equal(kernel.packet(fd, udp(53).subarray(0, 20)).verdict, 2);
	const counts = collection.map("packets");
	const sums = [...counts.entries()].map(([key, value]) => [
		key[0],
		counts.split(value).reduce((sum, each) => sum + each[0]!, 0),
	]);
	assert.deepEqual(sums, [[17, 2]]);
});
