import type { Cpu } from "#machine";
import { give, readable, u32 } from "./arguments.ts";
import type { Environment } from "./environment.ts";

/** strncmp(text, size, other): -1, 0 or 1, as Linux's own gives; `other` up to its NUL. */
export function strncmp(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 2);
	const one = readable(env, cpu, 1, size);
	const two = readable(env, cpu, 3, 1);
	const { u8, foundEnd } = env.memory;
	for (let i = 0; i < size && two + i < foundEnd; i++) {
		const difference = u8[one + i]! - u8[two + i]!;
		if (difference !== 0) return give(cpu, Math.sign(difference));
		if (u8[one + i] === 0) break;
	}
	give(cpu, 0);
}
