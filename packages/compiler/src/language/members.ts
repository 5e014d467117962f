/** Half of a member: K kernel code only, U user code only, KU both. */
export type Half = "K" | "U" | "KU";

const BASE: Readonly<Record<string, Half>> = { fd: "U", pin: "U" };
const HASH: Readonly<Record<string, Half>> = {
	...BASE,
	get: "KU",
	ref: "K",
	refOrInsert: "K",
	set: "KU",
	take: "KU",
	delete: "KU",
	add: "K",
	entries: "U",
	keys: "U",
	clear: "U",
	size: "U",
};
const PER_CPU: Readonly<Record<string, Half>> = {
	...BASE,
	ref: "K",
	refOrInsert: "K",
	set: "K",
	delete: "KU",
	add: "K",
	refOn: "K",
	cpus: "U",
	sum: "U",
	entries: "U",
	sums: "U",
};

/** Members of map handles by the word of their constructor, with the half that may use them. */
export const MAP_MEMBERS: Readonly<Record<string, Readonly<Record<string, Half>>>> = {
	hash: HASH,
	lruHash: HASH,
	array: { ...HASH, length: "KU" },
	perCpuHash: PER_CPU,
	perCpuArray: PER_CPU,
	ringbuf: { ...BASE, lost: "U", batches: "U", drain: "U", withLoss: "U", emit: "K", pending: "K" },
	histogram: { ...BASE, add: "K", print: "U", entries: "U" },
};

/** Members of program handles: all of the user half. */
export const PROGRAM_MEMBERS: Readonly<Record<string, Half>> = { name: "U", links: "U", stats: "U", attach: "U" };

/** What to write instead where a member belongs to the other half. */
export const MEMBER_REMEDIES: Readonly<Record<string, string>> = {
	emit: "emit it in a program's function; the user half reads with `for await`",
	ref: "use `get(key)` and `set(key, value)` in the user half",
	refOrInsert: "use `get(key)` and `set(key, value)` in the user half",
	add: "use `set(key, value)` in the user half",
	clear: "clear it in the user half; kernel code deletes key by key",
	entries: "use `ref(key)` or `get(key)` in kernel code",
	keys: "use `ref(key)` or `get(key)` in kernel code",
	size: "count in the user half",
	drain: "read in the user half",
	batches: "read in the user half",
	withLoss: "read in the user half",
	lost: "read it in the user half; in kernel code `emit` returns false where a record was lost",
	print: "print it in the user half",
	sum: "add up in the user half; kernel code has this CPU's value: `ref(key)`",
	sums: "add up in the user half; kernel code has this CPU's value: `ref(key)`",
	cpus: "use `refOn(cpu, key)` in kernel code",
	attach: "attach in the user half",
};
