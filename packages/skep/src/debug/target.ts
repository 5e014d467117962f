import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { BpfError } from "@skep/bpf/base";
import type { Kernel } from "@skep/bpf/kernel";
import { openVirtual, replayKernel, type VirtualKernel } from "#backend";
import {
	CaptureFile,
	changesSince,
	choosePacketProgram,
	type ParsedOptions,
	packetEvents,
	type RepeatableEvents,
	readRecordingFile,
	readSource,
	recordedEvents,
	Session,
	type Source,
	shippedTracepoints,
	withoutPins,
} from "#run";
import type { ReadSource } from "./listing.ts";

export interface TargetOptions {
	readonly file: string;
	/** Options of the file; a recording's own where none are given. */
	readonly words: readonly string[];
	readonly pcap: string | undefined;
	readonly replay: string | undefined;
	readonly program: string | undefined;
	readonly btf: string | undefined;
	/** Packets at most. */
	readonly limit: number | undefined;
	readonly parse: (source: Source, words: readonly string[], kernel: Pick<Kernel, "interfaceIndex">) => ParsedOptions;
}

/** Where a field stands in a record, in bytes, and how the kernel writes its type: `__data_loc char[]`, `pid_t`. */
export interface RecordField {
	readonly name: string;
	readonly ctype: string;
	readonly offset: number;
	readonly size: number;
	readonly signed: boolean;
}

/** A loaded file on a virtual kernel of its own, and what is to happen there. */
export interface Target extends Disposable {
	readonly kernel: VirtualKernel;
	readonly session: Session;
	readonly events: RepeatableEvents;
	readonly read: ReadSource;
	/** Fields of a tracepoint's record, by the program's id; none: it is of another type, or nothing is known of it. */
	fields(program: number): readonly RecordField[];
	/** What should be known before: warnings, a recording of another file. */
	readonly notes: readonly string[];
}

/** @throws what compiling, reading and loading throw; BpfError ERR_PROGRAM, ERR_FILE */
export async function openTarget(options: TargetOptions): Promise<Target> {
	const { file, pcap, replay, program } = options;
	const recording = replay === undefined ? undefined : readRecordingFile(replay);
	using capture = pcap === undefined ? undefined : new CaptureFile(pcap);
	const source = await readSource(file, { btf: options.btf });
	const words = recording === undefined || options.words.length > 0 ? options.words : recording.meta.options;
	const tested = capture === undefined ? undefined : choosePacketProgram(source, program);
	const kernel = recording === undefined ? openVirtual() : replayKernel(recording.meta.cpus).kernel;
	const parsed = options.parse(source, words, kernel);
	const changes = recording === undefined ? [] : changesSince(recording, source, words);
	const session = Session.open(withoutPins(source), kernel, parsed, { attach: false });
	try {
		const events =
			capture !== undefined && tested !== undefined
				? packetEvents(session, tested, capture, options.limit ?? Number.POSITIVE_INFINITY)
				: recordedEvents(session, kernel, recording!, program);
		if (events.count === 0) throw new BpfError("ERR_FILE", `${pcap ?? replay} has no events`);
		const notes = changes.map((change) => `note: ${change}`);
		if (source.warnings !== "") notes.unshift(source.warnings);
		return {
			kernel,
			session,
			events,
			read: reader(source),
			fields: (id) => {
				const [name] = [...session.collection.programs].find(([, each]) => each.info().id === id) ?? [];
				const [kind, ...rest] = (source.spec.programs.get(name ?? "")?.section ?? "").split("/");
				if (kind !== "tracepoint" && kind !== "tp") return [];
				return shippedTracepoints().find(rest.join(":"))?.fields ?? [];
			},
			notes,
			[Symbol.dispose]: () => session.close(),
		};
	} catch (error) {
		session.close();
		throw error;
	}
}

/** What was compiled, as it was then; sources of an object where they are still to be found. */
function reader(source: Source): ReadSource {
	const texts = new Map<string, string | undefined>();
	const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
	return (file) => {
		if (!texts.has(file)) {
			// As the command line names it; an object's also beside the object.
			const path = resolve(file);
			const there = [path, resolve(dirname(source.path), file)].find(isFile);
			texts.set(file, source.texts.get(path) ?? (there === undefined ? undefined : readFileSync(there, "utf8")));
		}
		return texts.get(file);
	};
}
