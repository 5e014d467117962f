import assert from "node:assert/strict";
import { closeSync, openSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BtfBuilder } from "#btf";
import { encode, type Instruction, insn } from "#isa";
import { type Kernel, versionCode } from "#kernel";
import { ATTACH_TYPES, type AttachType, attachTypeSince, MAP_FLAGS, MAP_TYPES, type MapType, PSEUDO_LOAD } from "#uapi";
import {
	attachRawTracepoint,
	attachTracepoint,
	BpfMap,
	createToken,
	Fd,
	ids,
	loadBtf,
	openById,
	Program,
	type ProgramBlueprint,
	type QueryTarget,
	queryPrograms,
	queryTaskFd,
} from "./index.ts";
import { onBothKernels, onKernel, u32, u64 } from "./kernel.test-support.ts";

const imm = (n: number) => ({ imm: n });
const RETURN = (value: number) => [insn.mov(64, 0, imm(value)), insn.exit()];

function load(kernel: Kernel, insns: readonly Instruction[], more: Partial<ProgramBlueprint> = {}): Program {
	return Program.load(kernel, {
		name: "object",
		type: "socket_filter",
		license: "GPL",
		insns: encode([...insns]),
		...more,
	});
}
const create = (kernel: Kernel, type: MapType, more = {}) =>
	BpfMap.create(kernel, { name: "objects", type, keySize: 4, valueSize: 4, maxEntries: 4, ...more });

test(
	"ids go up, and open what they name",
	onBothKernels((kernel) => {
		using map = create(kernel, "array");
		using program = load(kernel, RETURN(0));
		for (const [kind, id] of [
			["map", map.info().id],
			["prog", program.info().id],
		] as const) {
			const all = [...ids(kernel, kind)];
			assert.ok(all.includes(id), kind);
			assert.deepEqual(
				all,
				[...all].sort((a, b) => a - b),
			);
			assert.equal(ids(kernel, kind, id - 1).next().value, id);
			using fd = new Fd(kernel, openById(kernel, kind, id)!, kind);
			assert.equal(kernel.objectKind(fd.number), kind);
			assert.equal(openById(kernel, kind, 0x7fff_fff0), undefined);
		}
		for (const kind of ["btf", "link"] as const) assert.ok([...ids(kernel, kind)].every((id) => id > 0));
		map.update(u32(1), u32(7));
		using reading = BpfMap.byId(kernel, map.info().id, "read");
		assert.deepEqual(reading.lookup(u32(1)), u32(7));
		assert.throws(() => reading.update(u32(1), u32(8)), { code: "EPERM" });
		using writing = BpfMap.byId(kernel, map.info().id, "write");
		writing.update(u32(1), u32(9));
		assert.throws(() => writing.lookup(u32(1)), { code: "EPERM" });
	}),
);

test(
	"programs and maps are put into maps of such, and known by id there",
	onBothKernels((kernel, t) => {
		using table = create(kernel, "prog_array");
		using program = load(kernel, RETURN(0));
		table.put(u32(2), program);
		assert.equal(table.idAt(u32(2)), program.info().id);
		assert.equal(table.idAt(u32(1)), undefined);
		using caller = load(kernel, [
			insn.loadPseudo(2, PSEUDO_LOAD.BPF_PSEUDO_MAP_FD, table.fd.number),
			insn.mov(64, 3, imm(2)),
			insn.call(12),
			...RETURN(5),
		]);
		using seven = load(kernel, RETURN(7));
		assert.equal(caller.testRun({ data: new Uint8Array(64) }).retval, 0);
		table.put(u32(2), seven.fd, "any");
		assert.equal(caller.testRun({ data: new Uint8Array(64) }).retval, 7);
		assert.equal(table.delete(u32(2)), true);
		assert.equal(caller.testRun({ data: new Uint8Array(64) }).retval, 5);
		using array = create(kernel, "array");
		assert.throws(() => array.idAt(u32(0)), /holds no objects/);
		assert.deepEqual(caller.mapIds(), [table.info().id]);
		if (kernel.name === "virtual") return;
		for (const type of ["array_of_maps", "hash_of_maps"] as const) {
			using outer = create(kernel, type, { innerFd: array.fd.number });
			outer.put(u32(1), array);
			assert.equal(outer.idAt(u32(1)), array.info().id);
			using inner = BpfMap.byId(kernel, outer.idAt(u32(1))!);
			assert.equal(inner.type, "array");
		}
		const unified = cgroup();
		if (unified === undefined) return t.diagnostic("no cgroup v2 here: cgroup_array not tried");
		using groups = create(kernel, "cgroup_array");
		groups.put(u32(0), unified);
		assert.throws(() => groups.put(u32(1), array), { code: "EBADF" });
		closeSync(unified);
	}),
);

/** A descriptor of the root of cgroup v2. */
function cgroup(): number | undefined {
	for (const path of ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]) {
		try {
			closeSync(openSync(`${path}/cgroup.controllers`, "r"));
			return openSync(path, "r");
		} catch {}
	}
	return undefined;
}

/** A u32 and a u64, as storage maps want types. */
function storageBtf(kernel: Kernel) {
	const builder = new BtfBuilder();
	const int = (name: string, size: number) =>
		builder.add({ kind: "int", name, size, offset: 0, bits: size * 8, signed: false, char: false, bool: false });
	const [key, value] = [int("int", 4), int("__u64", 8)];
	return { fd: loadBtf(kernel, builder.encode()), key, value };
}

test(
	"storage of sockets, files and cgroups is reached by their descriptors",
	onKernel(async (kernel) => {
		const types = storageBtf(kernel);
		const storage = (type: MapType) =>
			create(kernel, type, {
				valueSize: 8,
				maxEntries: 0,
				flags: MAP_FLAGS.BPF_F_NO_PREALLOC,
				btf: { fd: types.fd.number, key: types.key, value: types.value },
			});
		const server = createServer().listen(0, "127.0.0.1");
		await new Promise((resolve) => server.once("listening", resolve));
		const file = openSync(join(tmpdir(), `skep-inode-${process.pid}`), "w+");
		const places: [MapType, number | undefined][] = [
			["sk_storage", (server as unknown as { _handle: { fd: number } })._handle.fd],
			["inode_storage", file],
			["cgrp_storage", cgroup()],
		];
		for (const [type, fd] of places) {
			if (fd === undefined) continue;
			if (versionCode(kernel.release) < versionCode(MAP_TYPES[type].since)) continue;
			using map = storage(type);
			const key = u32(fd);
			assert.equal(map.lookup(key), undefined, type);
			map.update(key, u64(5n), "create");
			assert.equal(map.update(key, u64(5n), "create"), false);
			assert.deepEqual(map.lookup(key), u64(5n));
			assert.equal(map.delete(key), true);
			assert.equal(map.delete(key), false);
			assert.throws(() => map.lookup(u32(99_999)), { code: "EBADF" });
			if (type !== "sk_storage") closeSync(fd);
		}
		rmSync(join(tmpdir(), `skep-inode-${process.pid}`));
		server.close();
		types.fd.close();
	}),
);

test(
	"connected sockets are put into sockmaps, whose values of 8 bytes read as cookies",
	onKernel(async (kernel) => {
		const server = createServer().listen(0, "127.0.0.1");
		await new Promise((resolve) => server.once("listening", resolve));
		const { port } = server.address() as { port: number };
		const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
		const client = connect(port, "127.0.0.1");
		const peer = await accepted;
		const fdOf = (socket: Socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd;
		for (const type of ["sockmap", "sockhash"] as const) {
			using map = create(kernel, type, { valueSize: 8 });
			map.put(u32(0), fdOf(client));
			map.put(u32(1), fdOf(peer), "create");
			const cookies = [0, 1].map((key) => new BigUint64Array(map.lookup(u32(key))!.buffer)[0]!);
			assert.ok(cookies[0] !== 0n && cookies[1] !== 0n && cookies[0] !== cookies[1]);
			assert.equal([...map.keys()].length, type === "sockmap" ? 4 : 2);
			assert.equal(map.delete(u32(0)), true);
			assert.equal(map.lookup(u32(0)), undefined);
		}
		client.destroy();
		peer.destroy();
		server.close();
	}),
);

test(
	"a mapped arena is the programs' memory, at the address that it demands",
	onKernel((kernel) => {
		const at = 1n << 44n;
		using map = create(kernel, "arena", {
			keySize: 0,
			valueSize: 0,
			maxEntries: 4,
			flags: MAP_FLAGS.BPF_F_MMAPABLE,
			extra: at,
		});
		using memory = map.mmap();
		assert.equal(memory.bytes.length, 4 * kernel.pageSize);
		assert.equal(memory.address, Number(at));
		memory.bytes[kernel.pageSize + 3] = 7;
		assert.equal(memory.bytes[kernel.pageSize + 3], 7);
		assert.equal(memory.stride, kernel.pageSize);
		using free = create(kernel, "arena", { keySize: 0, valueSize: 0, maxEntries: 1, flags: MAP_FLAGS.BPF_F_MMAPABLE });
		using anywhere = free.mmap();
		assert.ok((anywhere.address ?? 0) > 0);
	}),
);

test(
	"what hangs on a descriptor of a process; what a program is bound to; tokens",
	onKernel((kernel) => {
		using raw = load(kernel, RETURN(0), { type: "raw_tracepoint" });
		using link = attachRawTracepoint(raw, "sched_process_exit");
		using event = load(kernel, RETURN(0), { type: "tracepoint" });
		using map = create(kernel, "hash");
		assert.deepEqual(queryTaskFd(kernel, process.pid, link.fd.number), {
			programId: raw.info().id,
			type: "raw_tracepoint",
			name: "sched_process_exit",
			offset: 0n,
			address: 0n,
		});
		using traced = attachTracepoint(event, "sched", "sched_process_exit");
		const seen = Array.from({ length: 64 }, (_, fd) => {
			try {
				return queryTaskFd(kernel, process.pid, fd);
			} catch (error) {
				assert.equal((error as { code?: string }).code, "EBADF");
				return undefined;
			}
		}).filter((each) => each?.programId === event.info().id);
		assert.ok(
			seen.length >= 1 && seen.every((each) => each?.type === "tracepoint" && each.name === "sched_process_exit"),
			JSON.stringify(seen, (_, v) => String(v)),
		);
		assert.equal(traced.attached, true);
		assert.equal(queryTaskFd(kernel, process.pid, map.fd.number), undefined);
		assert.throws(() => queryTaskFd(kernel, 0x3fff_fff0, 0), { code: "ENOENT" });
		assert.deepEqual(raw.mapIds(), []);
		raw.bindMap(map);
		assert.deepEqual(raw.mapIds(), [map.info().id]);
		assert.throws(() => createToken(kernel, map.fd.number), { code: /EINVAL|EBADF|EOPNOTSUPP/ });
	}),
);

test(
	"info structs are whole",
	onKernel((kernel) => {
		using program = load(kernel, RETURN(0), { name: "whole" });
		const info = program.info();
		assert.equal(info.nr_jited_ksyms, 1);
		const ask = {
			jited_ksyms: new Uint8Array(8),
			jited_func_lens: new Uint8Array(4),
			prog_tags: new Uint8Array(8),
			xlated_prog_insns: new Uint8Array(16),
		};
		assert.equal(kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: program.fd.number, kind: "prog", info: ask }), 0);
		assert.equal(new DataView(ask.jited_func_lens.buffer).getUint32(0, true), info.jited_prog_len);
		assert.equal([...ask.prog_tags].map((byte) => byte.toString(16).padStart(2, "0")).join(""), info.tag);
		assert.equal(ask.xlated_prog_insns[0], 0xb7);
		using map = create(kernel, "hash", { extra: 0n });
		const { netns_dev, netns_ino, btf_vmlinux_id, map_extra } = map.info();
		assert.deepEqual([netns_dev, netns_ino, btf_vmlinux_id, map_extra], [0n, 0n, 0, 0n]);
	}),
);

test(
	"every hook that keeps a list can be asked for it",
	onKernel((kernel, t) => {
		const group = cgroup();
		const lo = kernel.interfaceIndex("lo");
		const netns = openSync("/proc/self/ns/net", "r");
		const asked = new Map<AttachType, QueryTarget>([
			["tcx_ingress", { ifindex: lo }],
			["tcx_egress", { ifindex: lo }],
			["flow_dissector", { fd: netns }],
			["sk_lookup", { fd: netns }],
		]);
		if (group === undefined) t.diagnostic("no cgroup v2 here: its hooks are not asked");
		else {
			for (const type of Object.keys(ATTACH_TYPES) as AttachType[])
				if (type.startsWith("cgroup_")) asked.set(type, { fd: group });
		}
		for (const [type, target] of asked) {
			if (versionCode(kernel.release) < versionCode(attachTypeSince(type))) continue;
			for (const effective of type.startsWith("cgroup_") ? [false, true] : [false]) {
				const { programs, revision } = queryPrograms(kernel, target, type, { effective });
				assert.ok(programs.every((each) => each.id > 0) && revision >= 0n, type);
			}
		}
		assert.throws(() => queryPrograms(kernel, { fd: netns }, "trace_fentry"), { code: "EINVAL" });
		closeSync(netns);
		if (group !== undefined) closeSync(group);
	}),
);
