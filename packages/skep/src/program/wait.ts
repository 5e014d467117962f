import { session } from "./session.ts";

let waiting = 0;
let alive: NodeJS.Timeout | undefined;

/** Node ends when nothing is left to wait for, and does not count promises: who waits for the kernel holds it up. */
export async function holdingUp<T>(promise: Promise<T>): Promise<T> {
	if (waiting++ === 0) alive = setInterval(() => {}, 2 ** 31 - 1);
	try {
		return await promise;
	} finally {
		if (--waiting === 0) clearInterval(alive);
	}
}

/** Resolves when the run is over, after the last record was drained: Ctrl-C, SIGTERM, `--duration`, `--limit`. */
export function stopped(): Promise<void> {
	return holdingUp(session("stopped()").stopped);
}

/**
 * Ticks 0, 1, 2 … every `ms` milliseconds until the run stops. Ticks that the body was too slow for are left out. While a
 * recording is replayed they follow its clock, and one more comes at its end, for what has happened since the last.
 */
export async function* every(ms: number): AsyncGenerator<number> {
	const current = session("every()");
	const started = current.clock;
	let tick = 0;
	while (!current.stopping) {
		const next = Math.floor((current.clock - started) / ms) + 1;
		await current.until(started + next * ms);
		if (!current.stopping) yield tick++;
	}
	if (current.replayed) yield tick;
}
