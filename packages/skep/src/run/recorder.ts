import { basename } from "node:path";
import { setImmediate as immediate } from "node:timers/promises";
import { BpfError } from "@skep/bpf/base";
import {
	type RecordedEvent,
	type RecordedMap,
	type RecordedProgram,
	type Recording,
	WireReader,
} from "@skep/bpf/capture";
import { RingBufferReader } from "@skep/bpf/live";
import type { ManifestRecording } from "@skep/bpf/spec";
import type { TracepointTable } from "@skep/compiler/declare";
import { identityOf } from "./identity.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source.ts";

/** Milliseconds between two looks at the log. */
const EVERY = 5;
/** Bytes of the log that are kept at most. */
const MOST_BYTES = 256 * 1024 * 1024;
/** Of a record's header: how many bytes of entries follow. */
const LENGTH_AT = 60;
const HEADER = 64;
/** What stands between two looks at an empty log before it is over: a program may still be writing. */
const LAST_LOOKS = 3;

export interface RecorderOptions {
	/** Events after which the run is stopped; what comes until everything is detached is kept as well. */
	readonly limit?: number | undefined;
	/** Words of the command line that the file got. */
	readonly words: readonly string[];
	/** What the file was compiled with. */
	readonly tracepoints: TracepointTable;
	/** The same file, compiled without what logs. */
	readonly plain: Source;
}

/** Reads the log of a recording variant while it runs, and makes the recording at its end. */
export class Recorder implements Disposable {
	readonly #session: Session;
	readonly #recording: ManifestRecording;
	readonly #options: RecorderOptions;
	readonly #reader: RingBufferReader;
	readonly #records: Uint8Array[] = [];
	readonly #timer: NodeJS.Timeout;
	#bytes = 0;

	/** @throws BpfError where the session's file is no recording variant */
	constructor(session: Session, options: RecorderOptions) {
		const recording = session.source.manifest?.recording;
		if (recording === undefined)
			throw new BpfError("ERR_NOT_RECORDABLE", `${session.source.name} has no program that can be recorded`);
		this.#session = session;
		this.#recording = recording;
		this.#options = options;
		this.#reader = new RingBufferReader(session.collection.map(recording.map));
		this.#timer = setInterval(() => this.#look(), EVERY);
		this.#timer.unref();
	}

	/** Log bytes that were too many: why the run ended. */
	get full(): boolean {
		return this.#bytes >= MOST_BYTES;
	}

	#look(): void {
		this.#reader.drain((view, offset, length) => {
			const used = Math.min(length, HEADER + (length >= HEADER ? view.getUint32(offset + LENGTH_AT, true) : 0));
			this.#records.push(new Uint8Array(view.buffer, view.byteOffset + offset, used).slice());
			this.#bytes += used;
		});
		if (this.full || this.#records.length >= (this.#options.limit ?? Number.POSITIVE_INFINITY)) this.#session.stop();
	}

	/** The recording, after the session was stopped and before it is closed. @throws FormatError */
	async finish(): Promise<Recording> {
		clearInterval(this.#timer);
		for (let quiet = 0; quiet < LAST_LOOKS; ) {
			const before = this.#records.length;
			this.#look();
			quiet = this.#records.length === before && this.#reader.pending === 0 ? quiet + 1 : 0;
			await immediate();
		}
		const { source, kernel } = this.#session;
		const programs = this.#recording.programs.map((name) => this.#program(name));
		const addresses = new Set<bigint>();
		const wire = new WireReader(this.#recording, { words: (program) => wordsOf(programs[program]!), addresses });
		const events: RecordedEvent[] = [];
		for (const record of this.#records) events.push(wire.read(record));
		return {
			meta: {
				producer: source.manifest?.producer ?? "",
				source: basename(source.path),
				hash: identityOf(this.#options.plain),
				release: kernel.release,
				cpus: kernel.possibleCpus,
				options: this.#options.words,
				programs,
			},
			events,
			lost: this.#lost(),
			maps: recordedMaps(this.#session).filter((map) => !holdsAny(map, addresses)),
		};
	}

	#program(name: string): RecordedProgram {
		const section = this.#session.source.spec.programs.get(name)?.section ?? "";
		const [kind, ...rest] = section.split("/");
		const found = kind === "tracepoint" ? this.#options.tracepoints.find(rest.join(":")) : undefined;
		const fields = (found?.fields ?? []).map(({ name: field, offset, size }) => ({ name: field, offset, size }));
		return { name, section, fields };
	}

	#lost(): bigint {
		const { map, key } = this.#recording.lost;
		const bytes = new Uint8Array(4);
		new DataView(bytes.buffer).setUint32(0, key, true);
		const values = this.#session.collection.map(map).lookupPerCpu(bytes) ?? [];
		return values.reduce((sum, each) => sum + new DataView(each.buffer, each.byteOffset).getBigUint64(0, true), 0n);
	}

	[Symbol.dispose](): void {
		clearInterval(this.#timer);
		this.#reader.close();
	}
}

/** Where addresses may stand in the context: any of the arguments, or fields that are as wide as one. */
function wordsOf({ fields }: RecordedProgram): readonly number[] | undefined {
	return fields.length === 0 ? undefined : fields.flatMap(({ offset, size }) => (size === 8 ? [offset] : []));
}

/** Addresses of the kernel's stay out of a file. */
function holdsAny({ entries }: RecordedMap, addresses: ReadonlySet<bigint>): boolean {
	return entries.some(({ key, values }) =>
		[key, ...values].some((bytes) => {
			const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
			for (let at = 0; at + 8 <= bytes.length; at += 8) if (addresses.has(view.getBigUint64(at, true))) return true;
			return false;
		}),
	);
}

/** The maps that are shown to people, as they are now; entries sorted by their keys. */
export function recordedMaps(session: Session): RecordedMap[] {
	return session.shownMaps().map(({ name, perCpu, binding: { raw, key, value } }): RecordedMap => {
		const entries = perCpu
			? raw.entriesCpus().map(([k, values]) => ({ key: k.slice(), values: values.map((v) => v.slice(0, value.size)) }))
			: raw.entries().map(([k, v]) => ({ key: k.slice(), values: [v.slice()] }));
		entries.sort((a, b) => Buffer.compare(a.key, b.key));
		return { name, keySize: key.size, valueSize: value.size, written: session.written.has(name), entries };
	});
}
