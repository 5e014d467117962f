import { type EngineOptions, newEngine } from "#engine";
import { LOOPBACK, xdpInput } from "#hooks";
import { runWord } from "#machine";
import { claimProcessor } from "./processors.ts";
import { callsOf, codeOf } from "./run.ts";
import type { System } from "./system.ts";
import type { ProgramState } from "./tables.ts";

/**
 * What runs an XDP program so many times on one packet, which stays as each run leaves it, and gives the last result. The
 * engine is its own: that is for measuring and comparing engines. Undefined: the packet is too long.
 */
export function repeater(
	system: System,
	program: ProgramState,
	packet: Uint8Array,
	options: EngineOptions,
): ((times: number) => number) | undefined {
	const { environment, memory } = system;
	const cpu = system.cpus[system.home]!;
	const input = xdpInput(memory, system.scratch[system.home]!, packet, LOOPBACK, 0);
	if (input.context === 0) return undefined;
	const engine = newEngine(memory, callsOf(system), options);
	const code = codeOf(system, program.id)!;
	const run = {
		program: program.type,
		context: input.context,
		contextSize: input.contextSize,
		cookie: 0n,
		packetStart: input.packetStart,
		packetEnd: input.packetEnd,
		reserved: [],
		lock: 0,
	};
	const tailCalls = runWord(cpu.id, "tailCalls");
	return (times) => {
		if (memory.shared) claimProcessor(system, cpu.id);
		const outer = environment.run;
		environment.run = run;
		try {
			cpu.registers[2] = input.context;
			cpu.registers[3] = 0;
			cpu.fuel = system.fuel;
			engine.repeat(code, cpu, times, tailCalls);
		} finally {
			environment.run = outer;
		}
		return cpu.registers[0]! >>> 0;
	};
}
