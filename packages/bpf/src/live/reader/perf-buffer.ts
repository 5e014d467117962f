import { ERRNO, type Kernel, type Mapping, PERF_FLAG_FD_CLOEXEC, PERF_TYPE } from "#kernel";
import { Fd } from "../fd.ts";
import type { BpfMap } from "../map.ts";
import { refuse } from "../refusal.ts";

/** Where in the first page of a perf event's mapping the positions and the data's place stand (`perf_event_mmap_page`). */
const HEAD = 1024 / 8;
const TAIL = 1032 / 8;
/** `enum perf_event_type`: the two kinds that such an event gives. */
const RECORD_LOST = 2;
const RECORD_SAMPLE = 9;
/** type u32, misc u16, size u16. */
const HEADER = 8;
/** PERF_COUNT_SW_BPF_OUTPUT. */
const BPF_OUTPUT = 10n;
/** PERF_SAMPLE_RAW. */
const SAMPLE_RAW = 1024;
const PAGES = 64;
const DRAIN = 32_768;

/**
 * Receives one sample: `length` bytes at `offset` of `view`, and the CPU that wrote it. Up to 7 bytes at the end are padding: the
 * kernel does not tell how many. The bytes belong to the ring again as soon as the call returns.
 */
export type SampleSink = (view: DataView, offset: number, length: number, cpu: number) => void;

export interface PerfBufferOptions {
	/** Pages of each CPU's ring, a power of two. Default 64: 256 KiB. */
	readonly pages?: number;
	/** The newest samples overwrite the oldest; nothing is lost, and `snapshot` reads instead of `drain`. */
	readonly overwrite?: boolean;
	/** Samples after which a sleeping reader is woken. Default 1; this reader polls and does not sleep. */
	readonly wakeup?: number;
}

interface CpuRing {
	readonly cpu: number;
	readonly event: Fd;
	readonly mapping: Mapping;
	positions: BigUint64Array;
	data: DataView;
}

/** A ring's views, anew where its kernel keeps what is mapped in another buffer meanwhile. */
function lookAt(ring: CpuRing, page: number, size: number): void {
	const { mapping } = ring;
	if (ring.data.buffer === mapping.buffer) return;
	ring.positions = new BigUint64Array(mapping.buffer, mapping.offset ?? 0, page / 8);
	ring.data = new DataView(mapping.buffer, (mapping.offset ?? 0) + page, size);
}

/**
 * Reader of a perf event array that programs write by `bpf_perf_event_output`: a ring a CPU, as kernels before 5.8 have
 * instead of ring buffers. The map keeps an event for each CPU that is online; the others have none.
 */
export class PerfBufferReader implements Disposable {
	readonly map: BpfMap;
	readonly overwrite: boolean;
	/** Samples that the kernel had no room for, so far as it has told. */
	lost = 0;
	/** Samples that sinks have seen. */
	consumed = 0;
	readonly #rings: CpuRing[] = [];
	#size: number;
	#draining = false;
	#closed = false;
	/** For samples that go over the end of their ring. */
	#whole = new Uint8Array(0);

	/** @throws TypeError for other map types; RangeError for a number of pages that is no power of two; PermissionError; SyscallError */
	constructor(map: BpfMap, options: PerfBufferOptions = {}) {
		const pages = options.pages ?? PAGES;
		if (map.type !== "perf_event_array")
			throw new TypeError(`map ${map.name} is of type ${map.type}, not perf_event_array`);
		if (!Number.isInteger(pages) || pages < 1 || (pages & (pages - 1)) !== 0)
			throw new RangeError(`${pages} pages are no power of two`);
		this.map = map;
		this.overwrite = options.overwrite === true;
		this.#size = pages * map.kernel.pageSize;
		try {
			const cpus = Math.min(map.kernel.possibleCpus, map.maxEntries);
			for (let cpu = 0; cpu < cpus; cpu++) this.#open(cpu, options.wakeup ?? 1);
		} catch (error) {
			this.close();
			throw error;
		}
	}

	/** CPUs that have a ring. */
	get cpus(): readonly number[] {
		return this.#rings.map((ring) => ring.cpu);
	}

	/** How full the fullest ring is, 0 to 1. */
	get fill(): number {
		if (this.overwrite) return 0;
		let most = 0;
		for (const ring of this.#rings) {
			lookAt(ring, this.map.kernel.pageSize, this.#size);
			const { positions } = ring;
			const waiting = Number(Atomics.load(positions, HEAD) - (positions[TAIL] ?? 0n));
			if (waiting > most) most = waiting;
		}
		return most / this.#size;
	}

	get closed(): boolean {
		return this.#closed;
	}

	/**
	 * Hands samples to `sink`, CPU after CPU, each CPU's in its order, until the rings are empty or `max` were taken. Returns how
	 * many `sink` saw. If it throws, the sample counts as consumed and the error passes through. @throws TypeError for overwritten rings
	 */
	drain(sink: SampleSink, max: number = DRAIN): number {
		if (this.overwrite) throw new TypeError(`the rings of ${this.map.name} are overwritten: read them by snapshot()`);
		if (this.#closed || this.#draining) return 0;
		this.#draining = true;
		const before = this.consumed;
		try {
			for (const ring of this.#rings) {
				if (this.#closed) break;
				this.#drain(ring, sink, max - (this.consumed - before));
			}
		} finally {
			this.#draining = false;
			if (this.#closed) this.#release();
		}
		return this.consumed - before;
	}

	/**
	 * Overwritten rings: hands what they hold to `sink`, newest first, CPU after CPU; they stand still meanwhile, and keep what they
	 * hold. Returns how many. @throws TypeError for rings that are consumed
	 */
	snapshot(sink: SampleSink): number {
		if (!this.overwrite) throw new TypeError(`the rings of ${this.map.name} are consumed: read them by drain()`);
		let count = 0;
		for (const ring of this.#closed ? [] : this.#rings) {
			const kernel = ring.event.kernel;
			this.#pause(kernel, ring.event, 1);
			try {
				count += this.#backwards(ring, sink);
			} finally {
				this.#pause(kernel, ring.event, 0);
			}
		}
		return count;
	}

	/** Takes the events out of the map and unmaps the rings; from inside a sink, once the drain is over. The map stays open. */
	close(): void {
		this.#closed = true;
		if (!this.#draining) this.#release();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#release(): void {
		for (const ring of this.#rings.splice(0)) {
			if (!this.map.fd.closed) this.map.delete(key(ring.cpu));
			ring.mapping.unmap();
			ring.event.close();
		}
	}

	#open(cpu: number, wakeup: number): void {
		const { kernel, name } = this.map;
		const what = `open the perf event of CPU ${cpu} for map ${name}`;
		const attr = {
			type: PERF_TYPE.SOFTWARE,
			config: BPF_OUTPUT,
			sample_type: SAMPLE_RAW,
			sample_period: 1,
			wakeup_events: wakeup,
			...(this.overwrite ? { write_backward: true } : {}),
		};
		const number = kernel.perfEventOpen(attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		// The CPU may come one day, but it is not there now: it writes nothing.
		if (number === -ERRNO.ENODEV) return;
		if (number < 0) throw refuse(kernel, { syscall: "perf_event_open", errno: -number, what });
		const event = new Fd(kernel, number, `perf event of CPU ${cpu}`);
		const { pageSize } = kernel;
		const mapping = kernel.mmap(event.number, 0, pageSize + this.#size, !this.overwrite);
		if (typeof mapping === "number") {
			event.close();
			throw refuse(kernel, { syscall: "mmap", errno: -mapping, what: `map the ring of CPU ${cpu} for map ${name}` });
		}
		const at = mapping.offset ?? 0;
		this.#rings.push({
			cpu,
			event,
			mapping,
			positions: new BigUint64Array(mapping.buffer, at, pageSize / 8),
			data: new DataView(mapping.buffer, at + pageSize, this.#size),
		});
		this.map.put(key(cpu), event);
		const enabled = kernel.perfEventIoctl(event.number, "ENABLE", 0);
		if (enabled < 0) throw refuse(kernel, { syscall: "ioctl", errno: -enabled, what });
	}

	#pause(kernel: Kernel, event: Fd, on: 0 | 1): void {
		const result = kernel.perfEventIoctl(event.number, "PAUSE_OUTPUT", on);
		if (result < 0) throw refuse(kernel, { syscall: "ioctl", errno: -result, what: `pause ${event.what}` });
	}

	#drain(ring: CpuRing, sink: SampleSink, max: number): void {
		lookAt(ring, this.map.kernel.pageSize, this.#size);
		const { positions, data, cpu } = ring;
		const mask = this.#size - 1;
		const head = Atomics.load(positions, HEAD);
		let tail = positions[TAIL]!;
		const start = Number(BigInt.asUintN(48, tail));
		const length = Number(head - tail);
		let taken = 0;
		let at = 0;
		try {
			while (at < length && taken < max && !this.#closed) {
				const offset = (start + at) & mask;
				const type = data.getUint32(offset, true);
				const size = data.getUint16(offset + 6, true);
				if (size < HEADER) break;
				at += size;
				if (type === RECORD_SAMPLE) {
					taken++;
					this.consumed++;
					this.#sample(data, offset, size, cpu, sink);
				} else if (type === RECORD_LOST) {
					const record = this.#joined(data, offset, size);
					this.lost += Number(record.view.getBigUint64(record.offset + HEADER + 8, true));
				}
			}
		} finally {
			tail += BigInt(at);
			if (at > 0) Atomics.store(positions, TAIL, tail);
		}
	}

	/** From the newest record, where the kernel wrote last, towards higher addresses; once around at most. */
	#backwards(ring: CpuRing, sink: SampleSink): number {
		lookAt(ring, this.map.kernel.pageSize, this.#size);
		const { data, positions, cpu } = ring;
		const mask = this.#size - 1;
		const head = Number(BigInt.asUintN(48, Atomics.load(positions, HEAD)));
		let count = 0;
		for (let at = 0; at < this.#size; ) {
			const offset = (head + at) & mask;
			const size = data.getUint16(offset + 6, true);
			// Never written, or half overwritten by the newest.
			if (size < HEADER || at + size > this.#size) break;
			at += size;
			if (data.getUint32(offset, true) !== RECORD_SAMPLE) continue;
			count++;
			this.consumed++;
			this.#sample(data, offset, size, cpu, sink);
		}
		return count;
	}

	#sample(data: DataView, offset: number, size: number, cpu: number, sink: SampleSink): void {
		const record = this.#joined(data, offset, size);
		sink(record.view, record.offset + HEADER + 4, record.view.getUint32(record.offset + HEADER, true), cpu);
	}

	/** A record in one piece: copied where it goes over the end of the ring. */
	#joined(data: DataView, offset: number, size: number): { view: DataView; offset: number } {
		if (offset + size <= this.#size) return { view: data, offset };
		if (this.#whole.length < size) this.#whole = new Uint8Array(1 << 16);
		const first = this.#size - offset;
		this.#whole.set(new Uint8Array(data.buffer, data.byteOffset + offset, first));
		this.#whole.set(new Uint8Array(data.buffer, data.byteOffset, size - first), first);
		return { view: new DataView(this.#whole.buffer), offset: 0 };
	}
}

function key(cpu: number): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, cpu, true);
	return bytes;
}
