import { restorePages, savePages } from "./pages.ts";
import { WASM_PAGE, type WasmMemory, wasmHost } from "./wasm.ts";

/** What a region is for; faults name it, nothing else depends on it. */
export type RegionKind = "stack" | "context" | "packet" | "map" | "record" | "kernel" | "user" | "object";

/** One row of the region table. */
export interface Region {
	readonly start: number;
	readonly size: number;
	readonly kind: RegionKind;
	readonly writable: boolean;
}

/** A memory at one moment: plain data, never changed. Saved ones share the pages in which they agree. */
export interface MemoryState {
	readonly pages: readonly Uint8Array[];
	/** Starts, sizes, what may be touched of each region, kinds, writable: the table, column by column. */
	readonly columns: readonly [number[], number[], number[], number[], RegionKind[], boolean[]];
	readonly used: number;
	readonly top: number;
	readonly holes: readonly { readonly start: number; readonly end: number }[];
}

/** The columns of the region table, as plain data. */
export type RegionColumns = MemoryState["columns"];

/** What a worker needs to use the same memory; may be posted to it. */
export interface SharedMemory {
	readonly wasm: WasmMemory;
	readonly columns: RegionColumns;
	/** Where the worker's own regions go: first address, and the last + 1. */
	readonly room: { readonly start: number; readonly end: number };
}

/** Addresses below are never allocated; their bytes are 0. */
export const NULL_PAGE = 0x1_0000;
/** Between regions, so that running off one ends in none. */
const GAP = 64;
const ALIGN = 16;
/** Engines compare addresses as signed words. */
const HIGHEST = 0x7fff_0000;

/**
 * A machine's linear memory. A guest address is the byte offset in it (high word 0). Programs may touch regions only;
 * the table of regions is sorted by address. The buffer is exchanged when it grows: never keep `buffer`, `u8` or `view`
 * across an `allocate`, nor across anything that may call it.
 *
 * Shared memory is the same for several workers, of which each has a table of regions: its owner's, which makes all objects,
 * and of its own the few regions in a room of its own.
 */
export class Memory {
	/** Bytes that regions may take in all. */
	readonly limit: number;
	/** Whether workers use it too. */
	readonly shared: boolean;
	/** The processor as which it is used here: each worker is another one. */
	readonly processor: number;
	u8: Uint8Array;
	view: DataView;
	words: Int32Array;
	/** For what is one access of 64 bits to whoever else uses the memory. */
	longs: BigInt64Array;
	/** The region that `find` found last: first and last address + 1. Empty at first. */
	foundStart = 0;
	foundEnd = 0;
	foundWritable = false;
	/** How often `narrow` changed something. */
	narrowed = 0;
	readonly #starts: number[] = [];
	readonly #sizes: number[] = [];
	/** What programs may touch of each region, [low, high): all of it but where `narrow` said otherwise. */
	readonly #lows: number[] = [];
	readonly #highs: number[] = [];
	readonly #kinds: RegionKind[] = [];
	readonly #writable: boolean[] = [];
	/** Index of the region found last. */
	#last = 0;
	#used = 0;
	/** First address that was never allocated. */
	#top = NULL_PAGE;
	/** Regions that are made here lie between. */
	#first = NULL_PAGE;
	#end = HIGHEST;
	/** Where the bytes are once generated code runs on them. */
	#wasm: WasmMemory | undefined;
	/** Windows that hold a region, as indices of `words`. */
	readonly #windows: number[] = [];
	/** Freed ranges below #top, sorted, never adjacent: [start, end) pairs. */
	#holes: { start: number; end: number }[] = [];

	/**
	 * @param limit bytes that may be allocated in all, at most 2 GiB less 128 KiB
	 * @param shared true: workers may use it too. Or what the owner of such a memory gave
	 * @param processor as which it is used here
	 * @throws RangeError where the host has no shared memory
	 */
	constructor(limit = 256 * 1024 * 1024, shared: boolean | SharedMemory = false, processor = 0) {
		this.processor = processor;
		this.limit = Math.min(limit, HIGHEST - NULL_PAGE);
		this.shared = shared !== false;
		if (typeof shared === "object") {
			this.#wasm = shared.wasm;
			this.#first = this.#top = shared.room.start;
			this.#end = shared.room.end;
			this.limit = this.#end - this.#first;
		} else if (shared) {
			// Gaps and all; the host wants to know beforehand.
			this.#end = Math.min(HIGHEST, Math.ceil((2 * NULL_PAGE + 2 * this.limit) / WASM_PAGE) * WASM_PAGE);
			this.#wasm = sharedMemory(this.#end);
		}
		this.u8 = new Uint8Array(this.#wasm?.buffer ?? new ArrayBuffer(2 * NULL_PAGE));
		this.view = new DataView(this.u8.buffer);
		this.words = new Int32Array(this.u8.buffer);
		this.longs = new BigInt64Array(this.u8.buffer);
		if (typeof shared === "object") this.#setColumns(shared.columns);
	}

	/** Of shared memory: what workers need, but for a room that is reserved for each. */
	share(): Omit<SharedMemory, "room"> {
		return { wasm: this.wasm!, columns: this.#columns() };
	}
	/** What the owner has made since it shared the memory is known from now on. */
	follow({ columns }: Omit<SharedMemory, "room">): void {
		this.#use(new Uint8Array(this.#wasm!.buffer));
		const own = this.#columns();
		const mine = own[0].flatMap((start, at) => (start >= this.#first && start < this.#end ? [at] : []));
		const before = columns[0].filter((start) => start < this.#end).length;
		const all = columns.map((column, i) => [
			...column.slice(0, before),
			...mine.map((at) => own[i]![at]!),
			...column.slice(before),
		]);
		this.#setColumns(all as unknown as RegionColumns);
	}

	get buffer(): ArrayBufferLike {
		return this.u8.buffer;
	}
	/**
	 * The same bytes as a WebAssembly memory, in which they are from the first call on: the buffer is exchanged then.
	 * Undefined: the host has none, or no room.
	 */
	get wasm(): WasmMemory | undefined {
		if (this.#wasm) return this.#wasm;
		const host = wasmHost();
		if (!host) return undefined;
		try {
			const wasm = new host.Memory({ initial: this.u8.length / WASM_PAGE, maximum: HIGHEST / WASM_PAGE });
			const bytes = this.u8;
			this.#use(new Uint8Array(wasm.buffer));
			this.u8.set(bytes);
			this.#wasm = wasm;
		} catch {
			return undefined;
		}
		return this.#wasm;
	}
	/** Bytes in regions now. */
	get used(): number {
		return this.#used;
	}

	/**
	 * A new region of `size` bytes, all 0, at a multiple of `align` (a power of two). Undefined: it would not fit in the
	 * limit (ENOMEM). A size of 0 takes one byte's place.
	 */
	allocate(size: number, kind: RegionKind, writable = true, align = ALIGN): number | undefined {
		if (!Number.isInteger(size) || size < 0 || this.#used + size > this.limit) return undefined;
		const start = this.#take(size, align);
		if (start !== undefined) this.#add(start, size, kind, writable);
		return start;
	}

	/**
	 * The place of `size` bytes, all 0, that programs may not touch until `open` makes regions of parts of it: an arena.
	 * Undefined as `allocate`.
	 */
	reserve(size: number, align: number): number | undefined {
		if (!Number.isInteger(size) || size < 0 || this.#used + size > this.limit) return undefined;
		return this.#take(size, align);
	}
	/** Makes a part of a reserved place a region; parts do not overlap. What is in it stays. */
	open(address: number, size: number, kind: RegionKind): void {
		this.#add(address, size, kind, true);
	}
	/** Undoes `open`. False: no region begins there. */
	shut(address: number): boolean {
		return this.#remove(address) !== undefined;
	}
	/** Gives a reserved place back; no part of it is open. */
	unreserve(address: number, size: number): void {
		this.#used -= size;
		this.#addHole(address, address + Math.max(size, 1) + GAP);
	}

	/** Gives a region back; its address must be one that `allocate` gave. False: it is none. */
	free(address: number): boolean {
		// Of shared memory, what another worker has made is not this one's to free.
		if (address < this.#first || address >= this.#end) return false;
		const size = this.#remove(address);
		if (size === undefined) return false;
		this.unreserve(address, size);
		return true;
	}

	/** Makes a region read-only for programs, or writable. */
	protect(address: number, writable: boolean): void {
		const at = this.#indexOf(address);
		if (at >= 0) this.#writable[at] = writable;
		this.#forget();
	}

	/** Of the region at `address` (one that `allocate` gave), programs may touch only [low, high): a packet in its buffer. */
	narrow(address: number, low: number, high: number): void {
		const at = this.#indexOf(address);
		if (at < 0) return;
		const end = this.#starts[at]! + this.#sizes[at]!;
		const from = Math.min(Math.max(low, this.#starts[at]!), end);
		const to = Math.min(Math.max(high, from), end);
		if (from === this.#lows[at] && to === this.#highs[at]) return;
		this.#lows[at] = from;
		this.#highs[at] = to;
		this.narrowed++;
		this.#forget();
	}

	/**
	 * Whether [address, address + size) lies in one region; then `foundStart`, `foundEnd` and `foundWritable` tell which.
	 * `address` may be any number.
	 */
	find(address: number, size: number): boolean {
		if (address >= this.foundStart && address + size <= this.foundEnd) return true;
		const at = this.#indexOf(address);
		if (at < 0) return false;
		const start = this.#lows[at]!;
		const end = this.#highs[at]!;
		if (address < start || address + size > end) return false;
		this.foundStart = start;
		this.foundEnd = end;
		this.foundWritable = this.#writable[at]!;
		this.#last = at;
		return true;
	}

	/**
	 * Leaves the region found last in a window, two 64-bit words in the page at 0 that generated code looks at: its first
	 * address, and at how many addresses from there on `size` bytes may be touched. The second one is 0 as soon as any
	 * region is another. A region of fewer bytes is not left: accesses of fewer bytes may use such a window too.
	 */
	remember(window: number, size: number): void {
		const { words, foundStart } = this;
		const room = this.foundEnd - foundStart - size + 1;
		if (room <= 0) return;
		const at = window >> 2;
		if (words[at + 2] === 0) this.#windows.push(at);
		words[at] = foundStart;
		words[at + 1] = 0;
		words[at + 2] = room;
		words[at + 3] = 0;
	}

	/** The region around an address, for messages and dumps: as much of it as programs may touch. */
	region(address: number): Region | undefined {
		const at = this.#indexOf(address);
		return at < 0 ? undefined : this.#row(at);
	}
	/** All regions by address, for saving and listing. */
	regions(): Region[] {
		return this.#starts.map((_, at) => this.#row(at));
	}

	/** All of it as plain data; pages that are as in `before` are shared with it. */
	save(before?: MemoryState): MemoryState {
		this.#forget();
		return {
			pages: savePages(this.u8, this.#top, before?.pages),
			columns: this.#columns(),
			used: this.#used,
			top: this.#top,
			holes: this.#holes.map((hole) => ({ ...hole })),
		};
	}
	/** Makes it again what it was when it was saved; the buffer stays as large as it is. @throws RangeError: the host has no more */
	restore(state: MemoryState): void {
		if (!this.#reach(state.top)) throw new RangeError(`no memory for a saved one of ${state.top} bytes`);
		this.#forget();
		restorePages(this.u8, state.pages, Math.max(this.#top, state.top));
		this.#used = state.used;
		this.#top = state.top;
		this.#holes = state.holes.map((hole) => ({ ...hole }));
		this.#setColumns(state.columns);
	}

	#columns(): RegionColumns {
		return [
			[...this.#starts],
			[...this.#sizes],
			[...this.#lows],
			[...this.#highs],
			[...this.#kinds],
			[...this.#writable],
		];
	}
	#setColumns(columns: RegionColumns): void {
		const own = [this.#starts, this.#sizes, this.#lows, this.#highs, this.#kinds, this.#writable] as unknown[][];
		for (const [i, column] of own.entries()) column.splice(0, column.length, ...columns[i]!);
		this.narrowed++;
		this.#forget();
	}

	#row(at: number): Region {
		return {
			start: this.#lows[at]!,
			size: this.#highs[at]! - this.#lows[at]!,
			kind: this.#kinds[at]!,
			writable: this.#writable[at]!,
		};
	}

	/** A place of `size` bytes, cleared and counted. */
	#take(size: number, align: number): number | undefined {
		const room = Math.max(size, 1) + GAP;
		const start = this.#takeHole(room, align) ?? this.#takeTop(room, align);
		if (start === undefined) return undefined;
		this.u8.fill(0, start, start + size);
		this.#used += size;
		return start;
	}
	#add(start: number, size: number, kind: RegionKind, writable: boolean): void {
		const at = this.#after(start);
		this.#starts.splice(at, 0, start);
		this.#sizes.splice(at, 0, size);
		this.#lows.splice(at, 0, start);
		this.#highs.splice(at, 0, start + size);
		this.#kinds.splice(at, 0, kind);
		this.#writable.splice(at, 0, writable);
		this.#forget();
	}
	/** Takes a row out; its size. Undefined: no region begins there. */
	#remove(address: number): number | undefined {
		const at = this.#indexOf(address);
		if (at < 0 || this.#starts[at] !== address) return undefined;
		const size = this.#sizes[at]!;
		for (const column of [this.#starts, this.#sizes, this.#lows, this.#highs]) column.splice(at, 1);
		this.#kinds.splice(at, 1);
		this.#writable.splice(at, 1);
		this.#forget();
		return size;
	}

	/** The region that holds this byte; -1: none. */
	#indexOf(address: number): number {
		const last = this.#last;
		const guess = this.#starts[last];
		if (guess !== undefined && address >= guess && address < guess + this.#sizes[last]!) return last;
		const at = this.#after(address) - 1;
		return at >= 0 && address < this.#starts[at]! + Math.max(this.#sizes[at]!, 1) ? at : -1;
	}
	/** How many regions start at or below this address. */
	#after(address: number): number {
		const starts = this.#starts;
		let low = 0;
		let high = starts.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (starts[middle]! <= address) low = middle + 1;
			else high = middle;
		}
		return low;
	}
	#forget(): void {
		this.foundStart = 0;
		this.foundEnd = 0;
		this.foundWritable = false;
		this.#last = 0;
		for (const at of this.#windows) this.words[at + 2] = 0;
		this.#windows.length = 0;
	}

	#takeHole(room: number, align: number): number | undefined {
		for (const [index, hole] of this.#holes.entries()) {
			const start = alignUp(hole.start, align);
			if (start + room > hole.end) continue;
			const rest: { start: number; end: number }[] = [];
			if (start > hole.start) rest.push({ start: hole.start, end: start });
			if (start + room < hole.end) rest.push({ start: start + room, end: hole.end });
			this.#holes.splice(index, 1, ...rest);
			return start;
		}
		return undefined;
	}
	#takeTop(room: number, align: number): number | undefined {
		const start = alignUp(this.#top, align);
		const end = start + room;
		if (end > this.#end || !this.#reach(end)) return undefined;
		if (start > this.#top) this.#addHole(this.#top, start);
		this.#top = end;
		return start;
	}
	#addHole(start: number, end: number): void {
		const holes = this.#holes;
		let at = 0;
		while (at < holes.length && holes[at]!.start < start) at++;
		holes.splice(at, 0, { start, end });
		const next = holes[at + 1];
		if (next && next.start === end) {
			holes[at]!.end = next.end;
			holes.splice(at + 1, 1);
		}
		const previous = holes[at - 1];
		if (previous && previous.end === start) {
			previous.end = holes[at]!.end;
			holes.splice(at, 1);
		}
		const last = holes.at(-1);
		if (last && last.end === this.#top) {
			this.#top = last.start;
			holes.pop();
		}
	}

	/** Grows the buffer by doubling until it holds `end` bytes; false: the host has no more. */
	#reach(end: number): boolean {
		let size = this.u8.length;
		if (end <= size) return true;
		if (end > this.#end) return false;
		while (size < end) size *= 2;
		try {
			size = Math.min(size, this.#end);
			if (this.#wasm) {
				this.#wasm.grow((size - this.u8.length) / WASM_PAGE);
				this.#use(new Uint8Array(this.#wasm.buffer));
				return true;
			}
			const bytes = new Uint8Array(size);
			bytes.set(this.u8);
			this.#use(bytes);
			return true;
		} catch {
			return false;
		}
	}
	#use(bytes: Uint8Array): void {
		this.u8 = bytes;
		this.view = new DataView(bytes.buffer);
		this.words = new Int32Array(bytes.buffer);
		this.longs = new BigInt64Array(bytes.buffer);
	}
}

/** Memory that workers may use, which never grows beyond `maximum` bytes. @throws RangeError */
function sharedMemory(maximum: number): WasmMemory {
	const host = wasmHost();
	try {
		// Such pages can make shared memory, but not hand it to a worker.
		if ((globalThis as { readonly crossOriginIsolated?: boolean }).crossOriginIsolated === false)
			throw new RangeError("this one is not");
		if (!host) throw new RangeError("it has no WebAssembly");
		return new host.Memory({ initial: 2, maximum: maximum / WASM_PAGE, shared: true });
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new RangeError(`the host has no shared memory (a page must be cross-origin isolated): ${reason}`);
	}
}

const alignUp = (address: number, align: number): number => Math.ceil(address / align) * align;
