import assert from "node:assert/strict";
import { test } from "node:test";
import { VerifierError, VmFault } from "@skep/bpf/base";
import { encode, INSTRUCTIONS, rowOf, slotsOf } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { VirtualKernel } from "@skep/vm";
import { type Callables, Memory, newCpu, registerOf, setRegister } from "#machine";
import { type Case, readCases } from "./cases.test-support.ts";
import { type Code, type EngineOptions, newEngine, prepare, slotCounts } from "./index.ts";
import { cell, KEY, linuxOrSkip, loadFunction, loadProgram, NO_PACKET, u64 } from "./linux.test-support.ts";
import { KFUNC_TYPES, sceneFailures, stayOnOneCpu } from "./scene.test-support.ts";

const cases = readCases();
/** Enough for every case that ends, spent soon by those that do not. */
const FUEL = 40_000_000;

/** Every way to run a program: the same faults but where nothing is compared. */
const ENGINES: Readonly<Record<string, EngineOptions>> = {
	interpreter: { engine: "interpreter" },
	"checked JIT": { engine: "jit" },
	JIT: { engine: "jit", checked: false },
};

/**
 * A machine for one case: helpers 1 (r1 + r2), 2 (tail call of the code itself), 3 (callback at r1 with r2), kfunc 7. Runs
 * it on what r1 is to point to.
 */
function machineFor(
	one: Case,
	options: EngineOptions,
	executed?: Set<string>,
): (memoryBytes: Uint8Array | undefined) => bigint {
	const memory = new Memory(1 << 20);
	const cpu = newCpu(0, memory.allocate(4096, "stack")!);
	const code = prepare(encode(one.insns), { id: 1, count: executed !== undefined });
	const calls: Callables<Code> = {
		helper(id, at) {
			if (id === 1) setRegister(at, 0, BigInt.asUintN(64, registerOf(at, 1) + registerOf(at, 2)));
			else if (id === 2) at.tail = 1;
			else if (id === 3) {
				const [low, high] = [at.registers[2]!, at.registers[3]!];
				setRegister(at, 1, registerOf(at, 2));
				engine.callback(low, high, at);
			} else return false;
			return true;
		},
		kfunc(id, _module, at) {
			setRegister(at, 0, 70n + registerOf(at, 1));
			return id === 7;
		},
		packet(offset, size, at) {
			const bytes = one.packet ?? new Uint8Array(0);
			if (offset < 0 || offset + size > bytes.length) return false;
			let value = 0n;
			for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(bytes[offset + i]!);
			setRegister(at, 0, value);
			return true;
		},
		code: (id) => (id === 1 ? code : undefined),
	};
	const engine = newEngine(memory, calls, options);
	return (memoryBytes) => {
		const address = memoryBytes ? memory.allocate(memoryBytes.length, "packet")! : 0;
		if (memoryBytes) memory.u8.set(memoryBytes, address);
		setRegister(cpu, 1, BigInt(address));
		setRegister(cpu, 2, BigInt(memoryBytes?.length ?? 0));
		cpu.fuel = FUEL;
		try {
			engine.run(code, cpu);
		} finally {
			memory.free(address);
			if (executed) noteExecuted(one, code, executed);
		}
		return registerOf(cpu, 0);
	};
}

function noteExecuted(one: Case, code: Code, executed: Set<string>): void {
	const counts = slotCounts(code);
	let slot = 0;
	for (const insn of one.insns) {
		if (counts[slot]! > 0) executed.add(rowOf(insn).name);
		slot += slotsOf(insn);
	}
}

/** What went wrong with a case; undefined: nothing. */
function failure(one: Case, options: EngineOptions, executed?: Set<string>): string | undefined {
	try {
		if (one.scene) {
			const { engine, checked = true } = options;
			const kernel = new VirtualKernel({ btf: KFUNC_TYPES, memory: 1 << 22, engine: engine!, checked });
			const wrong = sceneFailures(kernel, one.scene);
			return one.error ? `no fault, expected ${one.error.kind}` : wrong.join("\n") || undefined;
		}
		const runs = one.error ? [{ memory: one.memory, result: 0n }] : one.runs;
		assert.ok(runs.length > 0, "a case needs a result, rows or an error");
		const run = machineFor(one, options, executed);
		for (const [row, { memory, result }] of runs.entries()) {
			const got = run(memory);
			if (one.error) return `gave 0x${got.toString(16)}, expected a fault: ${one.error.kind}`;
			if (got !== result) return `row ${row + 1}: 0x${got.toString(16)}, expected 0x${result.toString(16)}`;
		}
	} catch (error) {
		if (error instanceof VerifierError && one.error?.kind === "refused")
			return error.log.includes(one.error.words) ? undefined : error.log;
		if (!(error instanceof VmFault)) return String(error);
		if (one.error?.kind !== error.kind || !error.message.includes(one.error.words))
			return `fault ${error.kind}: ${error.message}, expected ${one.error ? `${one.error.kind} ${one.error.words}` : "none"}`;
	}
	return undefined;
}

test("interpreter: every case, and every instruction of the table runs in one", () => {
	const executed = new Set<string>();
	const wrong = cases.flatMap((one) => {
		const why = failure(one, ENGINES["interpreter"]!, executed);
		return why === undefined ? [] : [`${one.name}: ${why}`];
	});
	assert.deepEqual(wrong, [], `${wrong.length} of ${cases.length} cases`);
	// Instructions that only ever fault leave no count.
	for (const one of cases) if (one.error) for (const insn of one.insns) executed.add(rowOf(insn).name);
	assert.deepEqual(
		INSTRUCTIONS.map((row) => row.name).filter((name) => !executed.has(name)),
		[],
	);
});

test("JIT: every case, with the interpreter's faults where accesses are compared", () => {
	for (const name of ["checked JIT", "JIT"]) {
		const { checked = true } = ENGINES[name]!;
		const fit = cases.filter((one) => checked || !isCompared(one));
		const wrong = fit.flatMap((one) => {
			const why = failure(one, ENGINES[name]!);
			return why === undefined ? [] : [`${one.name}: ${why}`];
		});
		assert.deepEqual(wrong, [], `${name}: ${wrong.length} of ${fit.length} cases`);
	}
});

/** Whether a case is of accesses that only comparing finds. */
const isCompared = ({ error }: Case): boolean => ["access", "read-only"].includes(error?.kind ?? "");

test("JIT: faults are where the interpreter has them", () => {
	const outcome = (one: Case, engine: EngineOptions): unknown => {
		try {
			return machineFor(one, engine)(one.memory);
		} catch (error) {
			if (!(error instanceof VmFault)) throw error;
			return [error.kind, error.pc, error.address, error.message];
		}
	};
	for (const one of cases.filter((each) => each.error && !each.scene))
		assert.deepEqual(outcome(one, ENGINES["checked JIT"]!), outcome(one, ENGINES["interpreter"]!), one.name);
});

/** What went wrong with a case on Linux; undefined: nothing. */
function linuxFailure(kernel: Kernel, one: Case): string | undefined {
	const expectRefusal = one.linux?.kind === "refused" || (one.linux === undefined && one.error !== undefined);
	if (one.scene) {
		try {
			const wrong = sceneFailures(kernel, one.scene);
			return expectRefusal ? "accepted, expected a refusal" : wrong.join("\n") || undefined;
		} catch (error) {
			return refusal(error, one, expectRefusal);
		}
	}
	using out = cell(kernel, 8);
	using memory = one.memory ? cell(kernel, one.memory.length) : undefined;
	try {
		using program = one.packet
			? loadProgram(kernel, one.insns, "sched_cls")
			: loadFunction(kernel, one.insns, out, memory, one.memory?.length ?? 0);
		if (expectRefusal) return "accepted, expected a refusal";
		for (const [row, { memory: bytes, result }] of one.runs.entries()) {
			if (bytes && memory) memory.update(KEY, bytes);
			const { retval } = program.testRun({ data: one.packet ?? NO_PACKET });
			const got = one.packet ? BigInt(retval) : u64(out.lookup(KEY)!);
			if (got !== result) return `row ${row + 1}: 0x${got.toString(16)}, expected 0x${result.toString(16)}`;
		}
	} catch (error) {
		return refusal(error, one, expectRefusal);
	}
	return undefined;
}

/** What is wrong with Linux's refusing a case; undefined: it was expected. */
function refusal(error: unknown, one: Case, expected: boolean): string | undefined {
	if (!(error instanceof VerifierError)) return String(error);
	if (expected && (!one.linux || error.log.includes(one.linux.words))) return undefined;
	return `refused: ${error.message}\n${error.log.slice(-300)}`;
}

test("Linux: every case that can be compared", (t) => {
	const kernel = linuxOrSkip(t);
	if (!kernel) return;
	const isPinned = stayOnOneCpu();
	const isFit = (one: Case) => isPinned || !one.scene?.scene.maps.some((map) => map.type.includes("percpu"));
	if (!isPinned) t.diagnostic("not compared: per-CPU maps, which need taskset and CPU 0");
	const comparable = cases.filter((one) => one.linux?.kind !== "not comparable" && isFit(one));
	const wrong = comparable.flatMap((one) => {
		const why = linuxFailure(kernel, one);
		return why === undefined ? [] : [`${one.name}: ${why}`];
	});
	for (const one of cases.filter((each) => each.linux))
		t.diagnostic(`${one.name}: ${one.linux!.kind}: ${one.linux!.words}`);
	assert.deepEqual(wrong, [], `${wrong.length} of ${comparable.length} cases`);
});
