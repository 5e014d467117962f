import { CLOCK_WORDS, type Memory, type RoutineShortcut, runWord } from "#machine";
import { imm, type Routine, RoutineWriter, reg } from "#maps";
import { COMM, RANDOM } from "./current.ts";

/** Helpers as instructions: what they ask stands in the machine's memory. By the kernel's names; r1 … r5 are the arguments. */

const [R0, R1, R2] = [0, 1, 2] as const;

type HelperRoutine = Routine & Pick<RoutineShortcut, "reaches">;

/** Memory that workers share changes at any time: what takes two accesses is left to the helper. */
const alone = (make: (memory: Memory) => HelperRoutine) => (memory: Memory) =>
	memory.shared ? undefined : make(memory);

const ROUTINES: Readonly<Record<string, (memory: Memory) => HelperRoutine | undefined>> = {
	ktime_get_ns: alone(() => time()),
	ktime_get_coarse_ns: alone(() => time()),
	ktime_get_boot_ns: alone(() => time(CLOCK_WORDS.bootOffset)),
	ktime_get_tai_ns: alone(() => time(CLOCK_WORDS.realOffset)),
	get_prandom_u32: random,
	get_current_pid_tgid: (memory) => word(runWord(memory.processor, "pid")),
	get_current_uid_gid: (memory) => word(runWord(memory.processor, "uid")),
	get_current_comm: comm,
};

/** Undefined: this helper has to be called. */
export const helperRoutine = (name: string, memory: Memory): HelperRoutine | undefined => ROUTINES[name]?.(memory);

function word(address: number): HelperRoutine {
	const w = new RoutineWriter();
	w.mov(R1, imm(address));
	w.load(8, R0, R1, 0);
	w.exit();
	return { ...w.done(), reaches: [] };
}

/** A reading of the clock, which may take time, and what another clock is ahead of it. */
function time(ahead?: number): HelperRoutine {
	const { monotonic, step } = CLOCK_WORDS;
	const w = new RoutineWriter();
	w.mov(R1, imm(monotonic));
	w.load(8, R0, R1, 0);
	w.load(8, R2, R1, step - monotonic);
	w.add64(R2, reg(R0));
	w.store(8, R1, 0, reg(R2));
	if (ahead !== undefined) {
		w.load(8, R2, R1, ahead - monotonic);
		w.add64(R0, reg(R2));
	}
	w.exit();
	return { ...w.done(), reaches: [] };
}

function random({ processor }: Memory): HelperRoutine {
	const w = new RoutineWriter();
	const mix = (shift: number): void => {
		w.mov(R2, reg(R0));
		w.alu("rsh", R2, imm(shift));
		w.alu("xor", R0, reg(R2));
	};
	w.mov(R1, imm(runWord(processor, "random")));
	w.load(4, R0, R1, 0);
	w.alu("add", R0, imm(RANDOM.step));
	w.store(4, R1, 0, reg(R0));
	for (const [shift, factor] of RANDOM.rounds) {
		mix(shift);
		w.alu("mul", R0, imm(factor));
	}
	mix(RANDOM.last);
	w.exit();
	return { ...w.done(), reaches: [] };
}

/** Where there is room for the whole name. */
function comm({ processor }: Memory): HelperRoutine {
	const w = new RoutineWriter();
	w.jump("ne", R2, imm(COMM), "left");
	w.mov(R2, imm(runWord(processor, "comm")));
	for (const at of [0, 8]) {
		w.load(8, R0, R2, at);
		w.store(8, R1, at, reg(R0));
	}
	w.exit(imm(0));
	w.label("left");
	w.leave();
	return { ...w.done(), reaches: [{ register: 1, size: COMM, writes: true }] };
}
