import { BpfError, VmFault } from "@skep/bpf/base";
import { readValue } from "@skep/bpf/btf";
import type { Recording } from "@skep/bpf/capture";
import { RingBufferReader } from "@skep/bpf/live";
import type { VirtualKernel } from "#backend";
import { present } from "#output";
import type { CaptureFile } from "./capture-file.ts";
import { shippedTracepoints } from "./kernel-data.ts";
import { translationOf } from "./layouts.ts";
import { testPacket } from "./packets.ts";
import type { Session } from "./session.ts";

/** What an event came to: a verdict or what the program returned, and the records that it sent. */
export interface EventResult {
	readonly text: string;
	readonly records: readonly { readonly map: string; readonly record: unknown }[];
}

/** Events that can be run in any order, again and again: each gives the same in the same state of the machine. */
export interface RepeatableEvents {
	readonly count: number;
	/** @throws VmFault */
	run(index: number): void;
	/** One line: `packet 3, 74 bytes`. */
	label(index: number): string;
	/** What came of it when it ran last; undefined: it has not. */
	result(index: number): EventResult | undefined;
}

/** Packets of a capture, at most so many: each is a test run of a program, as `runPackets` makes it. @throws FormatError, BpfError */
export function packetEvents(session: Session, name: string, capture: CaptureFile, limit: number): RepeatableEvents {
	const packets: { readonly index: number; readonly data: Uint8Array }[] = [];
	for (const { index, data } of capture) {
		if (packets.length >= limit) break;
		packets.push({ index, data: data.slice() });
	}
	const program = session.collection.program(name);
	return repeatable(
		session,
		packets.length,
		(i) => {
			const row = testPacket(program, packets[i]!);
			return "verdict" in row ? row.verdict : row.error;
		},
		(i) => `packet ${packets[i]!.index}, ${packets[i]!.data.length} bytes`,
	);
}

/** Recorded runs of the session's programs, of `only` or of all that it has. */
export function recordedEvents(
	session: Session,
	kernel: VirtualKernel,
	{ events, meta }: Recording,
	only: string | undefined,
): RepeatableEvents {
	const fds = meta.programs.map(({ name, section }) => {
		const same = session.source.spec.programs.get(name)?.section === section && (only === undefined || only === name);
		return same ? session.collection.programs.get(name)?.fd.number : undefined;
	});
	const tracepoints = shippedTracepoints();
	const translations = meta.programs.map((program) => translationOf(program, tracepoints));
	const ids = new Map(session.ringBuffers().map(({ name }) => [name, session.collection.map(name).info().id]));
	const there = events.filter(({ program }) => fds[program] !== undefined);
	if (there.length === 0) {
		const names = meta.programs.map(({ name }) => name).join(", ") || "none";
		throw new BpfError("ERR_PROGRAM", `the recording has no run of ${only ?? "the file's programs"}; it has ${names}`);
	}
	return repeatable(
		session,
		there.length,
		(i) => {
			const event = there[i]!;
			const outcomes = event.outcomes.map(({ map, record }) => ({
				map: ids.get(map) ?? 0,
				failed: record === undefined,
			}));
			const now = translations[event.program]?.translate(event) ?? event;
			return `returned ${kernel.replay(fds[event.program]!, { ...now, outcomes }).result}`;
		},
		(i) => {
			const { program, task } = there[i]!;
			const comm = new TextDecoder().decode(task.comm).replace(/\0.*$/s, "");
			return `${meta.programs[program]!.name}, ${comm} (${task.pid})`;
		},
	);
}

function repeatable(
	session: Session,
	count: number,
	run: (index: number) => string,
	label: (index: number) => string,
): RepeatableEvents {
	const results = new Map<number, EventResult>();
	const rings = session.ringBuffers();
	return {
		count,
		run(index) {
			try {
				const text = run(index);
				results.set(index, { text, records: recordsOf(session, rings) });
			} catch (error) {
				if (error instanceof VmFault) results.set(index, { text: error.message, records: recordsOf(session, rings) });
				throw error;
			}
		},
		label,
		result: (index) => results.get(index),
	};
}

/** Takes what is in the ring buffers, so that the next event finds room. Readers keep positions: each time it is a new one. */
function recordsOf(session: Session, rings: ReturnType<Session["ringBuffers"]>): EventResult["records"] {
	const { btf } = session.source.spec;
	const found: { map: string; record: unknown }[] = [];
	for (const { name, shape } of rings) {
		const map = session.collection.map(name);
		if (map.type !== "ringbuf") continue;
		const type = shape.kind === "struct" && shape.name !== "" ? btf?.find(shape.name, "struct") : undefined;
		using reader = new RingBufferReader(map);
		reader.drain((view, offset, length) => {
			const value =
				btf && type !== undefined
					? present(shape, readValue(btf, type, view, offset))
					: Buffer.from(view.buffer, view.byteOffset + offset, length).toString("hex");
			found.push({ map: name, record: value });
		});
	}
	return found;
}
