/**
 * Ctrl-C and SIGTERM ask for the end: `stop` is called, readers drain, the summary follows. A second one does not wait.
 * Returns what takes the handlers away again.
 */
export function onSignals(stop: () => void): () => void {
	let asked = false;
	const handle = (signal: NodeJS.Signals) => {
		if (asked) process.exit(signal === "SIGINT" ? 130 : 143);
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
