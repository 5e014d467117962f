import { type CommandName, ERRNO, type Kernel } from "#kernel";
import type { Fd } from "./fd.ts";
import { refuse } from "./refusal.ts";

/** What a walk has to know of a map. */
export interface WalkMap {
	readonly kernel: Kernel;
	readonly fd: Fd;
	readonly name: string;
	readonly keySize: number;
	readonly valueBytes: number;
	readonly maxEntries: number;
}

/** Keys that are remembered to come back to. */
const TRAIL = 16;
/** Whole walks that may have to begin anew before it is over. */
const MOST_RESTARTS = 4;

/**
 * Key after key. A key that is deleted while one stands on it makes the kernel begin anew, without a word; so the next key is
 * asked for before anybody sees the one before, and where that one is found missing, the walk goes back to the last key that
 * is still there. Only where all of those are gone does it begin anew: `restarts` says how often, entries may then come twice.
 */
export class Walk {
	/** How often the walk had to begin anew. */
	restarts = 0;
	readonly #map: WalkMap;

	constructor(map: WalkMap) {
		this.#map = map;
	}

	/** Every key, each in bytes of its own. The one that was just given may be deleted. */
	*keys(): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
		let left = this.#map.maxEntries * 2;
		for (let key = this.#next(undefined); key && left-- > 0; ) {
			const after = this.#next(key);
			yield key;
			key = after;
		}
	}

	/** Every entry that is there when it is reached, each in bytes of its own. */
	*entries(): Generator<[key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>], void, undefined> {
		let trail: Uint8Array<ArrayBuffer>[] = [];
		let left = this.#map.maxEntries * 2;
		for (let key = this.#next(undefined); key && left-- > 0; ) {
			// In this order: what is found after it was asked for its successor was there then.
			const after = this.#next(key);
			const value = this.#lookup(key);
			if (value) {
				if (trail.push(key) > TRAIL) trail = trail.slice(-TRAIL / 2);
				yield [key, value];
				key = after;
			} else {
				key = this.#afterLast(trail, key);
			}
		}
	}

	/** The key after the last of the trail that is still there; the first one where none is. */
	#afterLast(trail: Uint8Array<ArrayBuffer>[], gone: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
		while (trail.length > 0) {
			const key = trail.at(-1)!;
			const after = this.#next(key);
			if (this.#lookup(key)) return after && same(after, gone) ? this.#next(after) : after;
			trail.pop();
		}
		return ++this.restarts > MOST_RESTARTS ? undefined : this.#next(undefined);
	}

	#next(key: Uint8Array | undefined): Uint8Array<ArrayBuffer> | undefined {
		const next_key = new Uint8Array(this.#map.keySize);
		const result = this.#map.kernel.bpf("MAP_GET_NEXT_KEY", { map_fd: this.#map.fd.number, key, next_key });
		if (result === 0) return next_key;
		if (result === -ERRNO.ENOENT) return undefined;
		throw this.#refusal(result, "walk", "MAP_GET_NEXT_KEY");
	}

	#lookup(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
		const value = new Uint8Array(this.#map.valueBytes);
		const result = this.#map.kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: this.#map.fd.number, key, value });
		if (result === 0) return value;
		if (result === -ERRNO.ENOENT) return undefined;
		throw this.#refusal(result, "look up in", "MAP_LOOKUP_ELEM");
	}

	#refusal(result: number, verb: string, command: CommandName) {
		return refuse(this.#map.kernel, { syscall: "bpf", command, errno: -result, what: `${verb} map ${this.#map.name}` });
	}
}

function same(a: Uint8Array, b: Uint8Array): boolean {
	return a.every((byte, i) => byte === b[i]);
}
