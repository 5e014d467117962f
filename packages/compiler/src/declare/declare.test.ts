import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Btf } from "@skep/bpf/btf";
import fc from "fast-check";
import {
	declaredMembers,
	decodeTracepoints,
	didYouMean,
	editDistance,
	encodeTracepoints,
	KernelTypes,
	kernelDeclarations,
	NET_OBJECTS,
	NET_STRUCTS,
	parseFormat,
	readTracefs,
	type Tracepoint,
	tracepointTable,
	UAPI_CONSTANTS,
} from "./index.ts";

const data = new URL("../../data/", import.meta.url);
const shipped = Btf.decode(new Uint8Array(readFileSync(new URL("kernel.btf", data))));
const json: unknown = JSON.parse(readFileSync(new URL("tracepoints.json", data), "utf8"));
const kernel = new KernelTypes(shipped);

describe("did you mean", () => {
	test("nearest name, case aside, within a third of the length", () => {
		const names = ["real_parent", "parent", "pid", "tgid", "comm"];
		for (const [wrong, right] of [
			["real_parnt", "real_parent"],
			["raelparent", "real_parent"],
			["Parent", "parent"],
			["pdi", "pid"],
			["com", "comm"],
			["something", undefined],
			["x", undefined],
		] as const)
			assert.equal(didYouMean(wrong, names), right, wrong);
	});

	test("the distance is symmetric and zero only for the same", () => {
		const word = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "c") });
		fc.assert(
			fc.property(word, word, (a, b) => {
				const d = editDistance(a, b, 20);
				assert.equal(d, editDistance(b, a, 20));
				assert.equal(d === 0, a === b);
				assert.ok(d <= Math.max(a.length, b.length));
				for (const limit of [0, 1, 2]) assert.equal(editDistance(a, b, limit), d <= limit ? d : limit + 1);
			}),
			{ seed: 1, numRuns: 500 },
		);
	});
});

describe("kernel types", () => {
	const task = kernel.struct("task_struct")!;

	test("structs by name, flavour and typedef", () => {
		assert.equal(kernel.struct("task_struct___pre_5_14")?.id, task.id);
		assert.deepEqual(
			{ ...kernel.struct("kuid_t")!, id: 0 },
			{ kind: "struct", id: 0, name: "kuid_t", union: false, size: 4 },
		);
		assert.equal(shipped.kind(kernel.struct("kuid_t")!.id), "typedef", "an unnamed struct is rooted at its typedef");
		assert.equal(kernel.struct("no_such"), undefined);
	});

	test("members are classified", () => {
		const type = (struct: string, member: string) => kernel.member(kernel.struct(struct)!.id, member)?.type;
		assert.deepEqual(type("task_struct", "tgid"), { kind: "int", bits: 32, signed: true, char: false });
		assert.deepEqual(type("task_struct", "comm"), { kind: "chars", size: 16 });
		assert.deepEqual(type("sock_common", "skc_dport"), { kind: "be", bits: 16 });
		assert.deepEqual(type("sock_common", "skc_daddr"), { kind: "be", bits: 32 });
		const parent = type("task_struct", "real_parent");
		assert.ok(parent?.kind === "pointer" && parent.target === "struct" && parent.struct?.id === task.id);
		const name = type("qstr", "name");
		assert.ok(name?.kind === "pointer" && name.target === "char", "unsigned char * is text");
		assert.deepEqual(type("file", "f_op")?.kind, "pointer");
		const path = type("file", "f_path");
		assert.ok(path?.kind === "struct" && path.name === "path", "embedded");
		const bits = type("cpumask", "bits");
		assert.ok(bits?.kind === "array" && bits.element.kind === "int" && bits.element.bits === 64);
		assert.equal(type("task_struct", "no_such"), undefined);
		assert.equal(kernel.suggestMember(task.id, "real_parnt"), "real_parent");
	});

	test("members of anonymous members, bit-fields, and which kernels have them", () => {
		const qstr = kernel.struct("qstr")!;
		const len = kernel.member(qstr.id, "len")!;
		assert.ok(len.path.length > 1);
		assert.equal(len.offset, 4);
		const execve = kernel.member(task.id, "in_execve")!;
		assert.equal(execve.bitSize, 1);
		assert.equal(execve.offset, Math.floor(execve.bitOffset / 8));
		assert.deepEqual(kernel.member(task.id, "state")!.kernels, ["5.10"]);
		assert.deepEqual(kernel.member(task.id, "__state")!.kernels, ["6.18", "6.12", "6.1"]);
		assert.equal(kernel.member(task.id, "tgid")!.kernels, undefined);
	});

	test("tracepoints have their kernel's arguments, by name", () => {
		const exec = kernel.tracepoint("sched_process_exec")!;
		assert.deepEqual(
			exec.map((p) => p.name),
			["p", "old_pid", "bprm"],
		);
		assert.ok(exec[0]!.type.kind === "pointer" && exec[0]!.type.struct?.name === "task_struct");
		assert.equal(kernel.tracepoint("no_such"), undefined);
		assert.ok(kernel.tracepointNames().includes("sys_enter"));
		const read = kernel.func("vfs_read")!;
		assert.equal(read.params.length, 4);
		assert.deepEqual(read.result, { kind: "int", bits: 64, signed: true, char: false });
	});

	test("enumerators", () => {
		assert.equal(kernel.enumerator("pid_type", "PIDTYPE_TGID")?.value, 1n);
		assert.equal(kernel.enumerator("pid_type", "NO_SUCH"), undefined);
		assert.ok(kernel.enumerators("bpf_func_id")!.some((v) => v.name === "BPF_FUNC_ringbuf_output" && v.value === 130n));
		assert.equal(kernel.enumerators("no_such"), undefined);
	});

	test("every member of every shipped struct lies within it", () => {
		for (const kind of ["struct", "union"] as const)
			for (const id of shipped.ofKind(kind))
				for (const m of kernel.members(id)) {
					const bits = m.bitSize || shipped.sizeOf(m.typeId) * 8;
					assert.ok(m.bitOffset + bits <= shipped.sizeOf(id) * 8, `${shipped.name(id)}.${m.name}`);
				}
	});

	test("the shipped layouts are those of this project's machine", (t) => {
		const path = "/sys/kernel/btf/vmlinux";
		if (!existsSync(path)) return t.skip(`needs ${path}`);
		const here = new KernelTypes(Btf.decode(new Uint8Array(readFileSync(path))));
		if (here.struct("task_struct")?.size !== task.size)
			return t.skip("another kernel than the one the data was made from");
		for (const name of ["task_struct", "file", "sock", "sk_buff", "mm_struct"])
			for (const m of here.members(here.struct(name)!.id)) {
				const ours = kernel.member(kernel.struct(name)!.id, m.name);
				assert.deepEqual(
					[ours?.bitOffset, ours?.bitSize, ours?.type.kind],
					[m.bitOffset, m.bitSize, m.type.kind],
					`${name}.${m.name}`,
				);
			}
	});
});

describe("tracepoints", () => {
	const FORMAT = `name: made_up
ID: 1
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;
	field:__data_loc u64[] values;	offset:12;	size:4;	signed:0;
	field:pid_t pid;	offset:16;	size:4;	signed:1;
	field:char comm[16];	offset:20;	size:16;	signed:0;
	field:__u8 saddr[4];	offset:36;	size:4;	signed:0;
	field:unsigned long args[6];	offset:40;	size:48;	signed:0;
	field:bool ok;	offset:88;	size:1;	signed:0;
	field:const char * text;	offset:96;	size:8;	signed:0;
	field:const struct page_pool * pool;	offset:104;	size:8;	signed:0;
	field:struct whole by_value;	offset:112;	size:24;	signed:0;
	field:char last[];	offset:136;	size:0;	signed:0;

print fmt: "%s", REC->comm
`;
	test("a format file is read", () => {
		const t = parseFormat("made", FORMAT)!;
		assert.deepEqual(
			t.fields.map((f) => [f.name, f.offset, f.type]),
			[
				["filename", 8, { kind: "dynstr" }],
				["values", 12, { kind: "dynarr", element: { kind: "int", bits: 64, signed: false } }],
				["pid", 16, { kind: "int", bits: 32, signed: true }],
				["comm", 20, { kind: "chars", size: 16 }],
				["saddr", 36, { kind: "be", bits: 32 }],
				["args", 40, { kind: "array", element: { kind: "int", bits: 64, signed: false }, length: 6 }],
				["ok", 88, { kind: "bool" }],
				["text", 96, { kind: "cstr" }],
				["pool", 104, { kind: "kernel-ptr", struct: "page_pool" }],
				["by_value", 112, { kind: "opaque", what: "struct whole" }],
				["last", 136, { kind: "opaque", what: "char []" }],
			],
		);
		assert.equal(parseFormat("x", "nothing"), undefined);
		const files: Record<string, string> = { "made/made_up/format": FORMAT };
		const all = readTracefs({ list: (p) => (p === "" ? ["made"] : ["made_up", "enable"]), read: (p) => files[p] });
		assert.deepEqual(all, [t]);
	});

	test("the shipped table: exec, system calls, suggestions", () => {
		const table = decodeTracepoints(json);
		assert.deepEqual(
			table.find("sched:sched_process_exec")!.fields.map((f) => [f.name, f.offset, f.size]),
			[
				["filename", 8, 4],
				["pid", 12, 4],
				["old_pid", 16, 4],
			],
		);
		const openat = table.find("syscalls:sys_enter_openat")!;
		assert.deepEqual(
			openat.fields.map((f) => [f.name, f.offset, f.type.kind]),
			[
				["__syscall_nr", 8, "int"],
				["dfd", 16, "int"],
				["filename", 24, "user-ptr"],
				["flags", 32, "int"],
				["mode", 40, "int"],
			],
		);
		assert.deepEqual(table.find("syscalls:sys_exit_openat")!.fields[1], {
			name: "ret",
			ctype: "long",
			offset: 16,
			size: 8,
			signed: true,
			type: { kind: "int", bits: 64, signed: true },
		});
		assert.equal(table.suggest("sched:sched_proces_exec"), "sched:sched_process_exec");
		assert.equal(table.suggest("sched_process_exec"), "sched:sched_process_exec");
		assert.equal(table.suggest("syscalls:sys_enter_opneat"), "syscalls:sys_enter_openat");
		for (const name of ["sched:no_such_thing_at_all", "nothing", "__proto__:x", "sched:constructor"])
			assert.equal(table.find(name), undefined);
	});

	test("packed and unpacked again it is the same", () => {
		const table = decodeTracepoints(json);
		const list = table.names().map((n) => table.find(n) as Tracepoint);
		const packed = encodeTracepoints("x", list);
		const again = decodeTracepoints(JSON.parse(JSON.stringify(packed)));
		assert.deepEqual(again.names(), table.names());
		for (const t of list) assert.deepStrictEqual(again.find(`${t.category}:${t.event}`), t);
		assert.deepEqual(tracepointTable(list).names(), table.names());
		for (const wrong of [null, 5, {}, { types: [], layouts: [], events: null, syscalls: {} }])
			assert.throws(() => decodeTracepoints(wrong), { code: "ERR_FORMAT" });
	});
});

describe("curated", () => {
	test("packet headers lie as the kernel's own", () => {
		const same: Record<string, Record<string, string>> = {
			ethhdr: { dst: "h_dest", src: "h_source", proto: "h_proto" },
			iphdr: {
				version: "version",
				ihl: "ihl",
				tos: "tos",
				len: "tot_len",
				id: "id",
				frag: "frag_off",
				ttl: "ttl",
				proto: "protocol",
				csum: "check",
				saddr: "saddr",
				daddr: "daddr",
			},
			ipv6hdr: {
				version: "version",
				priority: "priority",
				payloadLen: "payload_len",
				nexthdr: "nexthdr",
				hopLimit: "hop_limit",
				saddr: "saddr",
				daddr: "daddr",
			},
			tcphdr: {
				sport: "source",
				dport: "dest",
				seq: "seq",
				ack: "ack_seq",
				doff: "doff",
				fin: "fin",
				syn: "syn",
				rst: "rst",
				window: "window",
				csum: "check",
				urgent: "urg_ptr",
			},
			udphdr: { sport: "source", dport: "dest", len: "len", csum: "check" },
			vlanhdr: { tci: "h_vlan_TCI", proto: "h_vlan_encapsulated_proto" },
		};
		for (const [name, names] of Object.entries(same)) {
			const ours = NET_STRUCTS.get(name)!;
			const theirs = kernel.struct(name === "vlanhdr" ? "vlan_hdr" : name)!;
			assert.equal(ours.size, theirs.size, name);
			assert.deepEqual(ours.fields.map((f) => f.name).sort(), Object.keys(names).sort());
			for (const f of ours.fields) {
				const m = kernel.member(theirs.id, names[f.name]!)!;
				assert.equal(f.offset * 8 + (f.bits?.shift ?? 0), m.bitOffset, `${name}.${f.name}`);
				assert.equal(f.bits?.size ?? 0, m.bitSize, `${name}.${f.name}`);
			}
		}
		assert.deepEqual(NET_OBJECTS.get("ETH")?.get("IPV4"), { kind: "be", bits: 16, value: 0x0008n });
	});

	test("errno values are this machine's", (t) => {
		if (process.platform !== "linux") return t.skip("needs Linux");
		for (const [name, value] of Object.entries(constants.errno))
			if (UAPI_CONSTANTS.has(name)) assert.equal(UAPI_CONSTANTS.get(name)!.value, BigInt(value), name);
		assert.equal(UAPI_CONSTANTS.get("EPERM")?.value, 1n);
	});
});

describe("kernel.d.ts", () => {
	const types = fileURLToPath(new URL("../../../skep/types/", import.meta.url));
	const tsc = fileURLToPath(new URL("../../../../node_modules/.bin/tsc", import.meta.url));
	const check = (files: Record<string, string>): string => {
		const root = mkdtempSync(join(tmpdir(), "skep-declare-"));
		try {
			for (const f of ["skep.d.ts", "net.d.ts", "uapi.d.ts"]) cpSync(join(types, f), join(root, f));
			for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
			writeFileSync(join(root, "package.json"), '{ "type": "module" }');
			const compilerOptions = {
				target: "es2024",
				lib: ["es2024"],
				module: "nodenext",
				moduleDetection: "force",
				types: [],
				strict: true,
				noEmit: true,
			};
			writeFileSync(join(root, "tsconfig.json"), JSON.stringify({ compilerOptions }));
			execFileSync(tsc, ["-p", root, "--pretty", "false"], { encoding: "utf8", stdio: "pipe" });
			return "";
		} catch (error) {
			return String((error as { stdout?: unknown }).stdout ?? error);
		} finally {
			rmSync(root, { recursive: true });
		}
	};
	const tracepoints = decodeTracepoints(json);

	test("what is written passes stock tsc, with and without the shipped one beside it", () => {
		const input = {
			btf: shipped,
			tracepoints,
			structs: ["bio", "request", "task_struct", "class", "no_such"],
			functions: ["vfs_read", "no_such"],
		};
		const alone = kernelDeclarations({
			...input,
			structs: [
				...input.structs,
				"cgroup",
				"sock",
				"inode",
				"path",
				"xdp_md",
				"__sk_buff",
				"bpf_sock_addr",
				"bpf_sk_lookup",
				"bpf_sock_ops",
				"bpf_sock",
				"pt_regs",
			],
			hops: 1,
			title: "test",
		});
		const use = `import { tracepoint, tpBtf, type u64 } from "skep";
tracepoint("xfs:xfs_attr_list_sf", () => {});
tpBtf("block_rq_issue", (rq) => { const n: u64 = rq.start_time_ns; void n; });
// @ts-expect-error no such member
tpBtf("block_rq_issue", (rq) => { rq.no_such; });
`;
		assert.equal(check({ "kernel.d.ts": alone, "use.ts": use }), "");
		const there = readFileSync(join(types, "kernel.d.ts"), "utf8");
		const more = kernelDeclarations({ ...input, hops: 2, existing: there });
		assert.equal(check({ "kernel.d.ts": there, "more.d.ts": more, "use.ts": use }), "");
		assert.ok(!more.includes('"sched:sched_process_exec"'), "what is there already is left out");
	});

	test("declared members are found through comments, generics and nesting", () => {
		const text = `declare module "x" {
  // export interface no { }
  export interface a { readonly b?: { c: arr<u8, 4>; d: u8 }; "e:f": u8; // g
    h(i: u8, j: (k: u8) => void): void }
  export interface empty {}
}`;
		const found = declaredMembers(text);
		assert.deepEqual([...found.get("a")!], ["b", "e:f", "h"]);
		assert.equal(found.get("empty")!.size, 0);
	});
});
