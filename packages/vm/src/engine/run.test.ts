import assert from "node:assert/strict";
import { test } from "node:test";
import { VmFault } from "@skep/bpf/base";
import { encode, fieldsOf, INSTRUCTIONS, type Instruction, parse } from "@skep/bpf/isa";
import fc from "fast-check";
import { type Callables, Memory, newCpu, registerOf, setRegister } from "#machine";
import { type Code, callback, type PrepareOptions, prepare, run, slotCounts } from "./index.ts";

const assemble = (text: string) => encode(text.split("; ").map(parse));
const NO_CALLS: Callables<Code> = { helper: () => false };

function machine() {
	const memory = new Memory(1 << 22);
	const cpu = newCpu(0, memory.allocate(4096, "stack")!);
	cpu.fuel = 100_000;
	const go = (text: string, options: Partial<PrepareOptions> = {}, calls: Callables<Code> = NO_CALLS) => {
		const code = prepare(assemble(text), { id: 1, ...options });
		run(code, cpu, memory, calls);
		return code;
	};
	return { memory, cpu, go };
}
const isFault = (kind: string, pc: number, address?: bigint) => (error: unknown) => {
	assert.ok(error instanceof VmFault, String(error));
	assert.deepEqual([error.kind, error.pc, error.address], [kind, pc, address]);
	return true;
};

test("a fault says kind, slot and address, and the cpu says the slot too", () => {
	const { cpu, go, memory } = machine();
	assert.throws(() => go("r1 = 0x100000000 ll; r0 = *(u8 *)(r1 + 3); exit"), isFault("access", 2, 0x1_0000_0003n));
	assert.equal(cpu.pc, 2);
	const locked = memory.allocate(8, "map", false)!;
	assert.throws(
		() => go(`r1 = ${locked}; r0 = *(u64 *)(r1 + 0); *(u8 *)(r1 + 7) = 1; exit`),
		isFault("read-only", 2, BigInt(locked + 7)),
	);
	assert.throws(() => go("r0 = 0; goto +5"), isFault("jump", 1));
	assert.equal(cpu.pc, 1);
});

test("fuel counts slots, also those of callees", () => {
	const { cpu, go } = machine();
	go("r1 = 3; r1 += -1; if r1 != 0 goto -2; exit");
	assert.equal(cpu.fuel, 100_000 - 8);
	go("call pc+1; exit; r0 = 0x1 ll; exit");
	assert.equal(cpu.fuel, 100_000 - 8 - 5);
	cpu.fuel = 3;
	assert.throws(() => go("r1 = 3; r1 += -1; if r1 != 0 goto -2; exit"), isFault("fuel", 2));
});

test("slots are counted where asked for", () => {
	const { go } = machine();
	const code = go("r1 = 3; r1 += -1; if r1 != 0 goto -2; if r1 == 0 goto +1; r1 = 1; call pc+1; exit; r0 = 0; exit", {
		count: true,
	});
	assert.deepEqual([...slotCounts(code)], [1, 3, 3, 1, 0, 1, 1, 1, 1]);
	assert.deepEqual([...slotCounts(go("r0 = 0; exit"))], [0, 0]);
});

test("a probing program reads zeros from nowhere, but never writes there", () => {
	const { cpu, go } = machine();
	go("r0 = 7; r1 = 0xffff888000000000 ll; r0 = *(u64 *)(r1 + 8); exit", { probe: true });
	assert.equal(registerOf(cpu, 0), 0n);
	assert.throws(() => go("r1 = 0; *(u32 *)(r1 + 0) = 1; exit", { probe: true }), isFault("access", 1, 0n));
});

test("wide loads are put in their place", () => {
	const { cpu, go, memory } = machine();
	const at = memory.allocate(16, "map")!;
	memory.view.setUint32(at + 4, 99, true);
	const seen: string[] = [];
	go("r1 = map_by_fd(5) ll; r2 = map_val(map_by_fd(6)) + 4 ll; r0 = *(u32 *)(r2 + 0); exit", {
		resolve: ({ kind, imm, high, slot }) => {
			seen.push(`${kind} ${imm} ${high} ${slot}`);
			return { low: at + high, high: 0 };
		},
	});
	assert.deepEqual(seen, ["map 5 0 0", "map-value 6 4 2"]);
	assert.equal(registerOf(cpu, 0), 99n);
});

test("callbacks nest as deep as the stack, keep the caller's registers and may be left by an error", () => {
	const { cpu, memory } = machine();
	const text =
		"r6 = 42; r7 = code_addr(4) ll; r1 = r7; call 1; r0 += r6; exit; r6 = 1; *(u64 *)(r10 - 8) = r6; call 2; r0 = 5; exit";
	const code = prepare(assemble(text.replace("code_addr(4)", "code_addr(6)")), { id: 9 });
	let nested = 0;
	const calls: Callables<Code> = {
		helper(id, at) {
			const pc = at.pc;
			if (id === 1 || nested-- > 0) callback(7 * 8 + 8, 0x4000_0009, at, memory, calls);
			assert.equal(at.pc, pc);
			return true;
		},
		code: (id) => (id === 9 ? code : undefined),
	};
	run(code, cpu, memory, calls);
	assert.equal(registerOf(cpu, 0), 47n);
	nested = 100;
	assert.throws(() => run(code, cpu, memory, calls), isFault("stack", 9));
	assert.throws(() => callback(0, 0x4000_0007, cpu, memory, calls), isFault("call", cpu.pc, 0x4000_0007_0000_0000n));
	const failing: Callables<Code> = {
		helper() {
			throw new RangeError("of the callee");
		},
	};
	assert.throws(() => run(code, cpu, memory, failing), RangeError);
	nested = 0;
	run(code, cpu, memory, calls);
	assert.equal(registerOf(cpu, 0), 47n, "the cpu is fit for the next run");
});

test("tail calls go on in other code and end in the caller of the first", () => {
	const { cpu, memory } = machine();
	const first = prepare(assemble("r6 = 100; call pc+2; r0 += r6; exit; call 12; r0 = -1; exit"), { id: 1 });
	const second = prepare(assemble("r6 = 7; r0 = r6; exit"), { id: 2 });
	const calls: Callables<Code> = {
		helper(_, at) {
			at.tail = 2;
			return true;
		},
		code: (id) => (id === 2 ? second : undefined),
	};
	run(first, cpu, memory, calls);
	assert.equal(registerOf(cpu, 0), 107n);
	assert.equal(cpu.code, 1);
});

test("a helper may grow memory under a program that goes on using it", () => {
	const { cpu, memory } = machine();
	const at = memory.allocate(8, "map")!;
	const code = prepare(
		assemble(`r6 = ${at}; *(u64 *)(r6 + 0) = 5; call 1; r0 = *(u64 *)(r6 + 0); *(u64 *)(r6 + 0) = 6; exit`),
		{ id: 1 },
	);
	run(code, cpu, memory, { helper: () => memory.allocate(1 << 20, "map") !== undefined });
	assert.equal(registerOf(cpu, 0), 5n);
	assert.equal(memory.view.getUint32(at, true), 6);
	const freed: Callables<Code> = { helper: () => memory.free(at) };
	assert.throws(() => run(code, cpu, memory, freed), isFault("access", 3, BigInt(at)));
});

const word = fc.oneof(fc.constantFrom(0, 1, -1, 8, 0x7fffffff, -0x80000000, 0x10000, 0x11000), fc.integer());
const anyInstruction: fc.Arbitrary<Instruction> = fc
	.record({
		row: fc.constantFrom(...INSTRUCTIONS),
		dst: fc.nat(10),
		src: fc.nat(10),
		offset: fc.oneof(fc.integer({ min: -12, max: 12 }), fc.integer({ min: -32768, max: 32767 })),
		imm: word,
		immHigh: fc.oneof(fc.constant(0), word),
	})
	.map(({ row, dst, src, offset, imm, immHigh }) => {
		const free = fieldsOf(row);
		const near = row.name === "call_function" || row.name === "jal" || row.name === "ld_code" ? imm % 16 : imm;
		return {
			opcode: row.opcode,
			dst: free.has("dst") ? dst : 0,
			src: free.has("src") ? src : (row.fixed.src ?? 0),
			offset: free.has("offset") ? offset : (row.fixed.offset ?? 0),
			imm: free.has("imm") ? near : (row.fixed.imm ?? 0),
			...(row.opcode === 0x18 ? { immHigh: free.has("immHigh") ? immHigh : 0 } : {}),
		};
	});

test("whatever the program: it returns or faults, and touches nothing but its regions", () => {
	let faults = 0;
	fc.assert(
		fc.property(fc.array(anyInstruction, { minLength: 1, maxLength: 40 }), (insns) => {
			const { memory, cpu } = machine();
			cpu.fuel = 5000;
			const data = memory.allocate(64, "map")!;
			const code = prepare(encode(insns), { id: 1, resolve: () => ({ low: data, high: 0 }) });
			const calls: Callables<Code> = {
				helper(id, at) {
					if ((id & 1) === 0) return false;
					if ((id & 2) === 0) callback(at.registers[2]!, at.registers[3]!, at, memory, calls);
					else if ((id & 4) === 0) at.tail = 1;
					return true;
				},
				packet: (offset) => offset > 0,
				kfunc: (id) => id > 0,
				code: (id) => (id === 1 ? code : undefined),
			};
			setRegister(cpu, 1, BigInt(data));
			setRegister(cpu, 2, BigInt(cpu.stack + 4096 - 8));
			try {
				run(code, cpu, memory, calls);
			} catch (error) {
				assert.ok(error instanceof VmFault, String(error));
				faults++;
			}
			const [stack, map] = memory.regions();
			const { u8 } = memory;
			for (let at = 0; at < u8.length; at++) {
				if (at === stack!.start) at = stack!.start + stack!.size;
				if (at === map!.start) at = map!.start + map!.size;
				if (u8[at] !== 0) assert.fail(`byte ${at} was written`);
			}
		}),
		{ numRuns: 1000, seed: 11 },
	);
	assert.ok(faults > 0);
});

test("malformed instructions are refused when prepared", () => {
	assert.throws(() => prepare(new Uint8Array(7), { id: 1 }), { name: "FormatError" });
	assert.throws(() => prepare(new Uint8Array(8).fill(0xff), { id: 1 }), { name: "FormatError" });
	const { memory, cpu } = machine();
	assert.throws(() => run(prepare(new Uint8Array(0), { id: 1 }), cpu, memory, NO_CALLS), isFault("jump", 0));
});
