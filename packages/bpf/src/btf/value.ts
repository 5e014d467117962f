import { encodeUtf8 } from "#base";
import type { Btf } from "./btf.ts";
import { cachedPlan, type Plan, planSize } from "./plan.ts";
import { textReader } from "./text.ts";

/** What bytes become by a type. See the folder's index for which type gives which. */
export type Value = number | bigint | boolean | string | Value[] | { [name: string]: Value };

const readText = textReader();

/**
 * The value of a type at an offset. Little-endian.
 * @throws RangeError where the bytes are fewer than the type has; FormatError for a type without a value or a malformed one
 */
export function readValue(btf: Btf, id: number, view: DataView, offset: number): Value {
	const plan = cachedPlan(btf, id);
	checkRoom(plan, view, offset);
	return interpret(plan, view, offset);
}

export function checkRoom(plan: Plan, view: DataView, offset: number): void {
	const size = planSize(plan);
	if (offset < 0 || offset + size > view.byteLength)
		throw new RangeError(`${view.byteLength - offset} bytes at offset ${offset}, the type has ${size}`);
}

/** Low `bits` bits, as a number or bigint; the value's bytes are read one by one, so nothing beyond them is touched. */
export function readBits(view: DataView, offset: number, shift: number, bits: number, signed: boolean): bigint {
	let raw = 0n;
	const bytes = Math.ceil((shift + bits) / 8);
	for (let i = 0; i < bytes; i++) raw |= BigInt(view.getUint8(offset + i)) << BigInt(8 * i);
	raw >>= BigInt(shift);
	return signed ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
}

export function readInt128(view: DataView, offset: number, signed: boolean): bigint {
	const raw = (view.getBigUint64(offset + 8, true) << 64n) | view.getBigUint64(offset, true);
	return signed ? BigInt.asIntN(128, raw) : raw;
}

/** Objects whose member is called `__proto__` must not change their prototype. */
const put = (target: { [name: string]: Value }, name: string, value: Value): void => {
	if (name === "__proto__")
		Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
	else target[name] = value;
};

/** The interpreter of plans. The room has been checked. */
export function interpret(plan: Plan, view: DataView, offset: number): Value {
	switch (plan.op) {
		case "int":
			switch (plan.size) {
				case 1:
					return plan.signed ? view.getInt8(offset) : view.getUint8(offset);
				case 2:
					return plan.signed ? view.getInt16(offset, true) : view.getUint16(offset, true);
				case 4:
					return plan.signed ? view.getInt32(offset, true) : view.getUint32(offset, true);
				case 8:
					return plan.signed ? view.getBigInt64(offset, true) : view.getBigUint64(offset, true);
				case 16:
					return readInt128(view, offset, plan.signed);
			}
			break;
		case "bool":
			return view.getUint8(offset) !== 0;
		case "float":
			return plan.size === 4 ? view.getFloat32(offset, true) : view.getFloat64(offset, true);
		case "bits": {
			const raw = readBits(view, offset, plan.shift, plan.bits, plan.signed);
			return plan.as === "bigint" ? raw : plan.as === "boolean" ? raw !== 0n : Number(raw);
		}
		case "text":
			return readText(view, offset, plan.size);
		case "array": {
			const out: Value[] = new Array(plan.length);
			for (let i = 0; i < plan.length; i++) out[i] = interpret(plan.element, view, offset + i * plan.stride);
			return out;
		}
		case "struct": {
			const out: { [name: string]: Value } = {};
			for (const f of plan.fields) put(out, f.name, interpret(f.plan, view, offset + f.offset));
			return out;
		}
	}
}

/**
 * Writes a value of a type, little-endian. Members that are not given are zero, text (or an array of codes) is padded with
 * NUL, shorter arrays with zero. All bytes of the type are written, padding too.
 * @throws RangeError for a number, text or array that does not fit; TypeError for another kind of value or a member that
 * the struct does not have. Both say where: `args.path[3]`.
 */
export function writeValue(btf: Btf, id: number, view: DataView, offset: number, value: unknown): void {
	const plan = cachedPlan(btf, id);
	checkRoom(plan, view, offset);
	const size = planSize(plan);
	for (let i = 0; i < size; i++) view.setUint8(offset + i, 0);
	write(plan, view, offset, value, "");
}

const show = (value: unknown): string => {
	if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
	if (typeof value === "bigint") return `${value}n`;
	return Array.isArray(value)
		? `an array of ${value.length}`
		: value === null
			? "null"
			: typeof value === "object"
				? "an object"
				: String(value);
};

/** An integer that has to lie in the range of `bits`. */
function integer(value: unknown, bits: number, signed: boolean, path: string): bigint {
	const at = path === "" ? "" : `${path}: `;
	if (typeof value === "boolean") value = value ? 1 : 0;
	if (typeof value !== "number" && typeof value !== "bigint")
		throw new TypeError(`${at}${show(value)}, expected a ${bits > 32 ? "bigint" : "number"}`);
	if (typeof value === "number" && !Number.isSafeInteger(value))
		throw new RangeError(`${at}${value}, expected a whole number${bits > 32 ? " or a bigint" : ""}`);
	const n = BigInt(value);
	const low = signed ? -(1n << BigInt(bits - 1)) : 0n;
	const high = signed ? (1n << BigInt(bits - 1)) - 1n : (1n << BigInt(bits)) - 1n;
	if (n < low || n > high) throw new RangeError(`${at}${n}, expected ${low} to ${high}`);
	return BigInt.asUintN(bits, n);
}

/** Codes of a char array that is no text, signed or not. */
function writeChars(size: number, view: DataView, offset: number, codes: readonly unknown[], path: string): void {
	if (codes.length > size)
		throw new RangeError(`${path === "" ? "" : `${path}: `}${codes.length} elements, there is room for ${size}`);
	for (const [i, code] of codes.entries())
		view.setUint8(offset + i, Number(integer(code, 8, typeof code === "number" && code < 0, `${path}[${i}]`)));
}

function write(plan: Plan, view: DataView, offset: number, value: unknown, path: string): void {
	const at = path === "" ? "" : `${path}: `;
	switch (plan.op) {
		case "int": {
			const n = integer(value, plan.size * 8, plan.signed, path);
			if (plan.size === 8) view.setBigUint64(offset, n, true);
			else if (plan.size === 16) {
				view.setBigUint64(offset, n & 0xffffffffffffffffn, true);
				view.setBigUint64(offset + 8, n >> 64n, true);
			} else if (plan.size === 4) view.setUint32(offset, Number(n), true);
			else if (plan.size === 2) view.setUint16(offset, Number(n), true);
			else view.setUint8(offset, Number(n));
			return;
		}
		case "bool":
			if (typeof value !== "boolean") throw new TypeError(`${at}${show(value)}, expected true or false`);
			view.setUint8(offset, value ? 1 : 0);
			return;
		case "float":
			if (typeof value !== "number") throw new TypeError(`${at}${show(value)}, expected a number`);
			if (plan.size === 4) view.setFloat32(offset, value, true);
			else view.setFloat64(offset, value, true);
			return;
		case "bits": {
			const n = integer(value, plan.bits, plan.signed, path) << BigInt(plan.shift);
			for (let i = 0; i < Math.ceil((plan.shift + plan.bits) / 8); i++)
				view.setUint8(offset + i, view.getUint8(offset + i) | Number((n >> BigInt(8 * i)) & 0xffn));
			return;
		}
		case "text": {
			if (Array.isArray(value)) {
				writeChars(plan.size, view, offset, value, path);
				return;
			}
			if (typeof value !== "string") throw new TypeError(`${at}${show(value)}, expected a string`);
			const bytes = encodeUtf8(value);
			if (bytes.length > plan.size)
				throw new RangeError(`${at}${show(value)} has ${bytes.length} bytes, there is room for ${plan.size}`);
			for (let i = 0; i < bytes.length; i++) view.setUint8(offset + i, bytes[i]!);
			return;
		}
		case "array": {
			if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && "length" in value))
				throw new TypeError(`${at}${show(value)}, expected an array of ${plan.length}`);
			const list = value as ArrayLike<unknown>;
			if (list.length > plan.length)
				throw new RangeError(`${at}${list.length} elements, there is room for ${plan.length}`);
			for (let i = 0; i < list.length; i++)
				write(plan.element, view, offset + i * plan.stride, list[i], `${path}[${i}]`);
			return;
		}
		case "struct": {
			if (typeof value !== "object" || value === null || Array.isArray(value))
				throw new TypeError(`${at}${show(value)}, expected an object`);
			const given = value as { readonly [name: string]: unknown };
			const known = new Set<string>();
			for (const f of plan.fields) {
				known.add(f.name);
				if (Object.hasOwn(given, f.name) && given[f.name] !== undefined)
					write(f.plan, view, offset + f.offset, given[f.name], path === "" ? f.name : `${path}.${f.name}`);
			}
			for (const name of Object.keys(given))
				if (!known.has(name)) throw new TypeError(`${at}no member ${name}; there is ${[...known].join(", ")}`);
			return;
		}
	}
}
