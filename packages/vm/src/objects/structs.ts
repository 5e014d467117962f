import { encodeUtf8 } from "@skep/bpf/base";
import { type Btf, type BtfType, findMember } from "@skep/bpf/btf";
import type { Memory, RegionKind } from "#machine";

/**
 * What a kernel object looks like, by names: members of structs by name (those of anonymous ones too), text for arrays of
 * char and for pointers to char, nested values for structs and, allocated beside, for pointers to structs; a pointer also
 * takes an address as a number. What is not named is 0.
 */
export type StructValue = { readonly [member: string]: KernelValue };
export type KernelValue = number | bigint | boolean | string | Uint8Array | readonly KernelValue[] | StructValue;

/** Puts values into memory by a kernel's types; remembers what it allocated. */
export class StructWriter {
	readonly #memory: Memory;
	readonly #btf: Btf;
	readonly #kind: RegionKind;
	/** Addresses that it allocated. */
	readonly parts: number[] = [];

	constructor(memory: Memory, btf: Btf, kind: RegionKind = "kernel") {
		this.#memory = memory;
		this.#btf = btf;
		this.#kind = kind;
	}

	/** A new struct of this name. Its address. @throws RangeError for names that the types lack, values that do not fit, no memory */
	place(name: string, value: StructValue): number {
		const id = this.#btf.find(name, "struct") ?? this.#btf.find(name, "union");
		if (id === undefined) throw new RangeError(`the virtual kernel's types have no struct ${name}`);
		const address = this.#allocate(this.#btf.sizeOf(id));
		this.write(address, id, value, name);
		return address;
	}

	/** Text with its NUL, or bytes. */
	bytes(value: string | Uint8Array): number {
		const bytes = typeof value === "string" ? encodeUtf8(`${value}\0`) : value;
		const address = this.#allocate(bytes.length);
		this.#memory.u8.set(bytes, address);
		return address;
	}

	release(): void {
		for (const part of this.parts.splice(0)) this.#memory.free(part);
	}

	/** Writes a value of type `type` at `address`. `path` names it in errors. */
	write(address: number, type: number, value: KernelValue, path: string): undefined {
		const btf = this.#btf;
		const id = btf.resolve(type);
		const of = btf.type(id);
		switch (of.kind) {
			case "struct":
			case "union":
				this.#struct(address, id, of, value, path);
				return;
			case "array":
				this.#array(address, of, value, path);
				return;
			case "ptr":
				this.#put(address, 8, this.#pointee(of.type, value, path));
				return;
			case "int":
			case "enum":
			case "enum64":
				this.#put(address, of.size, number(value, path));
				return;
			default:
				throw new RangeError(`${path}: nothing can be written to a ${of.kind}`);
		}
	}

	#struct(address: number, id: number, of: BtfType, value: KernelValue, path: string): undefined {
		if (typeof value !== "object" || value instanceof Uint8Array || Array.isArray(value)) {
			// `kuid_t` and the like: a struct around one number.
			const only = "members" in of && of.members.length === 1 ? of.members[0] : undefined;
			if (only) return this.write(address + only.bitOffset / 8, only.type, value, path);
			throw new RangeError(`${path}: a struct takes its members by name`);
		}
		for (const [name, each] of Object.entries(value as StructValue)) {
			const found = findMember(this.#btf, id, name);
			if (!found)
				throw new RangeError(`${path}: ${"name" in of ? of.name || "struct" : "struct"} has no member ${name}`);
			const bits = found.member.bitSize;
			if (bits > 0) this.#bits(address, found.bitOffset, bits, number(each, `${path}.${name}`));
			else this.write(address + found.bitOffset / 8, found.member.type, each, `${path}.${name}`);
		}
	}

	#array(address: number, of: Extract<BtfType, { readonly kind: "array" }>, value: KernelValue, path: string): void {
		const size = this.#btf.sizeOf(of.type);
		const room = size * of.length;
		if (typeof value === "string" || value instanceof Uint8Array) {
			const bytes = typeof value === "string" ? encodeUtf8(value).subarray(0, Math.max(0, room - 1)) : value;
			if (bytes.length > room) throw new RangeError(`${path}: ${bytes.length} bytes, the array has ${room}`);
			this.#memory.u8.set(bytes, address);
			return;
		}
		if (!Array.isArray(value) || value.length > of.length)
			throw new RangeError(`${path}: an array of ${of.length} takes a list of as many, text or bytes`);
		for (const [i, each] of value.entries())
			this.write(address + i * size, of.type, each as KernelValue, `${path}[${i}]`);
	}

	#pointee(type: number, value: KernelValue, path: string): bigint {
		if (typeof value === "string" || value instanceof Uint8Array) return BigInt(this.bytes(value));
		if (typeof value === "number" || typeof value === "bigint") return BigInt(value);
		if (typeof value === "object" && !Array.isArray(value)) {
			const id = this.#btf.resolve(type);
			const address = this.#allocate(this.#btf.sizeOf(id));
			this.write(address, id, value, path);
			return BigInt(address);
		}
		throw new RangeError(`${path}: a pointer takes text, bytes, an address or the members of what it points at`);
	}

	#bits(address: number, bitOffset: number, bits: number, value: bigint): void {
		for (let i = 0; i < bits; i++) {
			const at = address + ((bitOffset + i) >> 3);
			const mask = 1 << ((bitOffset + i) & 7);
			const byte = this.#memory.u8[at]!;
			this.#memory.u8[at] = (value >> BigInt(i)) & 1n ? byte | mask : byte & ~mask;
		}
	}

	#put(address: number, size: number, value: bigint): undefined {
		let rest = BigInt.asUintN(64, value);
		for (let i = 0; i < size; i++, rest >>= 8n) this.#memory.u8[address + i] = Number(rest & 255n);
	}

	#allocate(size: number): number {
		const address = this.#memory.allocate(size, this.#kind, false);
		if (address === undefined) throw new RangeError(`the virtual kernel has no memory left for ${size} bytes`);
		this.parts.push(address);
		return address;
	}
}

function number(value: KernelValue, path: string): bigint {
	if (typeof value === "boolean") return value ? 1n : 0n;
	if (typeof value === "number" || typeof value === "bigint") return BigInt(value);
	throw new RangeError(`${path}: a number is expected`);
}
