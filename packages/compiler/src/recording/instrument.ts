import type { Btf } from "@skep/bpf/btf";
import type { RecordingSite } from "@skep/bpf/spec";
import { type Inst, type MapDecl, type Size, sizeOf } from "#ir";
import type { BitField, Elements, Found } from "./found.ts";
import type { Log } from "./log.ts";
import { bitFieldBits, fieldSite } from "./sites.ts";
import type { Weaver } from "./weaver.ts";

/**
 * Helpers whose result neither the header nor another entry tells: clocks, random numbers, what a ring buffer holds, the
 * node, whether user memory could be written.
 */
const RESULTS = new Set([5, 7, 36, 42, 118, 125, 134]);

type Call = Inst & { op: "call" };

/** bpf_probe_read_{user,kernel}(_str): what each reads. */
const READS: ReadonlyMap<number, RecordingSite & { kind: "memory" }> = new Map([
	[112, { kind: "memory", space: "user", text: false }],
	[113, { kind: "memory", space: "kernel", text: false }],
	[114, { kind: "memory", space: "user", text: true }],
	[115, { kind: "memory", space: "kernel", text: true }],
]);

/** Puts instructions of a function back one by one, and logs what they got from the kernel. */
export class Instrument {
	readonly #w: Weaver;
	readonly #log: Log;
	readonly #kernel: Btf;
	readonly #maps: ReadonlyMap<string, MapDecl>;
	readonly #bitFields: ReadonlyMap<Inst, BitField>;
	readonly #elements: Elements;

	/** `found`: what stands in the function before it is changed. */
	constructor(weaver: Weaver, log: Log, kernel: Btf, maps: ReadonlyMap<string, MapDecl>, found: Found) {
		this.#w = weaver;
		this.#log = log;
		this.#kernel = kernel;
		this.#maps = maps;
		this.#bitFields = found.bitFields;
		this.#elements = found.elements;
	}

	pass(i: Inst): void {
		this.#w.position = i.position;
		if (i.op === "call" && i.callee.kind === "helper" && i.callee.id === 132) this.#submit(i);
		this.#w.keep(i);
		if (i.op === "load") this.#load(i);
		else if (i.op === "call" && i.callee.kind === "helper") this.#call(i, i.callee.id, i.callee.name);
		else if (this.#bitFields.has(i)) this.#bitField(i, this.#bitFields.get(i)!);
	}

	/** A load through a typed pointer. */
	#load(i: Inst & { op: "load" }): void {
		const base = i.args[0]!;
		if (i.core) {
			if (bitFieldBits(this.#kernel, i.core) > 0) return;
			this.#log.append(fieldSite(this.#kernel, i.core, i.size), 8 + i.size, (entry) => {
				entry.store(0, 8, base);
				entry.store(8, i.size, i);
			});
		} else if (base.space === "btf") {
			const address = this.#w.offset(base, i.offset);
			this.#log.append(READS.get(113)!, 16 + i.size, (entry) => {
				entry.store(0, 8, address);
				entry.store(8, 8, this.#w.constant(0));
				entry.store(16, i.size, i);
			});
		}
	}

	/** The number that was cut out of the loaded bytes, in as many bytes as the member's type has. */
	#bitField(i: Inst, load: BitField): void {
		const site = fieldSite(this.#kernel, load.core!, 8);
		this.#log.append(site, 16, (entry) => {
			entry.store(0, 8, load.args[0]!);
			entry.store(8, 8, i);
		});
	}

	#call(i: Call, id: number, name: string): void {
		if (RESULTS.has(id)) {
			this.#log.append({ kind: "helper", id, name }, 8, (entry) => entry.store(0, 8, i));
			return;
		}
		const read = READS.get(id);
		if (read) this.#read(i, read);
		else if (id === 131) this.#reserve(i);
	}

	#read(i: Call, site: RecordingSite & { kind: "memory" }): void {
		const [to, most, from] = i.args as [Inst, Inst, Inst];
		// What the program has in its own memory it did not get from the kernel.
		if (most.op !== "const" || from.space === "stack" || from.space === "ringbuf" || from.space === "map_value") return;
		const size = Number(most.value);
		const element = site.text ? undefined : this.#elements.of(from, size);
		if (site.text && from.op === "offset" && from.args[0]!.space === "ctx") this.#dynamic(i, from, to, size);
		else if (element) this.#field(i, element.site, [element.base, this.#w.wide(element.distance)], from, to, size);
		else if (!site.text && from.op === "offset" && from.core && from.args.length === 1)
			this.#field(i, fieldSite(this.#kernel, from.core, size), [from.args[0]!], from, to, size);
		else this.#memory(i, site, from, to, size);
	}

	#memory(i: Call, site: RecordingSite & { kind: "memory" }, from: Inst, to: Inst, size: number): void {
		const w = this.#w;
		const fine = w.binary("xor", w.binary("ashr", i, w.constant(63)), w.constant(-1n));
		const got = w.binary("and", fine, site.text ? i : w.constant(size));
		this.#log.append(
			site,
			16 + size,
			(entry) => {
				entry.store(0, 8, from);
				entry.store(8, 8, i);
				entry.copy(16, size, to);
			},
			w.binary("add", got, w.constant(16)),
		);
	}

	/**
	 * A member read by a helper: `head` are the words before its value. Where the helper failed, the entry is one of memory
	 * that could not be read.
	 */
	#field(i: Call, site: RecordingSite, head: readonly Inst[], from: Inst, to: Inst, size: number): void {
		const w = this.#w;
		const [good, bad, next] = [w.newBlock(), w.newBlock(), w.newBlock()];
		w.branch("eq", i, w.constant(0), good, bad, true);
		w.block = good;
		this.#log.append(site, head.length * 8 + size, (entry) => {
			for (const [k, word] of head.entries()) entry.store(k * 8, 8, word);
			if (to.op === "slot" && (size === 1 || size === 2 || size === 4 || size === 8))
				entry.store(head.length * 8, size as Size, w.load(to, 0, size));
			else entry.copy(head.length * 8, size, to);
		});
		w.jump(next);
		w.block = bad;
		this.#log.append(READS.get(113)!, 16, (entry) => {
			entry.store(0, 8, from);
			entry.store(8, 8, i);
		});
		w.jump(next);
		w.block = next;
	}

	/** Text behind the fixed part of the context. */
	#dynamic(i: Call, from: Inst, to: Inst, size: number): void {
		const w = this.#w;
		const where = from.args[1] ?? w.constant((from as Inst & { op: "offset" }).offset);
		const field = fieldOfContext(where);
		const fine = w.binary("xor", w.binary("ashr", i, w.constant(63)), w.constant(-1n));
		this.#log.append(
			{ kind: "dynamic", offset: field ?? 0 },
			8 + size,
			(entry) => {
				entry.store(0, 8, where);
				entry.copy(8, size, to);
			},
			w.binary("add", w.binary("and", fine, i), w.constant(8)),
		);
	}

	#submit(i: Call): void {
		const record = recordOf(i.args[0]!);
		const map = record && this.#maps.get(record.map);
		if (!record || !map) return;
		const size = map.record ? sizeOf(map.record) : record.size;
		this.#log.append({ kind: "emit", map: map.name }, size, (entry) => entry.copy(0, size, i.args[0]!));
	}

	#reserve(i: Call): void {
		const map = i.args[0]!;
		if (map.op !== "map") return;
		const w = this.#w;
		const [failed, next] = [w.newBlock(), w.newBlock()];
		w.branch("eq", i, w.constant(0), failed, next, false);
		w.block = failed;
		this.#log.append({ kind: "reserve-failed", map: map.map }, 0, () => {});
		w.jump(next);
		w.block = next;
	}
}

/** Ring buffer and size of the reservation that a record comes from. */
function recordOf(record: Inst): { map: string; size: number } | undefined {
	if (record.op !== "call" || record.callee.kind !== "helper" || record.callee.id !== 131) return undefined;
	const [map, size] = record.args;
	return map?.op === "map" && size?.op === "const" ? { map: map.map, size: Number(size.value) } : undefined;
}

/** The field of the context that a place in it was computed from. */
function fieldOfContext(place: Inst): number | undefined {
	for (let i: Inst | undefined = place; i; i = i.args[0])
		if (i.op === "load") return i.args[0]!.space === "ctx" ? i.offset : undefined;
		else if (i.op !== "extend" && i.op !== "truncate" && i.op !== "binary") return undefined;
	return undefined;
}
