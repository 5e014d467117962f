import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Recording, readRecording } from "@skep/bpf/capture";
import { replayKernel } from "#backend";
import { parseOptions } from "./arguments.ts";
import { changesSince, type ReplayCounts, replayInto } from "./replay.ts";
import { Session } from "./session.ts";
import type { Source } from "./source.ts";
import { consumeAll } from "./view.ts";
import { root } from "./whole-run.test-support.ts";

/** The recording that stands beside an example. */
export const recordingOf = (name: string): Recording =>
	readRecording(readFileSync(join(root, `examples/${name}/${name}.rec`)));

/** Replays on a virtual kernel in this process. `read`: somebody reads the records. */
export async function replayed(source: Source, recording: Recording, read = true): Promise<ReplayCounts> {
	const { kernel } = replayKernel(recording.meta.cpus);
	const words = recording.meta.options;
	if (changesSince(recording, source, words).length > 1) throw new Error("the options are the recorded ones");
	const session = Session.open(source, kernel, parseOptions(source.options, words, kernel), { replayed: true });
	try {
		const counts = replayInto(session, kernel, recording);
		if (read) {
			const [done] = await Promise.allSettled([counts, consumeAll(session, () => {})]);
			if (done.status === "rejected") throw done.reason;
		} else void session.stopped;
		return await counts;
	} finally {
		session.close();
	}
}
