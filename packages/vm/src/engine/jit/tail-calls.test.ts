// Tail calls by the table of functions: what the interpreter does, whatever of the chain is translated.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VmFault } from "@skep/bpf/base";
import { encode, type Instruction, insn, PSEUDO } from "@skep/bpf/isa";
import { BpfMap, Program } from "@skep/bpf/live";
import { VirtualKernel } from "@skep/vm";
import { type Callables, Memory, newCpu, RUN_WORDS_SIZE, registerOf, runWord, type Shortcut } from "#machine";
import { assemble } from "../cases.test-support.ts";
import { type Code, type EngineOptions, newEngine, prepare } from "../index.ts";

const ENGINES: Readonly<Record<string, EngineOptions>> = {
	interpreter: { engine: "interpreter" },
	auto: { engine: "auto" },
	checked: { engine: "jit" },
	nested: { engine: "jit", tailCalls: false },
	unchecked: { engine: "jit", checked: false },
	"no fuel": { engine: "jit", fuel: false },
};
const MOST = 33;
const REFUSED = -2;
const SLOTS = 40;

/** A machine whose helper 12 is a tail call of the code in slot r3, and 1 tells how deep it is. */
function machine(options: EngineOptions) {
	const memory = new Memory(1 << 22);
	const cpu = newCpu(1, memory.allocate(4096, "stack")!);
	const slots = memory.allocate(SLOTS * 4, "kernel", false)!;
	const codes = new Map<number, Code>();
	const tail: Shortcut = {
		kind: "tail",
		slots,
		entries: SLOTS,
		count: runWord(0, "tailCalls"),
		perProcessor: RUN_WORDS_SIZE,
		most: MOST,
		refused: REFUSED,
	};
	const count = runWord(cpu.id, "tailCalls") >> 2;
	let called = 0;
	const calls: Callables<Code> = {
		helper(id, { registers, depth }) {
			if (id === 1) {
				registers[0] = depth;
				registers[1] = 0;
				return true;
			}
			if (id !== 12) return false;
			called++;
			const index = registers[6]! >>> 0;
			const next = index < SLOTS ? memory.words[(slots >> 2) + index]! : 0;
			if (next === 0 || memory.words[count]! >= MOST) {
				registers[0] = REFUSED;
				registers[1] = -1;
			} else {
				memory.words[count]!++;
				cpu.tail = next;
			}
			return true;
		},
		code: (id) => codes.get(id),
		shortcut: (id, { words }) => (id === 12 && words[4] === 77 ? tail : undefined),
	};
	const engine = newEngine(memory, calls, options);
	return {
		engine,
		called: () => called,
		load(id: number, text: string): void {
			codes.set(
				id,
				prepare(encode(assemble(text.replaceAll("; ", "\n").replaceAll("TAIL", "r2 = 77\ncall 12"))), { id }),
			);
			engine.forget(id);
		},
		put(slot: number, id: number): void {
			memory.words[(slots >> 2) + slot] = id;
		},
		/** What comes of a program: r0, what is left of the fuel, how many tail calls. */
		run(id: number, fuel = 100_000): unknown {
			cpu.fuel = fuel;
			memory.words[count] = 0;
			try {
				engine.run(codes.get(id)!, cpu);
				const left = options.fuel === false ? [] : [cpu.fuel];
				return [Number(BigInt.asIntN(64, registerOf(cpu, 0))), memory.words[count], ...left];
			} catch (error) {
				assert.ok(error instanceof VmFault);
				return `${error.kind} at ${error.pc} of ${cpu.code}: ${error.message}`;
			}
		},
	};
}

/** The same on a machine for each engine; what each says, by the interpreter's. */
function everywhere(act: (on: ReturnType<typeof machine>) => unknown): unknown {
	const [first, ...others] = Object.entries(ENGINES).map(
		([name, options]) => [name, act(machine(options)), options] as const,
	);
	const withoutFuel = (said: unknown): unknown =>
		JSON.parse(JSON.stringify(said), (_, value) =>
			Array.isArray(value) && value.length === 3 && typeof value[0] === "number" ? value.slice(0, 2) : value,
		);
	for (const [name, said, options] of others) {
		if (options.fuel === false) assert.deepEqual(said, withoutFuel(first![1]), name);
		else assert.deepEqual(said, first![1], name);
	}
	return first![1];
}

test("a chain ends after 33, an empty slot and one that there is not are refused", () => {
	const said = everywhere((on) => {
		on.load(5, "r3 = 0; TAIL; r0 += 100; exit");
		on.load(1000, "r3 = r1; TAIL; exit");
		on.put(0, 5);
		on.put(1, 1000);
		const before = [on.run(5), on.run(5), on.run(1000)];
		on.put(0, 0);
		const empty = on.run(5);
		on.load(6, `r3 = ${SLOTS}; TAIL; exit`);
		on.load(7, "r3 = -1; TAIL; exit");
		return [...before, empty, on.run(6), on.run(7)];
	});
	assert.deepEqual(said, [
		[98, 33, 100_000 - 33 * 3 - 5],
		[98, 33, 100_000 - 33 * 3 - 5],
		[98, 33, 100_000 - 33 * 3 - 3 - 2],
		[98, 0, 100_000 - 5],
		[-2, 0, 100_000 - 4],
		[-2, 0, 100_000 - 4],
	]);
});

test("arguments, results and the frame go on; what comes after the call does not run", () => {
	const said = everywhere((on) => {
		on.load(1, "r1 = 7; r4 = 9; r3 = 2; TAIL; r0 = 1; exit");
		on.load(2, "r1 += r4; call f; exit; f:; r6 = r1; call 1; r0 <<= 8; r0 += r6; exit");
		on.put(2, 2);
		return [on.run(1), on.run(1), on.run(1)];
	});
	const one = [256 + 16, 1, 100_000 - 13];
	assert.deepEqual(said, [one, one, one]);
});

test("from a function, on its frame: its caller gets the result; too many frames are the interpreter's fault", () => {
	const said = everywhere((on) => {
		on.load(1, "r6 = 5; call f; r0 += r6; exit; f:; r3 = 1; TAIL; r0 = 50; exit");
		on.load(2, "call 1; r1 = r0; call g; exit; g:; r7 = r1; call 1; r0 *= 10; r0 += r7; exit");
		// Seven frames, on one that is the second.
		on.load(
			3,
			"call a; exit; a:; call b; exit; b:; call c; exit; c:; call d; exit; d:; call e; exit; e:; call 1; exit",
		);
		on.load(
			4,
			"call a; exit; a:; call b; exit; b:; call c; exit; c:; call d; exit; d:; call e; exit; e:; call f; exit; f:; call g; exit; g:; r0 = 4; exit",
		);
		const results: unknown[] = [];
		for (const id of [2, 3, 4, 0, 2]) {
			on.put(1, id);
			results.push(on.run(1), on.run(1));
		}
		return results;
	});
	const shown = said as unknown[];
	assert.deepEqual((shown[0] as number[]).slice(0, 2), [26, 1]);
	assert.deepEqual((shown[2] as number[]).slice(0, 2), [11, 1]);
	assert.equal(shown[4], "stack at 12 of 4: instruction 12: more than 8 nested functions");
	assert.deepEqual((shown[6] as number[]).slice(0, 2), [55, 0]);
});

test("a slot's program is another, or another program has its number", () => {
	everywhere((on) => {
		on.load(1, "r3 = 0; TAIL; exit");
		on.load(2, "r0 = 2; exit");
		on.load(3, "r0 = 3; exit");
		const results: unknown[] = [];
		for (const id of [2, 3, 2, 0]) {
			on.put(0, id);
			results.push(on.run(1), on.run(1));
		}
		on.put(0, 2);
		on.load(2, "r0 = 22; r0 += 1; exit");
		results.push(on.run(1), on.run(1));
		assert.deepEqual((results.at(-1) as number[])[0], 23);
		return results;
	});
});

test("the fuel goes on with the chain, and may_goto begins anew", () => {
	for (let fuel = 1; fuel < 60; fuel += 3) {
		const said = Object.entries(ENGINES)
			.filter(([, options]) => options.fuel !== false)
			.map(([, options]) => {
				const on = machine(options);
				on.load(1, "r3 = 0; r6 = 3; top:; r6 += -1; if r6 != 0 goto top; TAIL; exit");
				on.load(2, "r0 = 0; top:; may_goto end; r0 += 1; if r0 != 9 goto top; end:; exit");
				on.put(0, 2);
				return JSON.stringify([on.run(1, 10_000), on.run(1, fuel), on.run(1, fuel)]);
			});
		assert.deepEqual([...new Set(said)], [said[0]], `of ${fuel}`);
	}
});

test("once both are translated, no call leaves generated code", () => {
	for (const name of ["checked", "nested", "unchecked"]) {
		const on = machine(ENGINES[name]!);
		on.load(1, "r3 = 0; TAIL; exit");
		on.put(0, 1);
		assert.deepEqual((on.run(1) as number[]).slice(0, 2), [-2, 33]);
		assert.equal(on.called(), 0, name);
	}
});

test("a machine that is put back, and a program with the number of one that is no more", () => {
	for (const engine of ["interpreter", "jit"] as const) {
		const kernel = new VirtualKernel({ engine });
		const load = (insns: readonly Instruction[]) =>
			Program.load(kernel, { name: "one", type: "xdp", insns: encode(insns), license: "GPL" });
		const next = BpfMap.create(kernel, { name: "next", type: "prog_array", keySize: 4, valueSize: 4, maxEntries: 2 });
		const first = load([
			insn.loadPseudo(2, PSEUDO.mapFd, next.fd.number),
			insn.mov(64, 3, { imm: 1 }),
			insn.call(12),
			insn.mov(64, 0, { imm: 9 }),
			insn.exit(),
		]);
		const returning = (value: number) => load([insn.mov(64, 0, { imm: value }), insn.exit()]);
		const put = (program: Program) =>
			next.update(Uint8Array.of(1, 0, 0, 0), new Uint8Array(Uint32Array.of(program.fd.number).buffer));
		const run = () => {
			const results = [1, 2, 3].map(() => first.testRun({ data: new Uint8Array(14) }).retval);
			assert.equal(new Set(results).size, 1);
			return results[0];
		};
		assert.equal(run(), 9);
		const before = kernel.snapshot();
		put(returning(2));
		assert.equal(run(), 2);
		const after = kernel.snapshot();
		kernel.restore(before);
		assert.equal(run(), 9);
		// It has the number that the other one had.
		put(returning(3));
		assert.equal(run(), 3);
		kernel.restore(after);
		assert.equal(run(), 2);
		next.delete(Uint8Array.of(1, 0, 0, 0));
		assert.equal(run(), 9);
	}
});
