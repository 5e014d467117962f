import { CALLEE_SAVED, type Cpu, FRAME_WORDS, MAX_FRAMES, registerOf, STACK_FRAME_SIZE } from "#machine";
import type { ProgramSymbols, SourcePlace } from "./symbols.ts";

/** A function that is active. */
export interface Frame {
	/** 0: the one that runs. */
	readonly index: number;
	readonly program: number;
	readonly programName: string;
	readonly function: string;
	/** The next instruction; of a caller, the call. */
	readonly slot: number;
	readonly source: SourcePlace | undefined;
	/** Its stack: guest addresses, from the lowest to r10. */
	readonly stack: { readonly start: number; readonly end: number };
}

/** The function that runs and its callers, innermost first. Callbacks are called by the helper's call. */
export function framesOf(cpu: Cpu, symbols: (program: number) => ProgramSymbols | undefined): Frame[] {
	const frames: Frame[] = [];
	for (let depth = cpu.depth; depth >= 0; depth--) {
		const at = depth * FRAME_WORDS;
		const isTop = depth === cpu.depth;
		const program = isTop ? cpu.code : cpu.frames[at]!;
		const slot = isTop ? cpu.pc : cpu.frames[at + 1]! - 1;
		const known = symbols(program);
		const end = cpu.stack + (MAX_FRAMES - depth) * STACK_FRAME_SIZE;
		frames.push({
			index: cpu.depth - depth,
			program,
			programName: known?.name ?? `program ${program}`,
			function: known?.functionAt(slot).name ?? "?",
			slot,
			source: known?.lineAt(slot),
			stack: { start: end - STACK_FRAME_SIZE, end },
		});
	}
	return frames;
}

/** r0 … r10 as a frame has them; undefined: a caller gets back something else. */
export function registersOf(cpu: Cpu, frame: number): (bigint | undefined)[] {
	const all = Array.from({ length: 11 }, (_, r) => registerOf(cpu, r));
	if (frame <= 0) return all;
	const depth = cpu.depth - frame;
	if (depth < 0) return all.map(() => undefined);
	const at = depth * FRAME_WORDS + CALLEE_SAVED;
	return all.map((_, r) => {
		if (r === 10) return BigInt(cpu.stack + (MAX_FRAMES - depth) * STACK_FRAME_SIZE);
		if (r < 6) return undefined;
		const low = cpu.frames[at + (r - 6) * 2]! >>> 0;
		const high = cpu.frames[at + (r - 6) * 2 + 1]! >>> 0;
		return (BigInt(high) << 32n) | BigInt(low);
	});
}
