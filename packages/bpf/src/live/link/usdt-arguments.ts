import { type BpfError, NotSupportedError } from "#base";

/** Where an argument of a USDT probe stands when the probe is reached. Sizes in bytes. */
export interface UsdtArgument {
	/** 1, 2, 4 or 8. */
	readonly size: number;
	readonly signed: boolean;
	readonly place:
		| { readonly kind: "constant"; readonly value: bigint }
		| { readonly kind: "register"; readonly register: number }
		| { readonly kind: "memory"; readonly register: number; readonly offset: bigint }
		/** base + index << shift + offset */
		| {
				readonly kind: "indexed";
				readonly register: number;
				readonly index: number;
				readonly shift: number;
				readonly offset: bigint;
		  };
}

/** Offset of each register of 64 bits in x86-64's `struct pt_regs`, and the names of its parts. One row a register. */
// biome-ignore format: table
const X64: readonly (readonly [offset: number, ...names: string[]])[] = [
	[0, "r15", "r15d", "r15w", "r15b"],
	[8, "r14", "r14d", "r14w", "r14b"],
	[16, "r13", "r13d", "r13w", "r13b"],
	[24, "r12", "r12d", "r12w", "r12b"],
	[32, "rbp", "ebp", "bp", "bpl"],
	[40, "rbx", "ebx", "bx", "bl"],
	[48, "r11", "r11d", "r11w", "r11b"],
	[56, "r10", "r10d", "r10w", "r10b"],
	[64, "r9", "r9d", "r9w", "r9b"],
	[72, "r8", "r8d", "r8w", "r8b"],
	[80, "rax", "eax", "ax", "al"],
	[88, "rcx", "ecx", "cx", "cl"],
	[96, "rdx", "edx", "dx", "dl"],
	[104, "rsi", "esi", "si", "sil"],
	[112, "rdi", "edi", "di", "dil"],
	[128, "rip", "eip", "ip"],
	[152, "rsp", "esp", "sp", "spl"],
];
const REGISTERS: ReadonlyMap<string, number> = new Map(
	X64.flatMap(([offset, ...names]) => names.map((name) => [name, offset] as const)),
);

/** As many as libbpf's `bpf_usdt_arg` can give. */
export const MOST_ARGUMENTS = 12;

/**
 * Reads the arguments of a probe as GCC and clang leave them for x86-64: `-4@%eax 8@-16(%rbp) 4@$5 8@8(%rax,%rcx,8)`.
 * Pure. @throws NotSupportedError for what a program cannot fetch (floating point, symbols, other architectures, more than 12)
 */
export function parseUsdtArguments(text: string): readonly UsdtArgument[] {
	const words = split(text);
	if (words.length > MOST_ARGUMENTS) {
		throw new NotSupportedError(
			`a USDT probe with ${words.length} arguments`,
			`at most ${MOST_ARGUMENTS} can be fetched`,
		);
	}
	return words.map(parseArgument);
}

/** Arguments stand apart by blanks; blanks also stand inside parentheses of some compilers. */
function split(text: string): string[] {
	return text.replace(/,\s+/g, ",").trim().split(/\s+/).filter(Boolean);
}

const NUMBER = "[-+]?(?:0x[0-9a-fA-F]+|\\d+)";
const CONSTANT = new RegExp(`^\\$(${NUMBER})$`);
const REGISTER = /^%([a-z0-9]+)$/;
const MEMORY = new RegExp(`^(${NUMBER})?\\(%([a-z0-9]+)\\)$`);
const INDEXED = new RegExp(`^(${NUMBER})?\\(%([a-z0-9]+),%([a-z0-9]+)(?:,([1248]))?\\)$`);

function parseArgument(word: string): UsdtArgument {
	const sized = /^(-?)([1248])(f?)@(.+)$/.exec(word);
	if (!sized) throw unknown(word, "expected a size of 1, 2, 4 or 8 and @");
	if (sized[3]) throw unknown(word, "floating point cannot be fetched");
	const [, sign, size, , place = ""] = sized;
	return { size: Number(size), signed: sign === "-", place: parsePlace(word, place) };
}

function parsePlace(word: string, place: string): UsdtArgument["place"] {
	const constant = CONSTANT.exec(place);
	if (constant) return { kind: "constant", value: integer(constant[1]) };
	const register = REGISTER.exec(place);
	if (register) return { kind: "register", register: registerOf(word, register[1]) };
	const memory = MEMORY.exec(place);
	if (memory) return { kind: "memory", register: registerOf(word, memory[2]), offset: integer(memory[1]) };
	const indexed = INDEXED.exec(place);
	if (indexed) {
		return {
			kind: "indexed",
			register: registerOf(word, indexed[2]),
			index: registerOf(word, indexed[3]),
			shift: Math.log2(Number(indexed[4] ?? 1)),
			offset: integer(indexed[1]),
		};
	}
	throw unknown(word, "expected a constant, a register, or memory at a register (x86-64)");
}

function integer(text: string | undefined): bigint {
	if (text === undefined || text === "") return 0n;
	const negative = text.startsWith("-");
	const digits = BigInt(text.replace(/^[-+]/, ""));
	return negative ? -digits : digits;
}

function registerOf(word: string, name: string | undefined): number {
	const offset = REGISTERS.get(name ?? "");
	if (offset === undefined) throw unknown(word, `%${name} is no general register of x86-64`);
	return offset;
}

const unknown = (word: string, why: string): BpfError => new NotSupportedError(`USDT argument ${word}`, why);

/** Bytes of one entry of libbpf's map `__bpf_usdt_specs`. */
export const USDT_SPEC_BYTES = 208;
const ARGUMENT_BYTES = 16;
const COOKIE_AT = MOST_ARGUMENTS * ARGUMENT_BYTES;
/** `enum __bpf_usdt_arg_type`. */
const KINDS = { constant: 0, register: 1, memory: 2, indexed: 3 } as const;

/** One entry of `__bpf_usdt_specs`, as `usdt.bpf.h` reads it. */
export function encodeUsdtSpec(arguments_: readonly UsdtArgument[], cookie: bigint): Uint8Array {
	const bytes = new Uint8Array(USDT_SPEC_BYTES);
	const view = new DataView(bytes.buffer);
	arguments_.forEach(({ size, signed, place }, i) => {
		const at = i * ARGUMENT_BYTES;
		const value = place.kind === "constant" ? place.value : place.kind === "register" ? 0n : place.offset;
		view.setBigInt64(at, value, true);
		// The kind is the low byte of an int; above it newer headers have the index register (12 bits) and its shift (4).
		const indexed = place.kind === "indexed" ? (place.index << 8) | (place.shift << 20) : 0;
		view.setInt32(at + 8, KINDS[place.kind] | indexed, true);
		view.setInt16(at + 12, place.kind === "constant" ? 0 : place.register, true);
		view.setUint8(at + 14, signed ? 1 : 0);
		view.setUint8(at + 15, 64 - size * 8);
	});
	view.setBigUint64(COOKIE_AT, BigInt.asUintN(64, cookie), true);
	view.setInt16(COOKIE_AT + 8, arguments_.length, true);
	return bytes;
}
