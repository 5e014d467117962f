import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { NotSupportedError } from "#base";
import { insn } from "#isa";
import { ERRNO, type Kernel } from "#kernel";
import { attachUsdt, BpfMap, parseUsdtArguments } from "../index.ts";
import { onKernel } from "../kernel.test-support.ts";
import { Counter, counting, keep, keepCookie } from "./counting.test-support.ts";
import { encodeUsdtSpec, USDT_SPEC_BYTES } from "./usdt-arguments.ts";

test("arguments of probes are read as compilers leave them for x86-64", () => {
	const read = parseUsdtArguments("-4@%eax 8@-16(%rbp) 1@$-5 8@(%rdi) 2@8(%rax,%r12,8) 4@$0x10");
	assert.deepEqual(read, [
		{ size: 4, signed: true, place: { kind: "register", register: 80 } },
		{ size: 8, signed: false, place: { kind: "memory", register: 32, offset: -16n } },
		{ size: 1, signed: false, place: { kind: "constant", value: -5n } },
		{ size: 8, signed: false, place: { kind: "memory", register: 112, offset: 0n } },
		{ size: 2, signed: false, place: { kind: "indexed", register: 80, index: 24, shift: 3, offset: 8n } },
		{ size: 4, signed: false, place: { kind: "constant", value: 16n } },
	]);
	assert.deepEqual(parseUsdtArguments(""), []);
	// biome-ignore format: table
	const refused = [
		["8f@%xmm0", /floating point/], ["8@counter(%rip)", /expected a constant, a register, or memory/], ["3@%eax", /expected a size/],
		["4@%xmm3", /no general register/], ["%eax", /expected a size/], ["-4@[sp, 12]", /expected/], ["8@x0", /expected/], [Array(13).fill("4@$1").join(" "), /at most 12/],
	] as const;
	for (const [text, says] of refused) {
		assert.throws(
			() => parseUsdtArguments(text),
			(error) => error instanceof NotSupportedError && says.test(error.message),
			text,
		);
	}
});

test("an entry of __bpf_usdt_specs has the layout of usdt.bpf.h", () => {
	const bytes = encodeUsdtSpec(parseUsdtArguments("-4@112(%rsp) 8@8(%rax,%r12,8)"), 0x1122n);
	const view = new DataView(bytes.buffer);
	assert.equal(bytes.length, USDT_SPEC_BYTES);
	assert.deepEqual(
		[view.getBigInt64(0, true), view.getInt32(8, true), view.getInt16(12, true), view.getUint8(14), view.getUint8(15)],
		[112n, 2, 152, 1, 32],
	);
	assert.equal(view.getInt32(24, true), 3 | (24 << 8) | (3 << 20));
	assert.deepEqual([view.getBigUint64(192, true), view.getInt16(200, true)], [0x1122n, 2]);
});

/** A Python that was built with probes: Debian's is. */
function pythonWithProbes(host: { probes(path: string, provider: string, name: string): unknown }): string | undefined {
	return ["/usr/bin/python3", "/usr/bin/python3.11", "/usr/bin/python3.13"].find((path) => {
		const found = host.probes(path, "python", "gc__start");
		return Array.isArray(found) && found.length > 0;
	});
}

test(
	"a probe with a semaphore and arguments fires in another process; its entry is taken and given back",
	onKernel((kernel, t) => {
		const binary = pythonWithProbes(kernel.host!);
		if (!binary) return t.skip("needs a python3 that was built with USDT probes (readelf -n)");
		using counter = new Counter(kernel);
		using specs = BpfMap.create(kernel, {
			name: "__bpf_usdt_specs",
			type: "array",
			keySize: 4,
			valueSize: USDT_SPEC_BYTES,
			maxEntries: 4,
		});
		// -4@112(%rsp): the generation that is collected, fetched as bpf_usdt_arg would. Slot 2: what was read of the stack.
		using program = counting(kernel, counter, {
			type: "kprobe",
			body: [
				...keepCookie(),
				insn.mov(64, 1, { reg: 7 }),
				insn.alu("add", 64, 1, { imm: 16 }),
				insn.mov(64, 2, { imm: 4 }),
				insn.load(8, 3, 6, 152),
				insn.alu("add", 64, 3, { imm: 112 }),
				// probe_read_user
				insn.call(112),
				keep(3, 0),
			],
		});
		const collect = () =>
			spawnSync(binary, ["-I", "-S", "-c", "import gc, os; gc.disable(); gc.collect(2); gc.collect(1); os._exit(0)"]);
		const link = attachUsdt(program, { binary, provider: "python", name: "gc__start", cookie: 99n, specs });
		collect();
		assert.ok(counter.count >= 2, `${counter.count} collections: without its semaphore the probe is not reached`);
		assert.equal(counter.value(1), 0n, "the cookie is the entry's number");
		assert.deepEqual(
			[counter.value(3), counter.value(2) & 0xffffffffn],
			[0n, 1n],
			"the generation of the last collection",
		);
		const entry = new DataView(specs.lookup(new Uint8Array(4))!.buffer);
		assert.deepEqual([entry.getInt16(200, true), entry.getBigUint64(192, true)], [1, 99n]);
		using other = attachUsdt(program, { binary, provider: "python", name: "function__entry", specs });
		assert.equal(new DataView(specs.lookup(new Uint8Array([1, 0, 0, 0]))!.buffer).getInt16(200, true), 3);
		link.close();
		using third = attachUsdt(program, { binary, provider: "python", name: "gc__done", specs });
		assert.equal(new DataView(specs.lookup(new Uint8Array(4))!.buffer).getUint8(14), 1, "its entry is used again");
		other.close();
		third.close();
		counter.reset();
		collect();
		assert.equal(counter.count, 0);
		assert.throws(() => attachUsdt(program, { binary, provider: "python", name: "nothing" }), {
			code: "ERR_NO_SYMBOL",
		});
		return undefined;
	}),
);

test(
	"where there are no cookies, entries are found by the address that is reached, in files whose addresses are known",
	onKernel((kernel, t) => {
		const binary = pythonWithProbes(kernel.host!);
		const probes = binary === undefined ? [] : kernel.host!.probes(binary, "python", "gc__start");
		if (!binary || typeof probes !== "object")
			return t.skip("needs a python3 that was built with USDT probes (readelf -n)");
		// The same kernel, as one before 5.15 would answer.
		const older: Kernel = Object.create(kernel, {
			bpf: {
				value: ((command, attr) =>
					command === "LINK_CREATE" ? -ERRNO.EINVAL : kernel.bpf(command, attr)) as Kernel["bpf"],
			},
		});
		using counter = new Counter(older);
		const map = { keySize: 4, valueSize: USDT_SPEC_BYTES, maxEntries: 4 };
		using specs = BpfMap.create(older, { name: "__bpf_usdt_specs", type: "array", ...map });
		using ipToSpecId = BpfMap.create(older, { name: "ips", type: "hash", keySize: 8, valueSize: 4, maxEntries: 4 });
		using program = counting(older, counter, { type: "kprobe" });
		const attach = () => attachUsdt(program, { binary, provider: "python", name: "gc__start", specs, ipToSpecId });
		if (!probes[0]!.fixed) {
			assert.throws(attach, /loaded at addresses that are not known beforehand/);
			return undefined;
		}
		const link = attach();
		assert.equal(link.way, "perf_ioctl");
		const key = new Uint8Array(new BigUint64Array([probes[0]!.address]).buffer);
		assert.deepEqual([...ipToSpecId.lookup(key)!], [0, 0, 0, 0]);
		spawnSync(binary, ["-I", "-S", "-c", "import gc; gc.collect()"]);
		assert.ok(counter.count > 0);
		link.close();
		assert.equal(ipToSpecId.lookup(key), undefined);
		return undefined;
	}),
);
