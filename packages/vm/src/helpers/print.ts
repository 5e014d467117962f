import { decodeUtf8, VmFault } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import type { Cpu, Memory } from "#machine";
import { give, high, readable, u32, wide, writable } from "./arguments.ts";
import type { Environment, SequenceState } from "./environment.ts";

/** Family: text, as bytes: a character is one of them here. What trace_printk writes is kept in the machine's trace. */
const MOST_LINES = 10_000;
const MOST_ARGUMENTS = 12;

const charactersOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Text up to a NUL from where a program's argument points; `side` user or kernel. Undefined: nothing is there. */
function textAt(memory: Memory, address: bigint, isUser: boolean, most: number): string | undefined {
	const at = Number(address);
	if (address >= 2n ** 32n || !memory.find(at, 1)) return undefined;
	if ((memory.region(at)?.kind === "user") !== isUser) return undefined;
	const end = Math.min(memory.foundEnd, at + most);
	let stop = at;
	while (stop < end && memory.u8[stop] !== 0) stop++;
	return charactersOf(memory.u8.subarray(at, stop));
}

const FORM = /%(%|([-0+ #]*)(\d*)(?:\.(\d+))?(hh|h|ll|l)?([diuxXcsp])(k|u)?s?)/y;

/** Text of a format as bpf_snprintf knows them, or -EINVAL. */
function formatted(memory: Memory, format: string, args: readonly bigint[]): string | number {
	let out = "";
	let used = 0;
	for (let i = 0; i < format.length; ) {
		if (format[i] !== "%") {
			out += format[i++];
			continue;
		}
		FORM.lastIndex = i;
		const found = FORM.exec(format);
		if (!found) return -ERRNO.EINVAL;
		if (found[1] === "%") {
			out += "%";
			i += 2;
			continue;
		}
		const [, , flags = "", width = "", precision, length, kind, pointer] = found;
		const isText = kind === "p" && (pointer === "k" || pointer === "u") && format[FORM.lastIndex - 1] === "s";
		i += isText ? found[0].length : found[0].length - (found[0].endsWith("s") && kind !== "s" ? 1 : 0);
		const value = args[used++];
		if (value === undefined) return -ERRNO.EINVAL;
		let text: string;
		if (isText || kind === "s") {
			text = textAt(memory, value, pointer === "u", 512) ?? "";
			if (precision !== undefined) text = text.slice(0, Number(precision));
		} else if (kind === "c") text = String.fromCharCode(Number(value & 255n));
		else if (kind === "p") text = value.toString(16).padStart(16, "0");
		else {
			const bits = length === "ll" || length === "l" ? 64 : length === "h" ? 16 : length === "hh" ? 8 : 32;
			const number = kind === "d" || kind === "i" ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
			const digits = (number < 0n ? -number : number).toString(kind === "x" || kind === "X" ? 16 : 10);
			const sign = number < 0n ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
			const prefix = flags.includes("#") && kind === "x" ? "0x" : flags.includes("#") && kind === "X" ? "0X" : "";
			const body = kind === "X" ? digits.toUpperCase() : digits;
			const zeros = flags.includes("0") && !flags.includes("-") ? Number(width || 0) - sign.length - prefix.length : 0;
			text = sign + prefix + body.padStart(zeros, "0");
		}
		out += flags.includes("-") ? text.padEnd(Number(width || 0)) : text.padStart(Number(width || 0));
	}
	return used === args.length || args.length === 3 ? out : -ERRNO.EINVAL;
}

function formatAt(env: Environment, address: number, size: number): string {
	const bytes = env.memory.u8.subarray(address, address + size);
	const end = bytes.indexOf(0);
	return charactersOf(bytes.subarray(0, end < 0 ? size : end));
}

function say(env: Environment, cpu: Cpu, text: string | number): undefined {
	if (typeof text === "number") return give(cpu, text);
	env.trace.push(decodeUtf8(bytesOf(text)).replace(/\n$/, ""));
	if (env.trace.length > MOST_LINES) env.trace.shift();
	give(cpu, text.length);
}

export function tracePrintk(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 2);
	const format = formatAt(env, readable(env, cpu, 1, size), size);
	say(env, cpu, formatted(env.memory, format, [wide(cpu, 3), wide(cpu, 4), wide(cpu, 5)]));
}

/** An array of 64-bit arguments, `bytes` long. Undefined: not whole words, or too many. */
function list(env: Environment, cpu: Cpu, n: number, bytes: number): bigint[] | undefined {
	if (bytes % 8 !== 0 || bytes > MOST_ARGUMENTS * 8) return undefined;
	if (bytes === 0) return [];
	const at = readable(env, cpu, n, bytes);
	return Array.from({ length: bytes / 8 }, (_, i) => env.memory.view.getBigUint64(at + i * 8, true));
}

export function traceVprintk(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 2);
	const format = formatAt(env, readable(env, cpu, 1, size), size);
	const args = list(env, cpu, 3, u32(cpu, 4));
	say(env, cpu, args ? formatted(env.memory, format, args) : -ERRNO.EINVAL);
}

/** The output that r1 names. @throws VmFault where it is not the one of this run */
function sequenceOf(env: Environment, cpu: Cpu): SequenceState {
	const { sequence } = env;
	if (sequence && high(cpu, 1) === 0 && u32(cpu, 1) === sequence.file) return sequence;
	throw new VmFault("access", cpu.pc, "argument 1 of helper: no seq_file of this run", wide(cpu, 1));
}

/** seq_printf(file, format, size, arguments, their bytes): 0. */
export function seqPrintf(env: Environment, cpu: Cpu): undefined {
	const sequence = sequenceOf(env, cpu);
	const size = u32(cpu, 3);
	const format = formatAt(env, readable(env, cpu, 2, size), size);
	const args = list(env, cpu, 4, u32(cpu, 5));
	const text = args ? formatted(env.memory, format, args) : -ERRNO.EINVAL;
	if (typeof text === "number") return give(cpu, text);
	sequence.parts.push(bytesOf(text));
	give(cpu, 0);
}

/** seq_write(file, bytes, size): 0. */
export function seqWrite(env: Environment, cpu: Cpu): undefined {
	const sequence = sequenceOf(env, cpu);
	const size = u32(cpu, 3);
	const at = size === 0 ? 0 : readable(env, cpu, 2, size);
	sequence.parts.push(env.memory.u8.slice(at, at + size));
	give(cpu, 0);
}

/** snprintf(to, size, format, arguments, their bytes): bytes that the whole text takes, with its NUL. */
export function snprintf(env: Environment, cpu: Cpu): undefined {
	const size = u32(cpu, 2);
	const to = size === 0 ? 0 : writable(env, cpu, 1, size);
	const args = list(env, cpu, 4, u32(cpu, 5));
	const formatAddress = readable(env, cpu, 3, 1);
	if (!args || high(cpu, 3) !== 0) return give(cpu, -ERRNO.EINVAL);
	const text = formatted(env.memory, formatAt(env, formatAddress, env.memory.foundEnd - formatAddress), args);
	if (typeof text === "number") return give(cpu, text);
	const bytes = bytesOf(text);
	if (size > 0) {
		env.memory.u8.set(bytes.subarray(0, size - 1), to);
		env.memory.u8[to + Math.min(bytes.length, size - 1)] = 0;
	}
	give(cpu, bytes.length + 1);
}
