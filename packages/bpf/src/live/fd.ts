import { BpfError } from "#base";
import type { Kernel } from "#kernel";

/** A file descriptor that a tracer saw opened and not yet closed. */
export interface OpenFd {
	readonly number: number;
	/** `map events`, `program exec` … */
	readonly what: string;
	/** Where it was opened. */
	readonly stack: string;
}

/** Lists file descriptors that live objects opened since `traceFds()` and have not closed. For tests. */
export interface FdTracer {
	open(): readonly OpenFd[];
	stop(): void;
}

const tracers = new Set<Map<Fd, OpenFd>>();

/** Owner of one file descriptor: nothing else closes it, and it is closed once. */
export class Fd implements Disposable {
	readonly kernel: Kernel;
	readonly what: string;
	#number: number;

	/** Takes ownership of `number`, a descriptor of `kernel`. `what` names it in errors. */
	constructor(kernel: Kernel, number: number, what: string) {
		this.kernel = kernel;
		this.what = what;
		this.#number = number;
		for (const seen of tracers) seen.set(this, { number, what, stack: new Error(what).stack ?? "" });
	}

	/** The descriptor. @throws BpfError ERR_CLOSED after `close()`. */
	get number(): number {
		if (this.#number < 0) throw new BpfError("ERR_CLOSED", `${this.what} is closed`);
		return this.#number;
	}

	get closed(): boolean {
		return this.#number < 0;
	}

	/** Idempotent. */
	close(): void {
		if (this.#number >= 0) this.kernel.close(this.release());
	}

	/** What `use` makes of a descriptor that was given to us; where it throws, the descriptor is closed. */
	static adopt<T>(kernel: Kernel, number: number, use: () => T): T {
		try {
			return use();
		} catch (error) {
			kernel.close(number);
			throw error;
		}
	}

	/** Gives ownership away: the caller closes the descriptor. */
	release(): number {
		const number = this.number;
		this.#number = -1;
		for (const seen of tracers) seen.delete(this);
		return number;
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

/** Starts to record every descriptor that live objects open. `stop()` when done. */
export function traceFds(): FdTracer {
	const seen = new Map<Fd, OpenFd>();
	tracers.add(seen);
	return {
		open: () => [...seen.values()],
		stop: () => {
			tracers.delete(seen);
		},
	};
}
