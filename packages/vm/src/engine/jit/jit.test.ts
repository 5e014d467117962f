import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { VmFault } from "@skep/bpf/base";
import { encode, type Instruction, insn } from "@skep/bpf/isa";
import fc from "fast-check";
import { type Callables, Memory, newCpu, registerOf, setRegister } from "#machine";
import { assemble } from "../cases.test-support.ts";
import { type Code, type EngineOptions, newEngine, prepare } from "../index.ts";
import { Bytes } from "./bytes.ts";

const JIT: EngineOptions = { engine: "jit" };

/** A machine, and what runs programs on it; helpers 1: r1 + r2, 2: callback at r2, r1 times, 3: nothing at all. */
function machine(options: EngineOptions = JIT, shortcut?: Callables<Code>["shortcut"]) {
	const memory = new Memory(1 << 22);
	const cpu = newCpu(3, memory.allocate(4096, "stack")!);
	const codes = new Map<number, Code>();
	let called = 0;
	const calls: Callables<Code> = {
		helper(id, at) {
			called++;
			if (id === 1) setRegister(at, 0, BigInt.asUintN(64, registerOf(at, 1) + registerOf(at, 2)));
			else if (id === 2) {
				const [rounds, low, high] = [at.registers[2]!, at.registers[4]!, at.registers[5]!];
				const context = registerOf(at, 3);
				for (let i = 0; i < rounds; i++) {
					setRegister(at, 1, BigInt(i));
					setRegister(at, 2, context);
					engine.callback(low, high, at);
				}
				setRegister(at, 0, BigInt(rounds));
			} else if (id === 3) setRegister(at, 0, 0n);
			else return false;
			return true;
		},
		argumentCounts: [0, 2, 3, 0],
		code: (id) => codes.get(id),
		...(shortcut ? { shortcut } : {}),
	};
	const engine = newEngine(memory, calls, options);
	const load = (insns: string | readonly Instruction[], id = 1): Code => {
		const list = typeof insns === "string" ? assemble(insns.replaceAll("; ", "\n")) : insns;
		const code = prepare(encode(list), { id });
		codes.set(id, code);
		return code;
	};
	const run = (code: Code): bigint => {
		cpu.fuel = 10_000_000;
		engine.run(code, cpu);
		return registerOf(cpu, 0);
	};
	return { memory, cpu, engine, load, run, called: () => called };
}

/** A module in hex, 32 bytes a line. */
const hexLines = (bytes: Uint8Array): string =>
	Buffer.from(bytes)
		.toString("hex")
		.replace(/(.{64})/g, "$1\n");

const GOLDEN: Readonly<Record<string, string>> = {
	loop: "r0 = 0; r1 = 10; again:; r0 += r1; r1 += -1; if r1 != 0 goto again; exit",
	diamond: "if r1 == 0 goto other; r0 = *(u32 *)(r1 + 0); goto end; other:; w0 = 7; end:; r0 <<= 3; exit",
	calls:
		"r6 = r1; r1 = 5; call double; r0 += r6; call 1; exit; double:; *(u64 *)(r10 - 8) = r1; r0 = *(u64 *)(r10 - 8); r0 += r1; exit",
	irreducible: "if r1 == 0 goto middle; top:; r0 += 1; middle:; r0 += 2; if r0 < 9 goto top; exit",
};

test("the same program is always the same module", (t) => {
	for (const [name, text] of Object.entries(GOLDEN))
		for (const checked of [true, false]) {
			const { engine, load } = machine({ engine: "jit", checked, fuel: checked });
			const bytes = engine.wasm(load(text))!;
			const again = machine({ engine: "jit", checked, fuel: checked });
			assert.deepEqual(again.engine.wasm(again.load(text)), bytes);
			const file = new URL(`testdata/${name}${checked ? "-checked" : ""}.wasm.hex`, import.meta.url);
			t.assert.fileSnapshot(hexLines(bytes), fileURLToPath(file), { serializers: [String] });
		}
});

test("irreducible control flow, and graphs deeper than any stack", () => {
	const { load, run } = machine();
	assert.equal(
		run(load("r0 = 0; r1 = 0; if r1 == 0 goto middle; top:; r0 += 1; middle:; r0 += 2; if r0 < 9 goto top; exit")),
		11n,
	);
	const chain: Instruction[] = [insn.mov(64, 1, { imm: 5 }), insn.mov(64, 0, { imm: 0 })];
	for (let i = 0; i < 20_000; i++)
		chain.push(insn.jump("eq", 64, 1, { imm: i }, 1), insn.alu("add", 64, 0, { imm: 1 }));
	assert.equal(run(load([...chain, insn.exit()], 2)), 19_999n);
	// Each branch leads on where the one before was taken: nesting, not a sequence.
	const nested: Instruction[] = [insn.mov(64, 1, { imm: 5 }), insn.mov(64, 0, { imm: 0 })];
	for (let i = 0; i < 2000; i++)
		nested.push(insn.jump("ne", 64, 1, { imm: i }, 2), insn.mov(64, 0, { imm: i }), insn.exit());
	assert.equal(run(load([...nested, insn.exit()], 3)), 5n);
});

test("a loop for ever ends with a fault, where the interpreter has it", () => {
	for (const text of [
		"top:; r0 += 1; goto top",
		"r0 = 0; top:; r1 = r0; call 3; if r1 == 0 goto top; r0 += 1; call f; goto top; f:; r0 = 1; exit",
	]) {
		const faults = [JIT, { engine: "interpreter" } as const].map((options) => {
			const { cpu, engine, load } = machine(options);
			const code = load(text);
			cpu.fuel = 12_345;
			try {
				engine.run(code, cpu);
			} catch (error) {
				assert.ok(error instanceof VmFault);
				return [error.kind, error.pc];
			}
			return [];
		});
		assert.deepEqual(faults[0], faults[1]);
		assert.equal(faults[0]![0], "fuel");
	}
});

test("as many slots are counted as the interpreter counts, whatever is left", () => {
	const text =
		"r6 = 9; r0 = 0; top:; r1 = r6; call f; if r0 > 90 goto end; r1 = r0; r2 = 1; call 1; r6 += -1; if r6 != 0 goto top; end:; exit; f:; r0 = r1; r0 *= 11; exit";
	const left = (options: EngineOptions, fuel: number): unknown => {
		const { cpu, engine, load } = machine(options);
		cpu.fuel = fuel;
		try {
			engine.run(load(text), cpu);
			return cpu.fuel;
		} catch (error) {
			assert.ok(error instanceof VmFault);
			return `${error.kind} at ${error.pc}`;
		}
	};
	for (let fuel = 1; fuel < 40; fuel++)
		assert.equal(left(JIT, fuel), left({ engine: "interpreter" }, fuel), `of ${fuel}`);
});

test("shortcuts are taken, and refuse what the helper refuses", () => {
	const { memory, load, run, called } = machine(JIT, (id, { words }) => {
		if (id === 8) return { kind: "processor" };
		if (id === 2) return { kind: "rounds", most: 100, beyond: -7 };
		if (id !== 1 || words[2] !== 77) return undefined;
		return { kind: "array", data, stride: 32, entries: 4, perProcessor: 8, valueSize: 8, writable: true };
	});
	const data = memory.allocate(128, "map")!;
	for (let i = 0; i < 16; i++) memory.view.setUint32(data + i * 8, i, true);
	assert.equal(run(load("call 8; exit", 2)), 3n);
	const lookup = (key: string) => `${key}; r1 = 77; call 1; if r0 == 0 goto end; r0 = *(u64 *)(r0 + 0); end:; exit`;
	assert.equal(run(load(lookup("*(u32 *)(r10 - 4) = 2; r2 = r10; r2 += -4"), 3)), 11n);
	assert.equal(run(load(lookup("*(u32 *)(r10 - 4) = 4; r2 = r10; r2 += -4"), 4)), 0n);
	const entry = BigInt(data + 2 * 32 + 3 * 8);
	assert.equal(run(load(`r2 = ${data + 16}; r1 = 77; call 1; exit`, 5)), entry, "a key in a region never seen");
	assert.equal(called(), 0);
	assert.equal(run(load("r2 = 4096; r1 = 77; call 1; exit", 9)), 77n + 4096n, "a key that is nowhere: called");
	assert.equal(called(), 1);
	const rounds = (count: number) =>
		`r1 = ${count}; r2 = code_addr(f) ll; r3 = r10; r3 += -8; *(u64 *)(r10 - 8) = 0; r4 = 0; call 2; r1 = *(u64 *)(r10 - 8); r0 <<= 8; r0 += r1; exit; f:; r3 = *(u64 *)(r2 + 0); r3 += r1; *(u64 *)(r2 + 0) = r3; r0 = 0; if r1 != 9 goto out; r0 = 1; out:; exit`;
	assert.equal(run(load(rounds(5), 6)), (5n << 8n) + 10n);
	assert.equal(run(load(rounds(50), 7)), (10n << 8n) + 45n, "ends with the round that gives 1");
	assert.equal(run(load(rounds(101), 8)), BigInt.asUintN(64, -7n << 8n));
	assert.equal(called(), 1);
});

test("many runs are one run after another, whatever they go by", () => {
	const CLEARED = 0x8000;
	const outcomes = [JIT, { engine: "interpreter" } as const, { engine: "auto" } as const].map((options) => {
		const { memory, cpu, engine, load } = machine(options);
		const data = memory.allocate(8, "map")!;
		// The fourth run of all finds 3 there, and goes astray.
		const text = `r2 = ${data}; r3 = *(u64 *)(r2 + 0); r0 = r1; r0 += r3; if r3 == 3 goto bad; r3 += 1; *(u64 *)(r2 + 0) = r3; exit; bad:; r0 = *(u64 *)(r1 + 0); exit`;
		const code = load(text);
		const times = (count: number): unknown => {
			setRegister(cpu, 1, 7n);
			cpu.fuel = 100;
			memory.words[CLEARED >> 2] = 5;
			try {
				engine.repeat(code, cpu, count, CLEARED);
				return [registerOf(cpu, 0), cpu.fuel, memory.words[CLEARED >> 2]];
			} catch (error) {
				assert.ok(error instanceof VmFault);
				return [error.kind, error.pc, error.address];
			}
		};
		return [times(1), times(2), times(2), memory.view.getUint32(data, true)];
	});
	assert.deepEqual(outcomes[0], [[7n, 92, 0], [9n, 92, 0], ["access", 8, 7n], 3]);
	assert.deepEqual(outcomes[1], outcomes[0]);
	assert.deepEqual(outcomes[2], outcomes[0]);
});

test("callbacks and tail calls between programs", () => {
	const { load, run } = machine();
	const text =
		"r1 = 4; r2 = code_addr(f) ll; r3 = r10; r3 += -8; *(u64 *)(r10 - 8) = 100; call 2; r0 = *(u64 *)(r10 - 8); exit; f:; r0 = *(u64 *)(r2 + 0); r0 += r1; *(u64 *)(r2 + 0) = r0; exit";
	assert.equal(run(load(text)), 106n);
});

test("callbacks where the fuel runs out, and the interpreter goes on: registers are their caller's again", () => {
	const text =
		"r6 = 4; r7 = 9; r1 = 3; r2 = code_addr(f) ll; r3 = r10; r3 += -8; *(u64 *)(r10 - 8) = 100; call 2; r0 = *(u64 *)(r10 - 8); r0 += r6; r0 += r7; exit; f:; r6 = r1; r7 = 1000; r0 = *(u64 *)(r2 + 0); r0 += r6; *(u64 *)(r2 + 0) = r0; exit";
	const outcome = (options: EngineOptions, fuel: number): unknown => {
		const { cpu, engine, load } = machine(options);
		const code = load(text);
		const one = (): unknown => {
			cpu.fuel = fuel;
			try {
				engine.run(code, cpu);
				return [registerOf(cpu, 0), cpu.fuel];
			} catch (error) {
				assert.ok(error instanceof VmFault);
				return `${error.kind} at ${error.pc}`;
			}
		};
		return [one(), one(), one()];
	};
	for (let fuel = 1; fuel < 80; fuel++)
		assert.deepEqual(outcome(JIT, fuel), outcome({ engine: "interpreter" }, fuel), `of ${fuel}`);
	assert.deepEqual(
		outcome(JIT, 1000),
		[116n, 116n, 116n].map((r0) => [r0, 1000 - 31]),
	);
});

test("auto: a program that runs once is interpreted, one that runs on is translated", () => {
	const { engine, cpu, load } = machine({ engine: "auto" });
	const code = load("r0 = 1; exit");
	const isTranslated = () => (code.translation as { linked?: object } | undefined)?.linked !== undefined;
	for (let i = 0; i < 1000; i++) {
		cpu.fuel = 1000;
		engine.run(code, cpu);
	}
	assert.equal(isTranslated(), false);
	for (let i = 0; i < 40_000; i++) {
		cpu.fuel = 1000;
		engine.run(code, cpu);
	}
	assert.equal(isTranslated(), true);
	assert.equal(cpu.fuel, 998);
});

test("memory that grows during a call is the same on both sides", () => {
	const memory = new Memory(1 << 26);
	const cpu = newCpu(0, memory.allocate(4096, "stack")!);
	let at = 0;
	const engine = newEngine(
		memory,
		{
			helper: (_, { registers }) => {
				at = memory.allocate(1 << 22, "map")!;
				memory.view.setUint32(at, 42, true);
				registers[0] = at;
				registers[1] = 0;
				return true;
			},
		},
		JIT,
	);
	const code = prepare(
		encode(
			assemble(
				"r6 = 5\n*(u64 *)(r10 - 8) = r6\ncall 1\nr1 = *(u32 *)(r0 + 0)\nr2 = *(u64 *)(r10 - 8)\n*(u32 *)(r0 + 4) = 7\nr0 = r1\nr0 += r2\nexit",
			),
		),
		{ id: 1 },
	);
	cpu.fuel = 1000;
	engine.run(code, cpu);
	assert.equal(registerOf(cpu, 0), 47n);
	assert.equal(memory.view.getUint32(at + 4, true), 7);
});

test("without WebAssembly, or where it is forbidden, the interpreter takes its place and says so", () => {
	const index = fileURLToPath(new URL("../index.ts", import.meta.url));
	const machineIndex = fileURLToPath(new URL("../../machine/index.ts", import.meta.url));
	const script = (before: string) => `
		const { newEngine, prepare } = await import(${JSON.stringify(index)});
		const { Memory, newCpu } = await import(${JSON.stringify(machineIndex)});
		${before}
		const memory = new Memory(1 << 20);
		const cpu = newCpu(0, memory.allocate(4096, "stack"));
		cpu.fuel = 100;
		const engine = newEngine(memory, { helper: () => false }, { engine: "jit" });
		engine.run(prepare(Uint8Array.of(0xb7, 0, 0, 0, 42, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0), { id: 1 }), cpu);
		console.log(engine.engine + "|" + cpu.registers[0] + "|" + engine.reason);`;
	const ask = (before: string) => {
		const args = ["--input-type=module", "-e", script(before)];
		const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
		assert.match(stdout, /\|/, stderr);
		return stdout.trim();
	};
	assert.equal(ask("delete globalThis.WebAssembly;"), "interpreter|42|the host has no WebAssembly");
	// As a content security policy without wasm-unsafe-eval does.
	const forbid =
		"WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError('violates the policy'); } };";
	assert.equal(ask(forbid), "interpreter|42|the host does not allow generated code: violates the policy");
	assert.equal(ask(""), "jit|42|it was asked for");
});

test("numbers in LEB128 are read back", () => {
	const read = (bytes: Uint8Array, signed: boolean): bigint => {
		let value = 0n;
		let shift = 0n;
		for (const byte of bytes) {
			value |= BigInt(byte & 127) << shift;
			shift += 7n;
		}
		return signed ? BigInt.asIntN(Number(shift), value) : value;
	};
	fc.assert(
		fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
			const bytes = new Bytes();
			bytes.signed64(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
			assert.equal(read(bytes.take(), true), value);
		}),
	);
	fc.assert(
		fc.property(fc.nat(0xffff_ffff), (value) => {
			const bytes = new Bytes();
			bytes.unsigned(value);
			assert.equal(read(bytes.take(), false), BigInt(value));
		}),
	);
});
