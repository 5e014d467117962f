import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { BpfError, toHex, VmFault } from "@skep/bpf/base";
import {
	isRecording,
	type RecordedEvent,
	type RecordedOutcome,
	type Recording,
	readRecording,
} from "@skep/bpf/capture";
import { RingBufferReader } from "@skep/bpf/live";
import type { VirtualKernel } from "#backend";
import { readBytes } from "./files.ts";
import { isRecorded } from "./identity.ts";
import { shippedTracepoints } from "./kernel-data.ts";
import { type Translation, translationOf } from "./layouts.ts";
import { recordedMaps } from "./recorder.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source.ts";

/** Most bytes of a recording that are read: its events are held in memory. */
const MOST_BYTES = 256 * 1024 * 1024;

/** Reads a recording from a file. @throws BpfError ERR_FILE, FormatError */
export function readRecordingFile(name: string): Recording {
	const bytes = readBytes(name);
	if (!isRecording(bytes)) throw new BpfError("ERR_FILE", `${name} is no recording: \`skep record\` makes one`);
	if (bytes.length > MOST_BYTES)
		throw new BpfError("ERR_FILE", `${name} has ${bytes.length} bytes: a recording has at most ${MOST_BYTES}`);
	return readRecording(bytes, { file: name });
}

/** In what a run differs from the one that was recorded; empty: in nothing, so that the records must be the same. */
export function changesSince(recording: Recording, source: Source, words: readonly string[]): string[] {
	const { meta } = recording;
	const changes: string[] = [];
	const same = isRecorded(source, meta.hash);
	if (same === undefined) changes.push(`${source.name} is an object: whether it is what was recorded is not known`);
	else if (!same) changes.push(`${source.name} is not the ${meta.source} that was recorded`);
	if (words.join("\0") !== meta.options.join("\0"))
		changes.push(`it was recorded with ${meta.options.length === 0 ? "no options" : meta.options.join(" ")}`);
	const tracepoints = shippedTracepoints();
	for (const program of meta.programs) {
		const missing = translationOf(program, tracepoints)?.missing ?? [];
		if (missing.length > 0) changes.push(`the recording has no ${missing.join(", ")} of ${program.section}`);
	}
	return changes;
}

/** What came of a replay. */
export interface ReplayCounts {
	/** Runs that the recording has. */
	readonly events: number;
	/** Of them, those that were run. */
	readonly replayed: number;
	/** Records of Linux that came again byte for byte, and how many there were. */
	readonly agreed: number;
	readonly records: number;
	/** Maps that ended as Linux had them, and those that can be compared. */
	readonly mapsAgreed: readonly string[];
	readonly mapsCompared: readonly string[];
	/** Runs that the log did not hold whole: they are run, and not compared. */
	readonly truncated: number;
	/** Runs of programs that the file has no more. */
	readonly gone: number;
	/** Records that found no room, because nobody reads them. */
	readonly refused: number;
	/** What differs, first things first, at most `MOST_SAID` of them. */
	readonly differences: readonly string[];
	/** How many differences there are. */
	readonly different: number;
}

const MOST_SAID = 5;
/** Events between which readers and timers have their turn. */
const TURN = 256;
/** Milliseconds that are waited for somebody to make room. */
const PATIENCE = 2000;

/**
 * Gives the events of a recording to the programs of a session on a virtual kernel, as soon as somebody waits for them, then
 * stops the session. Ends early where it is stopped. @throws VmFault, told by its event; BpfError
 */
export async function replayInto(session: Session, kernel: VirtualKernel, recording: Recording): Promise<ReplayCounts> {
	await session.awaited;
	using replay = new Replay(session, kernel, recording);
	try {
		await replay.run();
	} finally {
		session.stop();
	}
	return replay.counts();
}

class Replay implements Disposable {
	readonly #session: Session;
	readonly #kernel: VirtualKernel;
	readonly #recording: Recording;
	/** Descriptor of each of the recording's programs; undefined: the file has it no more. */
	readonly #programs: readonly (number | undefined)[];
	readonly #translations: readonly (Translation | undefined)[];
	readonly #rings = new Map<string, { readonly id: number; readonly reader: RingBufferReader }>();
	readonly #names = new Map<number, string>();
	readonly #differences: string[] = [];
	readonly #mapsAgreed: string[] = [];
	readonly #mapsCompared: string[] = [];
	/** Once nobody has made room for so long, nobody is waited for. */
	#patient = true;
	#different = 0;
	#replayed = 0;
	#agreed = 0;
	#records = 0;
	#truncated = 0;
	#gone = 0;
	#refused = 0;

	constructor(session: Session, kernel: VirtualKernel, recording: Recording) {
		this.#session = session;
		this.#kernel = kernel;
		this.#recording = recording;
		const { programs } = recording.meta;
		this.#programs = programs.map(({ name, section }) => {
			const same = session.source.spec.programs.get(name)?.section === section;
			return same ? session.collection.programs.get(name)?.fd.number : undefined;
		});
		const tracepoints = shippedTracepoints();
		this.#translations = programs.map((program) => translationOf(program, tracepoints));
		for (const { name } of session.ringBuffers()) {
			const map = session.collection.map(name);
			const { id } = map.info();
			this.#rings.set(name, { id, reader: new RingBufferReader(map) });
			this.#names.set(id, name);
		}
	}

	async run(): Promise<void> {
		const { events } = this.#recording;
		for (const [i, event] of events.entries()) {
			if (this.#session.stopping) return;
			// Before what happens then: who looks every second saw what had happened in it.
			if (this.#session.advance(Number(event.clock - events[0]!.clock) / 1e6)) await immediate();
			await this.#makeRoom(event);
			this.#replay(i, event);
			if (i % TURN === TURN - 1) await immediate();
		}
		if (!this.#session.stopping) this.#compareMaps();
	}

	/** Waits until the records of an event fit into their ring buffers; not for ever. */
	async #makeRoom({ outcomes }: RecordedEvent): Promise<void> {
		for (const { map, record } of outcomes) {
			const ring = record && this.#rings.get(map);
			if (!ring) continue;
			const needed = 2 * (record.length + 16);
			const until = performance.now() + PATIENCE;
			while (ring.reader.size - ring.reader.fill < needed && !this.#session.stopping && this.#patient) {
				await sleep(1);
				this.#patient = performance.now() < until;
			}
		}
	}

	#replay(i: number, event: RecordedEvent): void {
		const fd = this.#programs[event.program];
		if (fd === undefined) {
			this.#gone++;
			return;
		}
		this.#replayed++;
		const outcomes = event.outcomes.map(({ map, record }) => {
			return { map: this.#rings.get(map)?.id ?? 0, failed: record === undefined };
		});
		const { name } = this.#recording.meta.programs[event.program]!;
		const now = this.#translations[event.program]?.translate(event) ?? event;
		try {
			const { emitted, addresses, refused } = this.#kernel.replay(fd, { ...now, outcomes });
			this.#refused += refused;
			if (event.truncated) this.#truncated++;
			else
				this.#compare(
					`event ${i} (${name})`,
					event.outcomes.filter((each) => each.record !== undefined),
					emitted.map(({ map, record }) => ({ map: this.#names.get(map) ?? "", record })),
					addresses,
				);
		} catch (error) {
			if (error instanceof VmFault) error.message = `event ${i} (${name}): ${error.message}`;
			throw error;
		}
	}

	#compare(
		where: string,
		expected: readonly RecordedOutcome[],
		found: readonly { readonly map: string; readonly record: Uint8Array }[],
		addresses: readonly bigint[],
	): void {
		this.#records += expected.length;
		for (const [i, outcome] of expected.entries()) {
			const wanted = withAddresses(outcome, addresses);
			const got = found[i];
			const ring = outcome.map;
			if (got === undefined) this.#differ(`${where}: no record in ${ring}, Linux gave one of ${wanted.length} bytes`);
			else if (got.map !== ring) this.#differ(`${where}: a record in ${got.map}, Linux gave it to ${ring}`);
			else if (Buffer.compare(got.record, wanted) !== 0)
				this.#differ(`${where}: ${ring}: ${firstOf(got.record, wanted)}`);
			else this.#agreed++;
		}
		for (const { map, record } of found.slice(expected.length))
			this.#differ(`${where}: a record of ${record.length} bytes in ${map}, Linux gave none`);
	}

	#compareMaps(): void {
		const now = new Map(recordedMaps(this.#session).map((map) => [map.name, map]));
		for (const wanted of this.#recording.maps) {
			const found = now.get(wanted.name);
			if (found === undefined || wanted.written || found.written || this.#recording.lost > 0n) continue;
			this.#mapsCompared.push(wanted.name);
			const [there, here] = [wanted, found].map(({ entries }) => new Map(entries.map((e) => [toHex(e.key), e.values])));
			const keys = [...new Set([...there!.keys(), ...here!.keys()])];
			const wrong = keys.filter((key) => valuesOf(there!.get(key)) !== valuesOf(here!.get(key)));
			if (wrong.length === 0) this.#mapsAgreed.push(wanted.name);
			for (const key of wrong) {
				const [linux, own] = [there!, here!].map((entries) => valuesOf(entries.get(key)) ?? "none");
				this.#differ(`map ${wanted.name}, key ${key}: ${own}, Linux had ${linux}`);
			}
		}
	}

	#differ(what: string): void {
		this.#different++;
		if (this.#differences.length < MOST_SAID) this.#differences.push(what);
	}

	counts(): ReplayCounts {
		return {
			events: this.#recording.events.length,
			replayed: this.#replayed,
			agreed: this.#agreed,
			records: this.#records,
			mapsAgreed: this.#mapsAgreed,
			mapsCompared: this.#mapsCompared,
			truncated: this.#truncated,
			gone: this.#gone,
			refused: this.#refused,
			differences: this.#differences,
			different: this.#different,
		};
	}

	[Symbol.dispose](): void {
		for (const { reader } of this.#rings.values()) reader.close();
	}
}

/** Hex; trailing CPUs that counted nothing say nothing. */
function valuesOf(values: readonly Uint8Array[] | undefined): string | undefined {
	const text = values?.map((value) => toHex(value)).join(" ");
	return text?.replace(/( 0+)+$/, "");
}

/** A record with the addresses that its objects have here. */
function withAddresses(
	{ record = new Uint8Array(0), pointers }: RecordedOutcome,
	addresses: readonly bigint[],
): Uint8Array {
	if (pointers.length === 0) return record;
	const bytes = record.slice();
	const view = new DataView(bytes.buffer);
	for (const { offset, object } of pointers) view.setBigUint64(offset, addresses[object]!, true);
	return bytes;
}

/** The first byte that differs. */
function firstOf(found: Uint8Array, wanted: Uint8Array): string {
	if (found.length !== wanted.length) return `${found.length} bytes, Linux gave ${wanted.length}`;
	const at = found.findIndex((byte, i) => byte !== wanted[i]);
	const part = (bytes: Uint8Array) => toHex(bytes.subarray(at, at + 8), " ");
	return `byte ${at} on ${part(found)}, Linux gave ${part(wanted)}`;
}

/** `120 events replayed: 118 of 118 records as Linux gave them, maps starts, latency as it had them`. */
export function renderReplay(counts: ReplayCounts, recording: Recording): string {
	const { events, replayed, agreed, records, mapsAgreed, mapsCompared, truncated, gone, refused } = counts;
	const many = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
	const lines: string[] = [];
	const said: string[] = [];
	if (records > 0) said.push(`${agreed} of ${many(records, "record")} as Linux gave ${records === 1 ? "it" : "them"}`);
	if (mapsCompared.length > 0)
		said.push(`${mapsAgreed.length} of ${many(mapsCompared.length, "map")} (${mapsCompared.join(", ")}) as Linux had`);
	const share = replayed < events ? `${replayed} of ${many(events, "event")}` : many(events, "event");
	lines.push(`replayed ${share}${said.length === 0 ? "" : `: ${said.join(", ")}`}`);
	if (recording.lost > 0n) lines.push(`${recording.lost} events were lost while recording, so maps are not compared`);
	const written = recording.maps.filter((map) => map.written && !mapsCompared.includes(map.name));
	if (written.length > 0)
		lines.push(`not compared, because the user half writes to it: ${written.map(({ name }) => name).join(", ")}`);
	if (truncated > 0) lines.push(`${many(truncated, "event")} too long for the log: run, and not compared`);
	if (gone > 0) lines.push(`${many(gone, "event")} of programs that the file has no more`);
	if (refused > 0) lines.push(`${many(refused, "record")} found no room: nobody reads them`);
	for (const difference of counts.differences) lines.push(`differs: ${difference}`);
	const more = counts.different - counts.differences.length;
	if (more > 0) lines.push(`differs: ${more} more`);
	return lines.join("\n");
}
