import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { decode, format } from "@skep/bpf/isa";
import type { Kernel, ProgTestRun } from "@skep/bpf/kernel";
import { openLinux } from "@skep/linux";
import fc from "fast-check";
import { type Func, type Module, parseFunc } from "#ir";
import { compileModule } from "./module.ts";
import { evaluate } from "./oracle.test-support.ts";
import { randomFunc } from "./random.test-support.ts";

const SOCKET_FILTER = 1;
const XDP = 6;
const key = new Uint8Array(4);

/** The kernel and an array map of one value of 64 bytes; skips the test where there is none. */
function withKernel(t: TestContext, body: (kernel: Kernel, map: number) => void): void {
	if (process.platform !== "linux") {
		t.skip(`needs Linux, this is ${process.platform}`);
		return;
	}
	const kernel = openLinux();
	const map = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 64, max_entries: 1 });
	if (map < 0) {
		t.skip(`needs CAP_BPF: MAP_CREATE says ${map}`);
		return;
	}
	try {
		body(kernel, map);
	} finally {
		kernel.close(map);
	}
}

const moduleOf = (func: Func): Module => ({
	files: [],
	license: "GPL",
	functions: [func],
	maps: [],
	globals: [],
	manifest: {
		version: 1,
		producer: "",
		source: "",
		modules: [],
		userHalf: false,
		options: [],
		maps: [],
		programs: [],
		handles: [],
	},
});

/** Loads a function with every map reference bound to `map`. The verifier's refusal is the test's failure, with log and code. */
function load(
	kernel: Kernel,
	map: number,
	func: Func,
	type: number,
	options: Parameters<typeof compileModule>[1],
): number {
	const compiled = compileModule(moduleOf(func), options).functions[0]!;
	const insns = compiled.insns.slice();
	const view = new DataView(insns.buffer);
	for (const r of compiled.references)
		if (r.kind === "map") {
			insns[r.slot * 8 + 1]! |= 0x10;
			view.setInt32(r.slot * 8 + 4, map, true);
		}
	const log = new Uint8Array(1 << 20);
	const fd = kernel.bpf("PROG_LOAD", { prog_type: type, insns, license: "GPL", log_level: 1, log_buf: log });
	if (fd < 0)
		assert.fail(
			`errno ${-fd}\n${new TextDecoder().decode(log.subarray(0, log.indexOf(0))).slice(-3000)}\n${decode(compiled.insns).map(format).join("\n")}`,
		);
	return fd;
}

function run(kernel: Kernel, fd: number, packet: Uint8Array): number {
	const attr: ProgTestRun = { prog_fd: fd, data_in: packet, repeat: 1 };
	try {
		const result = kernel.bpf("PROG_TEST_RUN", attr);
		assert.ok(result >= 0, `PROG_TEST_RUN says ${result}`);
		return attr.retval! >>> 0;
	} finally {
		kernel.close(fd);
	}
}

test("random programs are accepted by the verifier and compute what the IR means", (t) =>
	withKernel(t, (kernel, map) => {
		fc.assert(
			fc.property(fc.array(fc.nat({ max: 0xffff }), { minLength: 20, maxLength: 320 }), (choices) => {
				const want = evaluate(randomFunc(choices, { kernel: true }), new Uint8Array(64));
				for (const cpu of ["v3", "v4"] as const)
					for (const optimise of [false, true]) {
						const value = Uint8Array.from({ length: 64 }, (_, k) => (k * 37 + 11) & 255);
						assert.equal(kernel.bpf("MAP_UPDATE_ELEM", { map_fd: map, key, value }), 0);
						const r0 = run(
							kernel,
							load(kernel, map, randomFunc(choices, { kernel: true }), XDP, { cpu, optimise }),
							new Uint8Array(64),
						);
						assert.equal(kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: map, key, value }), 0);
						assert.equal([...value].join(), want.map);
						assert.equal(BigInt(r0), BigInt.asUintN(32, want.r0));
					}
			}),
			{ numRuns: 60, seed: 20261122 },
		);
	}));

test("packet bounds: a checked pointer with a variable offset is the pointer that is read", (t) =>
	withKernel(t, (kernel, map) => {
		const text = `func xdp "xdp" 1
b0:
  %0:64.ctx = param 0
  %1:64.packet = load u32 %0
  %2:64.packet_end = load u32 %0 + 4
  %3:64.packet = offset %1 + 14
  branch ugt 64 %3, %2, b9, b1
b1:
  %4:32 = load u8 %1 + 13
  %5:32 = const 60
  branch ugt 32 %4, %5, b9, b2
b2:
  %6:64 = extend u32 %4
  %7:64.packet = offset %3 + %6
  %8:64.packet = offset %7 + 2
  branch ugt 64 %8, %2, b9, b3
b3:
  %9:64 = call helper 7 get_prandom_u32 ()
  %10:32 = load u16 %7
  %11:32 = swap 16 %10
  return %11
b9:
  %12:32 = const 0
  return %12
`;
		const packet = new Uint8Array(64);
		packet[13] = 6;
		packet[20] = 0x12;
		packet[21] = 0x34;
		for (const cpu of ["v3", "v4"] as const)
			for (const optimise of [false, true])
				assert.equal(run(kernel, load(kernel, map, parseFunc(text), XDP, { cpu, optimise }), packet), 0x1234);
	}));

test("bounded indexes survive spilling: twelve values live across calls, one of them an index into a map value", (t) =>
	withKernel(t, (kernel, map) => {
		const count = 12;
		const lines = [
			"%0:64.ctx = param 0",
			"%1:64.map = map m",
			"%2:64.stack = slot k.0",
			"zero %2, 4 align 4",
			"%3:64.map_value = call helper 1 map_lookup_elem (%1, %2)",
			"%4:64 = const 0",
			"branch eq 64 %3, %4, b9, b1",
			"b1:",
		];
		for (let k = 0; k < count; k++) lines.push(`%${100 + k}:64 = load u8 %3 + ${k}`);
		lines.push("%5:64 = const 48", `branch uge 64 %100, %5, b9, b2`, "b2:");
		for (let k = 0; k < 4; k++) lines.push(`%${200 + k}:64 = call helper 7 get_prandom_u32 ()`);
		lines.push("%6:64.map_value = offset %3 + %100", "%7:64 = load u8 %6");
		let sum = 7;
		for (let k = 0; k < count; k++) {
			lines.push(`%${300 + k}:64 = add %${sum}, %${100 + k}`);
			sum = 300 + k;
		}
		lines.push(`return %${sum}`, "b9:", "%8:32 = const 0", "return %8");
		const text = `func spill "xdp" 1\nslot k.0 4 align 4\nb0:\n${lines.join("\n")}\n`;
		const value = Uint8Array.from({ length: 64 }, (_, k) => k + 3);
		assert.equal(kernel.bpf("MAP_UPDATE_ELEM", { map_fd: map, key, value }), 0);
		const want = value[value[0]!]! + value.slice(0, count).reduce((a, b) => a + b, 0);
		for (const optimise of [false, true])
			assert.equal(
				run(kernel, load(kernel, map, parseFunc(text), SOCKET_FILTER, { optimise }), new Uint8Array(64)),
				want,
			);
	}));
