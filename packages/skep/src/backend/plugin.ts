import { BpfError, FormatError } from "@skep/bpf/base";
import { type Code, type EngineOptions, newEngine, prepare } from "@skep/vm/engine";
import { type Callables, Memory, newCpu, R0, R1, registerOf, setRegister } from "@skep/vm/machine";

/** Far more than any conformance program takes; a loop for ever ends after some seconds. */
const FUEL = 1_000_000_000;
const STACK = 4096;
/** bpf_conformance's own: gives its argument back, and ends the program where that is 0. */
const UNWIND = 5;

/** Thrown through the engine by the helper that ends a program. */
class Unwound extends BpfError {}

/**
 * Runs one program as bpf_conformance's plugins do: `program` are its instructions, `memory` what r1 points to (r1 and
 * r2 are 0 where it is empty). Gives r0, unsigned.
 * @throws FormatError for malformed instructions or none, VmFault
 */
export function runPlugin(program: Uint8Array, memory: Uint8Array, options: EngineOptions = { engine: "jit" }): bigint {
	if (program.length === 0)
		throw new FormatError({ offset: 0, path: "program" }, "no instructions, expected them as hex bytes on stdin");
	const machine = new Memory(memory.length + (1 << 20));
	const cpu = newCpu(0, machine.allocate(STACK, "stack")!);
	if (memory.length > 0) {
		const at = machine.allocate(memory.length, "packet")!;
		machine.u8.set(memory, at);
		setRegister(cpu, 1, BigInt(at));
		setRegister(cpu, 2, BigInt(memory.length));
	}
	const code = prepare(program, { id: 1 });
	const calls: Callables<Code> = {
		helper(id, { registers }) {
			if (id !== UNWIND) return false;
			registers[R0] = registers[R1]!;
			registers[R0 + 1] = registers[R1 + 1]!;
			if ((registers[R0]! | registers[R0 + 1]!) === 0) throw new Unwound("ERR_UNWOUND", "ended by its helper");
			return true;
		},
		code: (id) => (id === code.id ? code : undefined),
	};
	cpu.fuel = FUEL;
	try {
		newEngine(machine, calls, options).run(code, cpu);
	} catch (error) {
		if (!(error instanceof Unwound)) throw error;
	}
	return registerOf(cpu, 0);
}

/** Hex bytes, with or without spaces between them. `what` names them in the error. @throws FormatError */
export function hexBytes(text: string, what: string): Uint8Array<ArrayBuffer> {
	const digits = text.replace(/0x|\s+/gi, "");
	const wrong = /[^0-9a-f]/i.exec(digits);
	if (wrong || digits.length % 2 !== 0)
		throw new FormatError(
			{ offset: (wrong?.index ?? digits.length) >> 1, path: what },
			wrong ? `"${wrong[0]}" where a hex digit was expected` : `${digits.length} hex digits, expected two a byte`,
		);
	const bytes = new Uint8Array(digits.length / 2);
	for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16);
	return bytes;
}
