import { addressOf } from "./ffi.ts";
import type { Field, Layout } from "./layout.ts";

/** Where in the slab what stands. The attribute comes first, then (256) the info struct, then small keys and values. */
export const ATTR_AT = 0;
export const INFO_AT = 256;
export const KEY_AT = 1024;
export const KEY_BYTES = 1024;
export const VALUE_AT = 2048;
export const VALUE_BYTES = 62 * 1024;

/**
 * One piece of memory that never moves and is never freed: attributes are built in it, and small keys and values pass
 * through it, so that a map operation costs neither an address nor an allocation.
 */
const memory = new ArrayBuffer(64 * 1024);
export const bytes: Uint8Array<ArrayBuffer> = new Uint8Array(memory);
export const view: DataView<ArrayBuffer> = new DataView(memory);
export const words: Uint32Array<ArrayBuffer> = new Uint32Array(memory);
export const address: number = addressOf(bytes);

/** What attributes point to during a call: held here, because an address alone keeps nothing alive. */
const held: Uint8Array[] = [];

/** Lets go of the buffers of the last call. */
export function release(): void {
	held.length = 0;
}

const ASCII = new TextEncoder();

function member(value: Readonly<Record<string, unknown>>, name: string): unknown {
	const dot = name.indexOf(".");
	if (dot < 0) return value[name];
	const outer = value[name.slice(0, dot)];
	return outer === undefined ? undefined : (outer as Readonly<Record<string, unknown>>)[name.slice(dot + 1)];
}

function pointTo(at: number, target: Uint8Array): void {
	held.push(target);
	view.setBigUint64(at, BigInt(target.length === 0 ? 0 : addressOf(target)), true);
}

/** Address of a text, NUL-terminated, held until the call is over. */
function pointerTo(text: unknown): bigint {
	const bytes = ASCII.encode(`${text}\0`);
	held.push(bytes);
	return BigInt(addressOf(bytes));
}

/** Writes a plain value into the slab at `at` by its layout; every other byte of the struct is 0. */
export function encode(at: number, layout: Layout, value: Readonly<Record<string, unknown>>): void {
	bytes.fill(0, at, at + layout.size);
	for (const field of layout.fields) encodeField(at, field, value);
}

function encodeField(
	at: number,
	[name, offset, size, kind, of, unit]: Field,
	value: Readonly<Record<string, unknown>>,
): void {
	if (kind === "length") {
		const buffer = member(value, of ?? "");
		if (buffer instanceof Uint8Array) view.setUint32(at + offset, buffer.length / (unit ?? 1), true);
		return;
	}
	const given = member(value, name);
	if (given === undefined || kind === "out") return;
	if (kind === "text" && typeof given === "string") {
		bytes.set(ASCII.encode(given).subarray(0, size - 1), at + offset);
	} else if (kind === "string" && typeof given === "string") {
		pointTo(at + offset, ASCII.encode(`${given}\0`));
	} else if (kind === "strings" && Array.isArray(given)) {
		pointTo(at + offset, new Uint8Array(BigUint64Array.from(given, pointerTo).buffer));
	} else if (kind === "buffer" && given instanceof Uint8Array) {
		pointTo(at + offset, given);
	} else if (typeof given === "number" || typeof given === "bigint") {
		if (size === 8) view.setBigInt64(at + offset, BigInt(given), true);
		else view.setInt32(at + offset, Number(given), true);
	}
}

/** Reads what the kernel wrote back: `out` and `inout` ints, and text in place, into `value`. */
export function decode(at: number, fields: readonly Field[], value: Record<string, unknown>, textToo: boolean): void {
	for (const [name, offset, size, kind] of fields) {
		if (kind === "out" || kind === "inout") {
			value[name] = size === 8 ? view.getBigUint64(at + offset, true) : view.getUint32(at + offset, true);
		} else if (kind === "text" && textToo) {
			value[name] = textAt(at + offset, size);
		}
	}
}

/** Characters up to the first NUL. */
function textAt(at: number, size: number): string {
	let text = "";
	for (let i = at; i < at + size && bytes[i] !== 0; i++) text += String.fromCharCode(bytes[i]!);
	return text;
}
