import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FormatError } from "#base";
import { allKinds, swapped } from "./all-kinds.test-support.ts";
import { Btf, BtfBuilder, formatC } from "./index.ts";

const vmlinux = "/sys/kernel/btf/vmlinux";
const hasClang = spawnSync("clang-19", ["--version"]).status === 0;
const data = new URL("../../testdata/btf/", import.meta.url);

/** What clang says of a program that includes the header: nothing, where it compiles. */
function compile(header: string, program: string): string {
	const folder = mkdtempSync(join(tmpdir(), "skep-header-"));
	try {
		writeFileSync(join(folder, "vmlinux.h"), header);
		writeFileSync(join(folder, "x.c"), `#include "vmlinux.h"\n${program}`);
		const args = ["-target", "bpf", "-g", "-O2", "-Wall", "-Wno-unused", "-c", "x.c", "-o", "x.o"];
		const r = spawnSync("clang-19", args, { cwd: folder, encoding: "utf8" });
		return r.status === 0 ? r.stderr : r.stderr || `status ${r.status}`;
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** Instructions of a program that includes the header, with their relocations. */
function disassemble(header: string, program: string): string {
	const folder = mkdtempSync(join(tmpdir(), "skep-header-"));
	try {
		writeFileSync(join(folder, "vmlinux.h"), header);
		writeFileSync(join(folder, "x.bpf.c"), program);
		const args = ["-target", "bpf", "-g", "-O2", "-D__TARGET_ARCH_x86", "-c", "x.bpf.c", "-o", "x.o"];
		const r = spawnSync("clang-19", args, { cwd: folder, encoding: "utf8" });
		assert.equal(r.status, 0, r.stderr);
		return spawnSync("llvm-objdump-19", ["-d", "-r", "x.o"], { cwd: folder, encoding: "utf8" }).stdout;
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** Reads as people write them: chains, bit-fields, unions, enumerators, arrays, direct loads, packets. */
const PROGRAM = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
struct record { u64 ino; u32 pid, ppid; u16 family; u8 flags; char comm[16]; char name[64]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } records SEC(".maps");
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old, struct linux_binprm *bprm)
{
	struct record *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	if (!r) return 0;
	r->ino = BPF_CORE_READ(bprm, file, f_inode, i_ino);
	r->pid = task->tgid;
	r->ppid = task->real_parent->tgid;
	r->flags = BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
	const char *name = BPF_CORE_READ(bprm, filename);
	bpf_probe_read_kernel_str(r->name, sizeof(r->name), name);
	__builtin_memcpy(r->comm, task->comm, 16);
	if (bpf_core_field_exists(task->__state) && bpf_core_enum_value_exists(enum bpf_prog_type, BPF_PROG_TYPE_XDP))
		r->family = bpf_core_type_size(struct sock);
	bpf_ringbuf_submit(r, 0);
	return 0;
}
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_close, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	return sk->__sk_common.skc_dport + tp->snd_cwnd + BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
}
SEC("xdp")
int drop(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > end) return XDP_PASS;
	return ip->ihl == 5 && ip->protocol == IPPROTO_TCP && tcp->syn && !tcp->ack ? XDP_DROP : XDP_PASS;
}
SEC("tp/syscalls/sys_enter_openat")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
	struct epoll_event event = {};
	bpf_probe_read_user(&event, sizeof(event), (void *)ctx->args[1]);
	return event.data > ctx->id;
}
`;

/** C that holds size and member offsets of every record whose name is its alone against the BTF. */
function assertions(btf: Btf): { readonly text: string; readonly count: number } {
	const tags = new Map<string, number>();
	const kinds = ["struct", "union", "enum", "enum64", "fwd"] as const;
	for (const kind of kinds)
		for (const id of btf.ofKind(kind)) if (kind !== "fwd") tags.set(btf.name(id), (tags.get(btf.name(id)) ?? 0) + 1);
	let text = "";
	let count = 0;
	for (const kind of ["struct", "union"] as const) {
		for (const id of btf.ofKind(kind)) {
			const t = btf.type(id);
			if ((t.kind !== "struct" && t.kind !== "union") || t.name === "" || tags.get(t.name) !== 1) continue;
			text += `_Static_assert(sizeof(${kind} ${t.name}) == ${t.size}, "size of ${t.name}");\n`;
			count++;
			for (const m of t.members) {
				if (m.name === "" || m.bitSize > 0) continue;
				const offset = `__builtin_offsetof(${kind} ${t.name}, ${m.name})`;
				text += `_Static_assert(${offset} == ${m.bitOffset / 8}, "${t.name}.${m.name}");\n`;
				count++;
			}
		}
	}
	return { text, count };
}

describe("types as C", () => {
	test("declarations from the inside out, second names, attributes", () => {
		const text = formatC(allKinds());
		for (const line of [
			"\tint a: 3;\n\tlong: 2;\n\tint b: 4;\n",
			"\tint (*calls[2])(const volatile int * restrict x, ...);\n",
			"\tchar (*row)[16];\n",
			"\tunion {\n\t\t__Poly64_t whole;\n\t\tint low;\n\t};\n",
			"\tenum {\n\t\tOFF = -1,\n\t\tON = 1,\n\t} mode;\n",
			"struct tight {\n\tchar c;\n\t__Poly64_t v;\n} __attribute__((packed));\n",
			"struct all___2 {\n",
			"\tON___2 = 1,\n} __attribute__((mode(QI)));\n",
			"\tMAX = 18446744073709551615ULL,\n",
			"struct elsewhere;\n",
			"typedef unsigned long long __Poly64_t;\n",
			'typedef int __attribute__((btf_type_tag("user"))) *uptr;\n',
		])
			assert.ok(
				text
					.replaceAll(
						'__attribute__((btf_type_tag("user"))) int *uptr',
						'int __attribute__((btf_type_tag("user"))) *uptr',
					)
					.includes(line),
				`${line} in ${text}`,
			);
		assert.ok(text.includes("preserve_access_index"));
		assert.equal(formatC(swapped(allKinds())), text);
	});

	test("only what is asked for and what that needs", () => {
		const btf = allKinds();
		const text = formatC(btf, { ids: [btf.find("tight", "struct")!] });
		assert.match(text, /struct tight \{/);
		assert.doesNotMatch(text, /struct all|enum/);
		assert.equal(formatC(btf, { ids: [0] }).includes("struct"), false);
	});

	test("a struct stands behind what it holds, and beside what it points at", () => {
		const b = new BtfBuilder();
		const outer = b.reserve();
		const pointer = b.add({ kind: "ptr", type: outer });
		const inner = b.add({
			kind: "struct",
			name: "inner",
			size: 8,
			members: [{ name: "up", type: pointer, bitOffset: 0, bitSize: 0 }],
		});
		const alias = b.add({ kind: "typedef", name: "inner_t", type: inner });
		b.set(outer, {
			kind: "struct",
			name: "outer",
			size: 8,
			members: [{ name: "in", type: alias, bitOffset: 0, bitSize: 0 }],
		});
		const lines = formatC(b.finish())
			.split("\n")
			.filter((l) => /^(struct|typedef)/.test(l));
		assert.deepEqual(lines, [
			"struct inner;",
			"typedef struct inner inner_t;",
			"struct outer;",
			"struct inner {",
			"struct outer {",
		]);
	});

	test("clang compiles it, and puts every member where the BTF says", (t) => {
		if (!hasClang) return t.skip("needs clang-19");
		for (const btf of [allKinds(), Btf.decode(new Uint8Array(readFileSync(new URL("types.btf", data))))])
			assert.equal(compile(formatC(btf), assertions(btf).text), "");
	});

	test("the running kernel's header: sizes and offsets of all records", (t) => {
		if (!hasClang || !existsSync(vmlinux)) return t.skip("needs clang-19 and a kernel with BTF");
		const btf = Btf.decode(new Uint8Array(readFileSync(vmlinux)));
		const { text, count } = assertions(btf);
		assert.ok(count > 10_000, `${count} assertions`);
		assert.equal(compile(formatC(btf), text), "");
	});

	test("programs compile to the same instructions as with bpftool's header", (t) => {
		const bpftool = spawnSync("bpftool", ["btf", "dump", "file", vmlinux, "format", "c"], {
			encoding: "utf8",
			maxBuffer: 1 << 28,
		});
		if (!hasClang || bpftool.status !== 0 || !existsSync("/usr/include/bpf/bpf_core_read.h"))
			return t.skip("needs clang-19, bpftool, libbpf-dev and a kernel with BTF");
		const ours = formatC(Btf.decode(new Uint8Array(readFileSync(vmlinux))));
		const [a, b] = [disassemble(ours, PROGRAM), disassemble(bpftool.stdout, PROGRAM)];
		assert.ok(a.length > 1000, a);
		assert.equal(a, b);
	});

	test("what C cannot say is refused", () => {
		const member = (type: number) => ({ name: "m", type, bitOffset: 0, bitSize: 0 });
		const refused = (fill: (b: BtfBuilder) => void) => {
			const b = new BtfBuilder();
			fill(b);
			assert.throws(() => formatC(b.finish()), FormatError);
		};
		refused((b) => b.add({ kind: "struct", name: "s", size: 4, members: [member(1)] }));
		refused((b) => {
			b.add({ kind: "typedef", name: "a", type: 2 });
			b.add({ kind: "typedef", name: "b", type: 1 });
		});
		refused((b) => {
			b.add({ kind: "const", type: 1 });
			b.add({ kind: "struct", name: "s", size: 4, members: [member(1)] });
		});
		refused((b) => {
			b.add({ kind: "ptr", type: 1 });
			b.add({ kind: "struct", name: "s", size: 4, members: [member(1)] });
		});
		// Each is twice in the next one: 2^60 lines.
		refused((b) => {
			let last = b.add({ kind: "struct", name: "", size: 0, members: [] });
			for (let i = 0; i < 60; i++)
				last = b.add({ kind: "struct", name: "", size: 0, members: [member(last), { ...member(last), name: "n" }] });
			b.add({ kind: "struct", name: "top", size: 0, members: [member(last)] });
		});
		refused((b) => {
			let last = 0;
			for (let i = 0; i < 60; i++) {
				const params = [last, last].map((type) => ({ name: "", type }));
				last = b.add({ kind: "ptr", type: b.add({ kind: "func_proto", ret: last, params }) });
			}
			b.add({ kind: "typedef", name: "f", type: last });
		});
	});
});
