import { ERRNO } from "@skep/bpf/kernel";
import { MAP_FLAGS, UPDATE_FLAGS } from "@skep/bpf/uapi";

/** Flags that say who may read and write: any type of data map takes them. */
export const ACCESS =
	MAP_FLAGS.BPF_F_RDONLY | MAP_FLAGS.BPF_F_WRONLY | MAP_FLAGS.BPF_F_RDONLY_PROG | MAP_FLAGS.BPF_F_WRONLY_PROG;

/** Not more than `allowed`, and never read-only and write-only both. */
export function flagsFit(flags: number, allowed: number): boolean {
	const both = (a: number, b: number) => (flags & a) !== 0 && (flags & b) !== 0;
	if ((flags & ~allowed) !== 0) return false;
	return (
		!both(MAP_FLAGS.BPF_F_RDONLY, MAP_FLAGS.BPF_F_WRONLY) &&
		!both(MAP_FLAGS.BPF_F_RDONLY_PROG, MAP_FLAGS.BPF_F_WRONLY_PROG)
	);
}

/** Of an update: BPF_ANY, NOEXIST or EXIST, and whether the key is there. 0, or what the kernel says. */
export function updateAllowed(flags: number, there: boolean): number {
	if (flags > UPDATE_FLAGS.BPF_EXIST) return -ERRNO.EINVAL;
	if (there) return flags === UPDATE_FLAGS.BPF_NOEXIST ? -ERRNO.EEXIST : 0;
	return flags === UPDATE_FLAGS.BPF_EXIST ? -ERRNO.ENOENT : 0;
}

/** KMALLOC_MAX_SIZE, less the head of an entry: a key and a value may not be larger together. */
export const MOST_ENTRY_BYTES = (1 << 22) - 64;
/** PCPU_MIN_UNIT_SIZE: the largest value of a per-CPU map. */
export const MOST_PERCPU_BYTES = 32_768;
