import { BpfError, encodeUtf8 } from "@skep/bpf/base";
import type { Tracepoint, TracepointField, TracepointType } from "@skep/compiler/declare";
import type { StructValue, VirtualKernel } from "#backend";

/** Fields by name: what the record does not name is 0. */
export type RecordFields = Readonly<Record<string, unknown>>;

/** Bytes of the common fields before the event's own. */
const COMMON = 8;
const COMMON_PID = 4;

/**
 * The record of a tracepoint as its programs get it: fields at their places, what `__data_loc` names behind them. Text and
 * bytes for a pointer are put into the memory that it points into, the process's or the kernel's.
 * @throws BpfError ERR_ARGUMENT for fields that it has not, and values that do not fit
 */
export function recordOf(kernel: VirtualKernel, tracepoint: Tracepoint, fields: RecordFields, pid: number): Uint8Array {
	const name = `${tracepoint.category}:${tracepoint.event}`;
	const fixed = tracepoint.fields.reduce((end, field) => Math.max(end, field.offset + field.size), COMMON);
	const writer = new RecordWriter(kernel, fixed, name);
	writer.integer(COMMON_PID, 4, BigInt(pid), "common_pid");
	for (const [key, value] of Object.entries(fields)) {
		if (value === undefined) continue;
		const field = tracepoint.fields.find((each) => each.name === key);
		if (field === undefined) {
			const names = tracepoint.fields.map((each) => each.name).join(", ") || "none";
			throw new BpfError("ERR_ARGUMENT", `${name} has no field ${key}; its fields: ${names}`);
		}
		writer.field(field, value);
	}
	return writer.bytes();
}

class RecordWriter {
	readonly #kernel: VirtualKernel;
	readonly #name: string;
	readonly #fixed: Uint8Array;
	/** Behind the fixed part. */
	readonly #dynamic: number[] = [];

	constructor(kernel: VirtualKernel, fixed: number, name: string) {
		this.#kernel = kernel;
		this.#name = name;
		this.#fixed = new Uint8Array(fixed);
	}

	bytes(): Uint8Array {
		return Uint8Array.from([...this.#fixed, ...this.#dynamic]);
	}

	field({ name, offset, size, type }: TracepointField, value: unknown): void {
		switch (type.kind) {
			case "dynstr":
				this.#append(offset, typeof value === "string" ? encodeUtf8(`${value}\0`) : this.#raw(value, name));
				return;
			case "dynarr":
				this.#append(offset, this.#list(type, value, name));
				return;
			case "cstr":
			case "kernel-ptr":
			case "user-ptr":
				this.integer(offset, size, this.#pointer(type, value, name), name);
				return;
			case "opaque":
				this.#copy(offset, size, this.#raw(value, name), name);
				return;
			default:
				this.#value(type, offset, size, value, name);
		}
	}

	#value(
		type: Exclude<TracepointType, { kind: "dynstr" | "dynarr" | "cstr" | "kernel-ptr" | "user-ptr" | "opaque" }>,
		offset: number,
		size: number,
		value: unknown,
		name: string,
	): void {
		switch (type.kind) {
			case "int":
			case "be":
			case "bool":
				this.integer(offset, size, this.#number(value, name), name);
				return;
			case "chars":
				this.#copy(offset, size, typeof value === "string" ? encodeUtf8(value) : this.#raw(value, name), name);
				return;
			case "array": {
				if (value instanceof Uint8Array) {
					this.#copy(offset, size, value, name);
					return;
				}
				const width = size / type.length;
				if (!Array.isArray(value) || value.length > type.length)
					throw this.#wrong(name, value, `a list of ${type.length}`);
				for (const [i, each] of value.entries())
					this.#value(type.element, offset + i * width, width, each, `${name}[${i}]`);
				return;
			}
			case "struct":
				this.#copy(offset, size, this.#raw(value, name), name);
		}
	}

	/** @throws BpfError where it fits neither signed nor unsigned */
	integer(offset: number, size: number, value: bigint, name: string): void {
		const bits = size * 8;
		if (BigInt.asUintN(bits, value) !== value && BigInt.asIntN(bits, value) !== value)
			throw this.#wrong(name, value, `a number of ${bits} bits`);
		for (let i = 0; i < size; i++) this.#fixed[offset + i] = Number((value >> BigInt(i * 8)) & 0xffn);
	}

	#append(offset: number, bytes: Uint8Array): void {
		const at = this.#fixed.length + this.#dynamic.length;
		this.integer(offset, 4, BigInt(bytes.length * 0x10000 + at), "__data_loc");
		for (const byte of bytes) this.#dynamic.push(byte);
	}

	#list(type: Extract<TracepointType, { kind: "dynarr" }>, value: unknown, name: string): Uint8Array {
		const { element } = type;
		if (!Array.isArray(value) || element === undefined || element.kind !== "int") return this.#raw(value, name);
		const width = element.bits / 8;
		const inner = new RecordWriter(this.#kernel, value.length * width, this.#name);
		for (const [i, each] of value.entries()) inner.integer(i * width, width, this.#number(each, name), `${name}[${i}]`);
		return inner.bytes();
	}

	#pointer(
		type: Extract<TracepointType, { kind: "cstr" | "kernel-ptr" | "user-ptr" }>,
		value: unknown,
		name: string,
	): bigint {
		if (typeof value === "string" || value instanceof Uint8Array)
			return type.kind === "user-ptr" ? this.#kernel.user(value) : this.#kernel.bytes(value);
		if (type.kind === "kernel-ptr" && type.struct !== undefined && typeof value === "object" && value !== null)
			return this.#kernel.place(type.struct, value as StructValue);
		return this.#number(value, name);
	}

	#number(value: unknown, name: string): bigint {
		if (typeof value === "bigint" || typeof value === "boolean") return BigInt(value);
		if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
		throw this.#wrong(name, value, "a whole number");
	}

	#raw(value: unknown, name: string): Uint8Array {
		if (value instanceof Uint8Array) return value;
		throw this.#wrong(name, value, "text or bytes");
	}

	#copy(offset: number, size: number, bytes: Uint8Array, name: string): void {
		if (bytes.length > size) throw this.#wrong(name, `${bytes.length} bytes`, `at most ${size} bytes`);
		this.#fixed.set(bytes, offset);
	}

	#wrong(name: string, value: unknown, wanted: string): BpfError {
		return new BpfError("ERR_ARGUMENT", `${this.#name}, field ${name}: ${wanted} expected, not ${String(value)}`);
	}
}
