import { NULL_PAGE } from "./memory.ts";

/**
 * What is counted in the run of a processor, and what a worker's programs may ask, where generated code sees it too: a few
 * words of each processor in the page at 0, which no program may touch. Byte offsets. A worker has what is not of a
 * processor with the one that it is.
 */
export const RUN_WORDS = {
	/** Tail calls so far. */
	tailCalls: 0,
	/** Who runs programs on it where workers share the machine: 0 nobody, 1 the machine's owner, 2 a worker. */
	holder: 4,
	/** Of processor 0: changes when what was said to workers holds no more. */
	epoch: 8,
	/** Of a worker: state of the generator behind get_prandom_u32. */
	random: 12,
	/** Of a worker, the current task: pid, tgid; uid, gid; 16 bytes of its name. */
	pid: 16,
	uid: 24,
	comm: 32,
} as const;

/** Of one processor. */
export const RUN_WORDS_SIZE = 64;
/** Below what engines keep there. */
const PLACE = NULL_PAGE / 2;

/** Address of a word of a processor. */
export const runWord = (processor: number, word: keyof typeof RUN_WORDS): number =>
	PLACE + processor * RUN_WORDS_SIZE + RUN_WORDS[word];
