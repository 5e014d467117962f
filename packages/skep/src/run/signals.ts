/**
 * Ctrl-C and SIGTERM ask for the end: `stop` is called, readers drain, the summary follows. A second one does not wait, nor
 * one that comes when the run is `stopping` already. Returns what takes the handlers away again.
 */
export function onSignals(stop: () => void, stopping: () => boolean = () => false): () => void {
	let asked = false;
	const handle = (signal: NodeJS.Signals) => {
		if (asked || stopping()) process.exit(signal === "SIGINT" ? 130 : 143);
		asked = true;
		stop();
	};
	process.on("SIGINT", handle);
	process.on("SIGTERM", handle);
	return () => {
		process.off("SIGINT", handle);
		process.off("SIGTERM", handle);
	};
}
