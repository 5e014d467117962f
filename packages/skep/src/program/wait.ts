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

/** Ticks 0, 1, 2 … every `ms` milliseconds until the run stops. Ticks that the body was too slow for are left out. */
export async function* every(ms: number): AsyncGenerator<number> {
	const current = session("every()");
	const started = performance.now();
	for (let tick = 0; !current.stopping; ) {
		const next = Math.floor((performance.now() - started) / ms) + 1;
		await current.pause(started + next * ms - performance.now());
		if (current.stopping) return;
		yield tick++;
	}
}
