import { IteratorReader } from "@skep/bpf/live";
import { bucketRange, toJson } from "#output";
import { presentedRecords } from "./iterators.ts";
import type { Session } from "./session.ts";
import { consumeAll, presentedEntries, shownVariables } from "./view.ts";

/**
 * `--json`: JSON Lines on stdout in the place of the user half. First which kernel and why; a record is its own fields,
 * with `map` in front where there are several ring buffers (a field called `map` is `map_` then); at the end the output of
 * iterators, the maps' entries sorted by key, of foreign objects their variables, then the summary.
 */
export async function writeLines(session: Session, reason: string): Promise<void> {
	process.stdout.write(
		line({
			kernel: session.kernel.name,
			reason,
			release: session.kernel.release,
			attached: [...session.attached, ...session.iterators].map(({ program, link }) => ({
				program,
				target: link.target,
			})),
			...(session.unattached.length > 0 ? { unattached: session.unattached } : {}),
			...(session.collection.notes.length > 0 ? { notes: session.collection.notes } : {}),
			startup_cpu_ms: Math.round(session.startupCpu),
		}),
	);
	if (session.attached.length === 0 && session.iterators.length > 0) session.stop();
	const several = session.ringBuffers().length > 1;
	await consumeAll(session, (map, records) => {
		process.stdout.write(records.map((r) => line(several ? named(map, r as object) : (r as object))).join(""));
	});
	for (const { program, link, records } of session.iterators) {
		const several = session.iterators.length > 1;
		const shown = records ? presentedRecords(link, records) : [];
		process.stdout.write(
			shown.map((each) => line(several ? named(program, each as object, "iterator") : (each as object))).join(""),
		);
		if (records) continue;
		for await (const each of new IteratorReader(link).lines())
			process.stdout.write(line({ iterator: program, line: each }));
	}
	process.stdout.write(mapLines(session) + shownVariables(session).map(line).join(""));
	const { events, lost, duration, cpu } = session.summary();
	process.stdout.write(line({ lost: lost ?? null, duration: rounded(duration), events, cpu: rounded(cpu) }));
}

/** A record with its ring buffer's name as `map`, or its iterator's; a field of its own of that name moves to `map_`. */
export function named(source: string, record: object, kind: "map" | "iterator" = "map"): object {
	const members = Object.entries(record);
	let own = `${kind}_`;
	while (own in record) own += "_";
	return Object.fromEntries([[kind, source], ...members.map(([name, value]) => [name === kind ? own : name, value])]);
}

const line = (value: object): string => `${toJson(value)}\n`;

/** The entries of the user's maps, a line each, sorted by key, per-CPU values summed. */
export function mapLines(session: Session): string {
	let text = "";
	for (const map of session.shownMaps()) {
		const { histogram } = map.binding;
		for (const [key, value] of presentedEntries(map)) {
			if (histogram === undefined) {
				text += line({ map: map.name, key, value });
				continue;
			}
			// A histogram's entries are its buckets: those that counted something, with the values they stand for.
			if (value === 0n) continue;
			const bucket = histogram.keyed ? Object.values(key as object)[1] : key;
			text += line({ map: map.name, key, value, ...bucketRange(histogram.scale, Number(bucket)) });
		}
	}
	return text;
}

const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;
