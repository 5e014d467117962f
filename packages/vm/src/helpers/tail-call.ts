import { VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import { type Cpu, runWord } from "#machine";
import { slotOf } from "#maps";
import { give, mapOf, u32 } from "./arguments.ts";
import type { Environment } from "./environment.ts";

/** As many in one run as on Linux. */
export const MOST_TAIL_CALLS = 33;

/** tail_call(context, map, index): the program in that slot takes this one's place; where there is none it goes on. */
export function tailCall(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 2);
	if (map.type !== "prog_array")
		throw new VmFault("reference", cpu.pc, `argument 2 of helper is a map of type ${map.type}, not prog_array`);
	const id = slotOf(map, env.memory, u32(cpu, 3));
	const { words } = env.memory;
	const count = runWord(cpu.id, "tailCalls") >> 2;
	if (id === 0 || words[count]! >= MOST_TAIL_CALLS) return give(cpu, -ERRNO.ENOENT);
	words[count]!++;
	cpu.tail = id;
}
