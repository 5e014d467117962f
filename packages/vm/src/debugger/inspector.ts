import { BpfError } from "@skep/bpf/base";
import { Btf, readValue, type Value } from "@skep/bpf/btf";
import { MAP_TAG } from "#helpers";
import type { RegionKind } from "#machine";
import { blockAddresses, HEADER, headerWord, type MapState, mapHandler } from "#maps";
import type { System } from "#objects";

export interface ContextField {
	readonly name: string;
	readonly value: bigint;
}

/** What r1 pointed to when the program was called. */
export interface ContextView {
	/** Type of the program. */
	readonly program: string;
	readonly address: number;
	readonly bytes: Uint8Array;
	/** As far as the context's type tells; a tracepoint's record is known to its format only. */
	readonly fields: readonly ContextField[];
}

/** A map's content: keys and values by the types that it was made with, else bytes. One value a CPU where there are several. */
export interface MapView {
	readonly id: number;
	readonly name: string;
	readonly type: string;
	readonly entries: readonly { readonly key: Value | Uint8Array; readonly values: readonly (Value | Uint8Array)[] }[];
	/** There are more than were asked for. */
	readonly more: boolean;
	/** What keys and values were read by; undefined: they are bytes. */
	readonly types: { readonly btf: Btf; readonly key: number; readonly value: number } | undefined;
}

/** Words of 32 bits: name and offset. */
type Words = readonly (readonly [name: string, offset: number])[];

const XDP_MD: Words = [
	["data", 0],
	["data_end", 4],
	["data_meta", 8],
	["ingress_ifindex", 12],
	["rx_queue_index", 16],
	["egress_ifindex", 20],
];
const SKB: Words = [
	["len", 0],
	["pkt_type", 4],
	["mark", 8],
	["queue_mapping", 12],
	["protocol", 16],
	["vlan_present", 20],
	["ifindex", 40],
	["hash", 68],
	["data", 76],
	["data_end", 80],
];
const WORDS: Readonly<Record<string, Words>> = { xdp: XDP_MD, socket_filter: SKB };
const ARGUMENTS: ReadonlySet<string> = new Set(["tracing", "raw_tracepoint", "raw_tracepoint_writable"]);

/** Reads a machine's memory, maps and context as they are. Addresses are guest addresses. */
export class Inspector {
	readonly #system: System;
	readonly #types = new Map<number, Btf>();

	constructor(system: System) {
		this.#system = system;
	}

	/** Bytes from `address` on, as far as the region goes; undefined: nothing is there. */
	memory(address: number, size: number): { readonly bytes: Uint8Array; readonly kind: RegionKind } | undefined {
		const region = this.#system.memory.region(address);
		if (!region || address < region.start || address >= region.start + region.size) return undefined;
		const end = Math.min(address + size, region.start + region.size);
		return { bytes: this.#system.memory.u8.slice(address, end), kind: region.kind };
	}

	/** What a register's value leads to: memory of a kind, a map's memory or the map itself; undefined: a mere number. */
	meaning(value: bigint): { readonly kind: RegionKind | "map"; readonly map: string | undefined } | undefined {
		const { maps } = this.#system.tables;
		if (value >> 32n === BigInt(MAP_TAG)) {
			const map = maps.get(Number(value & 0xffff_ffffn));
			return map && { kind: "map", map: map.name };
		}
		const region = value < 2n ** 31n ? this.#system.memory.region(Number(value)) : undefined;
		if (!region || Number(value) >= region.start + region.size) return undefined;
		const map = [...maps.values()].find(
			(each) => each.data === region.start || blockAddresses(each, this.#system.memory).includes(region.start),
		);
		return { kind: region.kind, map: map?.name };
	}

	/** A struct, union or typedef at an address, by the types of `program` or else the kernel's. @throws BpfError ERR_MEMORY, ERR_TYPE */
	value(
		type: string,
		address: number,
		program?: number,
	): { readonly value: Value; readonly btf: Btf; readonly type: number } {
		const own = this.#system.tables.programs.get(program ?? 0);
		for (const btf of [own && this.#btf(own.btf), this.#system.btf]) {
			const id = (["struct", "union", "typedef", "int", "enum"] as const)
				.map((kind) => btf?.find(type, kind))
				.find((each) => each !== undefined);
			if (!btf || id === undefined) continue;
			const size = btf.sizeOf(id);
			const { memory } = this.#system;
			if (!memory.find(address, size))
				throw new BpfError("ERR_MEMORY", `no ${size} bytes for a ${type} at 0x${address.toString(16)}`);
			return { value: readValue(btf, id, memory.view, address), btf, type: id };
		}
		throw new BpfError("ERR_TYPE", `neither the program nor the kernel has a type ${type}`);
	}

	/** All maps, by id, and how many entries hashes and queues have. */
	maps(): readonly (MapState & { readonly used: number })[] {
		const { memory, tables } = this.#system;
		return [...tables.maps.values()].map((map) => ({ ...map, used: memory.words[headerWord(map, HEADER.used)]! }));
	}

	/** Entries of a map, at most `most`; none where the type has none to list. */
	map(id: number, most = 1000): MapView | undefined {
		const map = this.#system.tables.maps.get(id);
		if (!map) return undefined;
		const { memory } = this.#system;
		const handler = mapHandler(map.type);
		const entries: MapView["entries"][number][] = [];
		let more = false;
		if (handler && !handler.keyless && map.keySize > 0) {
			let key: Uint8Array | undefined;
			for (;;) {
				const next = new Uint8Array(map.keySize);
				if (handler.nextKey(map, memory, key, next) !== 0) break;
				if (entries.length >= most) {
					more = true;
					break;
				}
				key = next;
				const at = handler.lookup(map, memory, next, 0, false);
				if (at === 0) continue;
				const values = Array.from({ length: map.copies }, (_, copy) =>
					this.#typed(
						map,
						map.valueType,
						memory.u8.slice(at + copy * map.stride, at + copy * map.stride + map.valueSize),
					),
				);
				entries.push({ key: this.#typed(map, map.keyType, next), values });
			}
		}
		const btf = map.keyType === 0 || map.valueType === 0 ? undefined : this.#btf(map.btf);
		const types = btf && { btf, key: map.keyType, value: map.valueType };
		return { id, name: map.name, type: map.type, entries, more, types };
	}

	/** What the program that runs was called with; undefined: none runs. */
	context(): ContextView | undefined {
		const { run } = this.#system.environment;
		if (run.program === "" || run.context === 0) return undefined;
		const { memory } = this.#system;
		const bytes = memory.u8.slice(run.context, run.context + run.contextSize);
		const view = new DataView(bytes.buffer);
		const words = WORDS[run.program] ?? [];
		const fields: ContextField[] = words.map(([name, at]) => ({ name, value: BigInt(view.getUint32(at, true)) }));
		if (ARGUMENTS.has(run.program)) {
			for (let at = 0; at + 8 <= bytes.length; at += 8)
				fields.push({ name: `arg${at / 8}`, value: view.getBigUint64(at, true) });
		}
		return { program: run.program, address: run.context, bytes, fields };
	}

	/** The packet of the program that runs; undefined: it has none. */
	packet(): { readonly address: number; readonly bytes: Uint8Array } | undefined {
		const context = this.context();
		const at = (name: string) => Number(context?.fields.find((field) => field.name === name)?.value ?? -1n);
		const [start, end] = [at("data"), at("data_end")];
		if (start < 0 || end < start) return undefined;
		return { address: start, bytes: this.#system.memory.u8.slice(start, end) };
	}

	#typed(map: MapState, type: number, bytes: Uint8Array): Value | Uint8Array {
		const btf = type === 0 ? undefined : this.#btf(map.btf);
		if (!btf || btf.sizeOf(type) > bytes.length) return bytes;
		return readValue(btf, type, new DataView(bytes.buffer), 0);
	}

	#btf(id: number): Btf | undefined {
		if (id === this.#system.btfId) return this.#system.btf;
		let btf = this.#types.get(id);
		if (!btf) {
			const bytes = this.#system.tables.btfs.get(id)?.bytes;
			btf = bytes && Btf.decode(bytes);
			if (btf) this.#types.set(id, btf);
		}
		return btf;
	}
}
