import { toHex } from "@skep/bpf/base";
import { type Attributes, COMMANDS, type CommandName, ERRNO, type ObjGetInfoByFd } from "@skep/bpf/kernel";
import { addressOf, syscall3 } from "./ffi.ts";
import { ATTR, INFO, type Layout } from "./layout.ts";
import { linkDetail } from "./link-info.ts";
import { raiseMemoryLimit } from "./memory-limit.ts";
import {
	ATTR_AT,
	address,
	bytes,
	decode,
	encode,
	INFO_AT,
	KEY_AT,
	KEY_BYTES,
	release,
	VALUE_AT,
	VALUE_BYTES,
	view,
	words,
} from "./slab.ts";
import { syscallNumbers } from "./syscalls.ts";

const NR = syscallNumbers(process.arch);
/** PROG_LOAD says EAGAIN when a signal is pending. libbpf tries it five times, which is too few beside a profiler's timer. */
const LOAD_TRIES = 50;
/** A signal came between: so often it is tried again before the caller hears of it. */
const SIGNAL_TRIES = 100;
/** Bytes that are copied one by one before `set` is cheaper. */
const FEW = 64;
const ELEM_SIZE = 32;

/** bpf(2) with plain attributes. The result, or -errno. */
export function bpf<C extends CommandName>(command: C, attr: Attributes[C]): number;
export function bpf(command: CommandName, attr: Attributes[CommandName]): number {
	switch (command) {
		case "MAP_LOOKUP_ELEM":
		case "MAP_LOOKUP_AND_DELETE_ELEM": {
			const { map_fd, key, value, flags } = attr as Attributes["MAP_LOOKUP_ELEM"];
			return element(command === "MAP_LOOKUP_ELEM" ? 1 : 21, map_fd, key, value, flags ?? 0, true);
		}
		case "MAP_UPDATE_ELEM": {
			const { map_fd, key, value, flags } = attr as Attributes["MAP_UPDATE_ELEM"];
			return element(2, map_fd, key, value, flags ?? 0, false);
		}
		case "MAP_DELETE_ELEM": {
			const { map_fd, key, flags } = attr as Attributes["MAP_DELETE_ELEM"];
			return element(3, map_fd, key, undefined, flags ?? 0, false);
		}
		case "MAP_GET_NEXT_KEY": {
			const { map_fd, key, next_key } = attr as Attributes["MAP_GET_NEXT_KEY"];
			return element(4, map_fd, key, next_key, 0, true);
		}
		case "OBJ_GET_INFO_BY_FD":
			return info(attr as ObjGetInfoByFd);
		default:
			return byTable(command, attr as unknown as Record<string, unknown>);
	}
}

/** The call with what stands in the slab; made again where a signal cut it short. The kernel must write no attribute. */
function call(command: number, size: number): number {
	for (let tries = 1; ; tries++) {
		const result = syscall3(NR.bpf, command, address, size);
		if (result !== -ERRNO.EINTR || tries === SIGNAL_TRIES) return result;
	}
}

/** Commands whose memory counts against RLIMIT_MEMLOCK before Linux 5.11: EPERM is how they say that it is used up. */
const LOCKS_MEMORY: ReadonlySet<CommandName> = new Set(["MAP_CREATE", "PROG_LOAD", "BTF_LOAD"]);

/** Everything that is not hot: encoded and decoded by the command's row of fields. */
function byTable(command: CommandName, attr: Record<string, unknown>): number {
	const layout = ATTR[command];
	const { value } = COMMANDS[command];
	let result = 0;
	for (let tries = 1; ; tries++) {
		// Anew each time: a batch that was cut short has its count overwritten.
		encode(ATTR_AT, layout, attr);
		result = syscall3(NR.bpf, value, address, layout.size);
		const again =
			(result === -ERRNO.EINTR && tries < SIGNAL_TRIES) ||
			(result === -ERRNO.EAGAIN && command === "PROG_LOAD" && tries < LOAD_TRIES) ||
			(result === -ERRNO.EPERM && LOCKS_MEMORY.has(command) && raiseMemoryLimit());
		if (!again) break;
		const log = attr["log_buf"];
		if (log instanceof Uint8Array) log.fill(0);
	}
	decode(ATTR_AT, layout.fields, attr, false);
	release();
	return result;
}

const KEY_ADDRESS = address + KEY_AT;
const VALUE_ADDRESS = address + VALUE_AT;

/**
 * The hot path: key and value pass through the slab, and no attribute is built. `fills`: the kernel writes `value`. A lookup
 * without a key (bloom filter) reads it too.
 */
function element(
	command: number,
	fd: number,
	key: Uint8Array | undefined,
	value: Uint8Array | undefined,
	flags: number,
	fills: boolean,
): number {
	const keyLength = key === undefined ? 0 : key.length;
	const valueLength = value === undefined ? 0 : value.length;
	const keyInSlab = keyLength <= KEY_BYTES;
	const valueInSlab = valueLength <= VALUE_BYTES;
	words[0] = fd;
	words[1] = 0;
	point(2, keyLength === 0 ? 0 : keyInSlab ? KEY_ADDRESS : addressOf(key!));
	point(4, valueLength === 0 ? 0 : valueInSlab ? VALUE_ADDRESS : addressOf(value!));
	words[6] = flags;
	words[7] = 0;
	if (keyLength > 0 && keyInSlab) copy(key!, 0, bytes, KEY_AT, keyLength);
	if (valueLength > 0 && valueInSlab && (!fills || keyLength === 0)) copy(value!, 0, bytes, VALUE_AT, valueLength);
	const result = call(command, ELEM_SIZE);
	if (fills && result === 0 && valueLength > 0 && valueInSlab) copy(bytes, VALUE_AT, value!, 0, valueLength);
	// Reads both once more after the call, so that neither was collected while only its address was known.
	return (key?.length ?? 0) === keyLength && (value?.length ?? 0) === valueLength ? result : -ERRNO.EFAULT;
}

/** A user space address as two words: exact below 2^53. */
function point(word: number, target: number): void {
	words[word] = target;
	words[word + 1] = Math.floor(target / 2 ** 32);
}

function copy(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, length: number): void {
	if (length > FEW) {
		to.set(from.subarray(fromAt, fromAt + length), toAt);
		return;
	}
	for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!;
}

function info(attr: ObjGetInfoByFd): number {
	const layout = INFO[attr.kind];
	const value = attr.info as Record<string, unknown>;
	const result = ask(attr.bpf_fd, attr.kind, value);
	if (result < 0) return result;
	decode(INFO_AT, layout.fields, value, true);
	if (attr.kind === "prog") attr.info.tag = toHex(bytes.subarray(INFO_AT + 8, INFO_AT + 16));
	if (attr.kind === "link") {
		const { size } = INFO.link;
		linkDetail(attr.info, (fields, detail) => askFor(attr.bpf_fd, { size, fields }, detail));
	}
	if (attr.kind === "btf") attr.info.name = named(attr.bpf_fd);
	return result;
}

function ask(fd: number, kind: ObjGetInfoByFd["kind"], value: Readonly<Record<string, unknown>>): number {
	return askFor(fd, INFO[kind], value);
}

function askFor(fd: number, layout: Layout, value: Readonly<Record<string, unknown>>): number {
	encode(INFO_AT, layout, value);
	view.setUint32(ATTR_AT, fd, true);
	view.setUint32(ATTR_AT + 4, layout.size, true);
	point(2, address + INFO_AT);
	const result = call(COMMANDS.OBJ_GET_INFO_BY_FD.value, 16);
	release();
	return result;
}

const NAME_BYTES = 128;

/** Asks again with room for the name of BTF. */
function named(fd: number): string {
	const name = new Uint8Array(NAME_BYTES);
	if (ask(fd, "btf", { name }) < 0) return "";
	const end = name.indexOf(0);
	return String.fromCharCode(...name.subarray(0, end < 0 ? NAME_BYTES : end));
}

/** The bytes of the attribute that a command would pass: what a test compares with `bpf.h`. */
export function attributeBytes(command: CommandName, attr: Readonly<Record<string, unknown>>): Uint8Array {
	const layout = ATTR[command];
	encode(ATTR_AT, layout, attr);
	release();
	return bytes.slice(ATTR_AT, ATTR_AT + layout.size);
}
