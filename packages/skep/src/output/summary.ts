/** What a run has to say at its end. */
export interface Summary {
	readonly events: bigint;
	/** undefined: not known, the object counts no losses. */
	readonly lost: bigint | undefined;
	/** Seconds since the programs were attached. */
	readonly duration: number;
	/** Seconds of CPU that this process used, start included. */
	readonly cpu: number;
	/** Seconds of it until everything was attached. */
	readonly startup: number;
}

/** `1042 events, 0 lost, 10.0 s, CPU 0.21 s (0.17 s to start)` */
export function renderSummary(s: Summary): string {
	const lost = s.lost === undefined ? "lost: not known (the object counts none)" : `${s.lost} lost`;
	return `${s.events} ${s.events === 1n ? "event" : "events"}, ${lost}, ${s.duration.toFixed(1)} s, CPU ${s.cpu.toFixed(2)} s (${s.startup.toFixed(2)} s to start)`;
}
