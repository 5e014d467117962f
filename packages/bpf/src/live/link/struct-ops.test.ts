import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Btf } from "#btf";
import { encode, insn } from "#isa";
import { ERRNO, type Kernel } from "#kernel";
import { MAP_FLAGS, MAP_TYPES, PROGRAM_TYPES } from "#uapi";
import { attachStructOps, BpfMap, loadBtf, Program, updateStructOps } from "../index.ts";
import { onKernel } from "../kernel.test-support.ts";

/** Names of the congestion control that processes may choose. */
const available = (): string[] =>
	readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8").trim().split(" ");

/** Members of tcp_congestion_ops that the kernel demands, and what a program in their place returns. */
const DEMANDED = { ssthresh: 2, cong_avoid: 0, undo_cwnd: 2 } as const;

interface Made {
	readonly map: BpfMap;
	readonly value: Uint8Array;
	readonly programs: readonly Program[];
}

/** A struct_ops map for a congestion control called `name`. -errno where this kernel has none. */
function congestion(kernel: Kernel, btf: Btf, objectBtf: number, name: string, flags: number): Made | number {
	const inner = btf.find("tcp_congestion_ops", "struct");
	const outer = btf.find("bpf_struct_ops_tcp_congestion_ops", "struct");
	if (inner === undefined || outer === undefined) return -ERRNO.ENOENT;
	const ops = btf.type(inner);
	const wrapped = btf.type(outer);
	assert.ok(ops.kind === "struct" && wrapped.kind === "struct");
	const value = new Uint8Array(btf.sizeOf(outer)!);
	const view = new DataView(value.buffer);
	const data = wrapped.members.find((each) => each.name === "data")!.bitOffset / 8;
	const at = (member: string) => data + ops.members.find((each) => each.name === member)!.bitOffset / 8;
	const programs: Program[] = [];
	for (const [member, result] of Object.entries(DEMANDED)) {
		const fd: number = kernel.bpf("PROG_LOAD", {
			prog_type: PROGRAM_TYPES.struct_ops.value,
			prog_name: member,
			license: "GPL",
			attach_btf_id: inner,
			expected_attach_type: ops.members.findIndex((each) => each.name === member),
			insns: encode([insn.mov(64, 0, { imm: result }), insn.exit()]),
		});
		assert.ok(fd >= 0, `${member}: ${fd}`);
		programs.push(Program.fromFd(kernel, fd));
		view.setBigUint64(at(member), BigInt(fd), true);
	}
	value.set(new TextEncoder().encode(name), at("name"));
	const fd = kernel.bpf("MAP_CREATE", {
		map_type: MAP_TYPES.struct_ops.value,
		map_name: name,
		key_size: 4,
		value_size: value.length,
		max_entries: 1,
		map_flags: flags,
		btf_fd: objectBtf,
		btf_vmlinux_value_type_id: outer,
	});
	if (fd < 0) {
		for (const each of programs) each.close();
		return fd;
	}
	return { map: BpfMap.fromFd(kernel, fd), value, programs };
}

/** BTF of an object: struct_ops maps want some, whatever it says. One int. */
function someBtf(kernel: Kernel) {
	const words = [0x0001_eb9f, 24, 0, 16, 16, 5, 1, 1 << 24, 4, (1 << 24) | 32];
	const bytes = new Uint8Array([...new Uint8Array(new Uint32Array(words).buffer), 0, 0x69, 0x6e, 0x74, 0]);
	return loadBtf(kernel, bytes);
}

test(
	"a congestion control comes with its link, is replaced, goes and comes back; without a link it comes with the map's entry",
	onKernel((kernel, t) => {
		const bytes = kernel.btf();
		if (typeof bytes === "number") return t.skip("needs the kernel's BTF");
		const btf = Btf.decode(bytes);
		using objectBtf = someBtf(kernel);
		const name = `skep${process.pid}`;
		const first = congestion(kernel, btf, objectBtf.number, name, MAP_FLAGS.BPF_F_LINK);
		if (typeof first === "number")
			return t.skip(`this kernel (${kernel.release}) has no struct_ops with links: ${first}`);
		const second = congestion(kernel, btf, objectBtf.number, name, MAP_FLAGS.BPF_F_LINK);
		const older = congestion(kernel, btf, objectBtf.number, `${name}o`, 0);
		assert.ok(typeof second === "object" && typeof older === "object");
		const link = attachStructOps(first.map, first.value);
		assert.ok(available().includes(name));
		assert.deepEqual(link.info()?.struct_ops, { map_id: first.map.info().id });
		updateStructOps(link, second.map, { value: second.value, expected: first.map });
		assert.deepEqual(link.info()?.struct_ops, { map_id: second.map.info().id });
		link.detach();
		assert.ok(!available().includes(name));
		link.reattach();
		assert.ok(available().includes(name));
		link.close();
		assert.ok(!available().includes(name));
		const entry = attachStructOps(older.map, older.value);
		assert.deepEqual([entry.way, available().includes(`${name}o`)], ["struct_ops_map", true]);
		entry.close();
		assert.ok(!available().includes(`${name}o`));
		for (const made of [first, second, older]) {
			made.map.close();
			for (const each of made.programs) each.close();
		}
		return undefined;
	}),
);
