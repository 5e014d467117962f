import type { RecordingSite } from "@skep/bpf/spec";
import type { Inst, Size } from "#ir";
import type { Sites } from "./sites.ts";
import type { Weaver } from "./weaver.ts";

/** Ring buffer that a run's record goes to. */
export const RECORDING = "skep_recording";
/** Per-CPU array in which a run collects its record: a slot per program, since programs of one CPU may nest. */
export const SCRATCH = "skep_rec_scratch";

/** Bytes of a slot. Per-CPU values are at most 32 KiB. */
export const SLOT_BYTES = 16 * 1024;
/** Bytes before the entries. */
export const HEADER = 64;
const ROOM = SLOT_BYTES - HEADER;

/** Where things stand in the header (spec/manifest says what they are). */
export const AT = { program: 0, cpu: 4, time: 8, pidTgid: 16, uidGid: 24, cgroup: 32, comm: 40, flags: 56, bytes: 60 };

/** Bit of the count of bytes while a run goes on: an entry did not fit, so none may follow. */
const FULL = 0x80000000n;

const PROBE_READ_KERNEL = [113, "bpf_probe_read_kernel"] as const;

const padded = (bytes: number): number => (bytes + 7) & ~7;

/** The data of one entry, as offsets from its first byte. */
export interface Entry {
	store(offset: number, size: Size, value: Inst): void;
	/** Bytes that the program may read: its stack, map values, records. */
	copy(offset: number, size: number, from: Inst): void;
}

/**
 * Logs of one function. The count of bytes stands in the slot itself, not in a value of the function: the verifier then
 * knows nothing of it, and ways that logged differently are one to it where they meet.
 */
export class Log {
	readonly #w: Weaver;
	readonly #sites: Sites;
	readonly #slot: Inst;

	/** `slot`: address of the program's slot, not null. */
	constructor(weaver: Weaver, sites: Sites, slot: Inst) {
		this.#w = weaver;
		this.#sites = sites;
		this.#slot = slot;
	}

	/** Entries that every run has, one after the other, from `at` on. Returns where the next one goes. */
	fixed(at: number, site: RecordingSite, bytes: number, fill: (entry: Entry) => void): number {
		const start = HEADER + at;
		this.#head(this.#slot, start, site, bytes);
		fill(this.#entry(this.#slot, start + 8));
		return at + 8 + padded(bytes);
	}

	/** Ends the fixed part. */
	begin(bytes: number): void {
		this.#w.store(this.#slot, AT.bytes, 4, this.#w.constant(bytes, 32));
	}

	/**
	 * An entry of at most `most` bytes of data, written where it fits. `bytes`: how many of them count, a 64-bit number
	 * from 0 to `most`; else all.
	 */
	append(site: RecordingSite, most: number, fill: (entry: Entry) => void, bytes?: Inst): void {
		const w = this.#w;
		const next = w.newBlock();
		const full = w.newBlock();
		const count = this.#count();
		if (8 + padded(most) > ROOM) {
			w.jump(full);
		} else {
			const fits = w.newBlock();
			// It is a multiple of 8 already; machines that demand alignment see it by this.
			const at = w.binary("and", count, w.constant(~7n, 64));
			w.branch("ugt", at, w.constant(ROOM - 8 - padded(most)), full, fits, false);
			w.block = fits;
			const start = w.emit({ op: "offset", offset: 0 }, [this.#slot, at], 64, "map_value");
			if (bytes) {
				const head = w.binary("shl", bytes, w.constant(16));
				w.store(start, HEADER, 8, w.binary("or", head, w.constant(this.#sites.number(site))));
				const rounded = w.binary("and", w.binary("add", bytes, w.constant(15)), w.constant(~7n, 64));
				this.#setCount(w.binary("add", at, rounded));
			} else {
				this.#head(start, HEADER, site, most);
				this.#setCount(w.binary("add", at, w.constant(8 + padded(most))));
			}
			fill(this.#entry(start, HEADER + 8));
			w.jump(next);
		}
		w.block = full;
		this.#setCount(w.binary("or", count, w.constant(FULL)));
		w.jump(next);
		w.block = next;
	}

	/** Gives the record to the ring buffer; `failed` writes what happens where it takes none. Goes on after both. */
	output(failed: () => void): void {
		const w = this.#w;
		const [out, lost, done] = [w.newBlock(), w.newBlock(), w.newBlock()];
		const count = this.#count();
		w.store(this.#slot, AT.flags, 4, w.binary("lshr", count, w.constant(31)));
		const bytes = w.binary("and", count, w.constant(FULL - 1n));
		this.#setCount(bytes);
		w.branch("ugt", bytes, w.constant(ROOM), done, out, false);
		w.block = out;
		const all = w.binary("add", bytes, w.constant(HEADER));
		const result = w.helper(130, "bpf_ringbuf_output", [w.map(RECORDING), this.#slot, all, w.constant(0)]);
		w.branch("ne", result, w.constant(0), lost, done, false);
		w.block = lost;
		failed();
		w.jump(done);
		w.block = done;
	}

	#count(): Inst {
		const operation = { op: "load", size: 4, signed: false, offset: AT.bytes, shared: true } as const;
		return this.#w.wide(this.#w.emit(operation, [this.#slot], 32));
	}

	#setCount(bytes: Inst): void {
		this.#w.store(this.#slot, AT.bytes, 4, bytes);
	}

	#head(base: Inst, offset: number, site: RecordingSite, bytes: number): void {
		this.#w.store(base, offset, 8, this.#w.constant(this.#sites.number(site) + bytes * 0x10000));
	}

	#entry(base: Inst, start: number): Entry {
		const w = this.#w;
		return {
			store: (offset, size, value) => w.store(base, start + offset, size, value),
			copy: (offset, size, from) =>
				void w.helper(...PROBE_READ_KERNEL, [w.offset(base, start + offset), w.constant(size), from]),
		};
	}
}
