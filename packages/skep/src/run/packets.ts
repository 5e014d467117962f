import { setImmediate as immediate } from "node:timers/promises";
import { BpfError, FormatError, SyscallError } from "@skep/bpf/base";
import type { CapturePacket } from "@skep/bpf/capture";
import type { Program } from "@skep/bpf/live";
import { XDP_ACTION } from "@skep/bpf/uapi";
import { formatCell, LiveTable, present, type Shape, screenOf, toJson } from "#output";
import type { RecordSource } from "#program";
import type { CaptureFile } from "./capture-file.ts";
import { mapLines } from "./lines.ts";
import type { Session } from "./session.ts";
import type { Source } from "./source.ts";
import { renderMaps } from "./view.ts";

/** What one packet came to: a row of the output. */
export type PacketRow =
	| { readonly index: number; readonly length: number; readonly verdict: string }
	| { readonly index: number; readonly length: number; readonly error: string };

/** What a capture came to. */
export interface PacketCounts {
	readonly packets: number;
	/** Packets by verdict, in the order of their first appearance. */
	readonly verdicts: ReadonlyMap<string, number>;
	/** Packets that a test run does not take. */
	readonly refused: number;
	/** Records that found no room in a ring buffer; undefined: not known, the object counts none. */
	readonly lost: bigint | undefined;
	/** Seconds. */
	readonly duration: number;
}

const VERDICTS: ReadonlyMap<number, string> = new Map(
	Object.entries(XDP_ACTION).map(([name, value]) => [value, name.replace(/^XDP_/, "")]),
);

/** `DROP`; what is no XDP action is what the kernel makes of it: a drop that it warns of. */
export const verdictName = (value: number): string => VERDICTS.get(value) ?? `UNKNOWN (${value})`;

/**
 * Name of the program that gets the packets: the one XDP program, or the one that is named.
 * @throws BpfError ERR_PROGRAM, with the programs that are there
 */
export function choosePacketProgram(source: Source, name: string | undefined): string {
	const programs = [...source.spec.programs];
	const all = programs.map(([each, { type }]) => `${each} (${type})`).join(", ") || "no programs";
	if (name !== undefined) {
		const type = source.spec.programs.get(name)?.type;
		if (type === "xdp") return name;
		throw new BpfError(
			"ERR_PROGRAM",
			type === undefined
				? `${source.name} has no program ${name}; it has ${all}`
				: `${name} is a program of type ${type}: packets are for XDP programs`,
		);
	}
	const [only, ...more] = programs.filter(([, { type }]) => type === "xdp").map(([each]) => each);
	if (only === undefined)
		throw new BpfError("ERR_PROGRAM", `${source.name} has no XDP program to give packets to; it has ${all}`);
	if (more.length === 0) return only;
	throw new BpfError(
		"ERR_PROGRAM",
		`${source.name} has ${more.length + 1} XDP programs: ${[only, ...more].join(", ")}; say which by --program NAME`,
	);
}

/** The source without pins: packets of a capture neither see nor change what is kept for runs on live ones. */
export function withoutPins(source: Source): Source {
	const maps = new Map([...source.spec.maps].map(([name, map]) => [name, { ...map, pinning: "none" as const }]));
	return { ...source, spec: { ...source.spec, maps } };
}

/** The shortest packet of Ethernet, its header; every kernel refuses less. */
const HEADER = 14;
/** What a kernel keeps of a page for itself, before and behind a packet, is less: up to there it takes every packet. */
const RESERVED = 1024;

/** Runs the program on one packet. @throws SyscallError where it fails for another reason than the packet's length */
export function testPacket(program: Program, { index, data }: Pick<CapturePacket, "index" | "data">): PacketRow {
	const { length } = data;
	try {
		return { index, length, verdict: verdictName(program.testRun({ data }).retval) };
	} catch (error) {
		const refused = error instanceof SyscallError && (error.code === "EINVAL" || error.code === "ENOMEM");
		if (refused && length < HEADER)
			return { index, length, error: `too short for a test run: an Ethernet header has ${HEADER} bytes` };
		if (refused && length > program.kernel.pageSize - RESERVED)
			return { index, length, error: "too long for a test run" };
		throw error;
	}
}

export interface PacketRunOptions {
	/** JSON Lines instead of tables. */
	readonly json: boolean;
	/** Packets; undefined: all. */
	readonly limit?: number | undefined;
}

const ROW: Shape = {
	kind: "struct",
	name: "packet",
	members: [
		{ name: "index", shape: { kind: "int", bits: 32, signed: false } },
		{ name: "length", shape: { kind: "int", bits: 32, signed: false } },
		{ name: "verdict", shape: { kind: "chars", length: 8 } },
	],
};
/** Characters that are written at once; between two writes signals have their turn. */
const PIECE = 32 * 1024;
/** Milliseconds after which rows are written, be they few. */
const PATIENCE = 100;

/**
 * Gives every packet of a capture to a program of a session that attached nothing: a row per packet on stdout, with the
 * records that the program sent for it, then the maps. Ends early when the session is stopped. A capture that is malformed
 * further on still shows what came before. @throws FormatError, SyscallError, BpfError ERR_LINK_TYPE
 */
export async function runPackets(
	session: Session,
	name: string,
	capture: CaptureFile,
	{ json, limit = Number.POSITIVE_INFINITY }: PacketRunOptions,
): Promise<PacketCounts> {
	const program = session.collection.program(name);
	const table = new LiveTable(ROW, { ...screenOf(process.stdout), width: undefined });
	const row = json
		? (each: PacketRow) => `${toJson(each)}\n`
		: ({ index, length, ...rest }: PacketRow) =>
				table.row([index, length, "verdict" in rest ? rest.verdict : `error: ${rest.error}`]);
	using records = new PacketRecords(session);
	const progress = new Progress(() => capture.progress);
	const started = performance.now();
	const verdicts = new Map<string, number>();
	let packets = 0;
	let refused = 0;
	let text = json ? "" : table.header();
	let written = started;
	let broken: unknown;
	try {
		for (const packet of capture) {
			if (packets >= limit || session.stopping) break;
			const found = testPacket(program, packet);
			packets++;
			if ("verdict" in found) verdicts.set(found.verdict, (verdicts.get(found.verdict) ?? 0) + 1);
			else refused++;
			text += row(found);
			for (const [map, record] of records.take()) {
				text += json ? `${toJson({ map, index: found.index, record })}\n` : `         ${map}: ${formatCell(record)}\n`;
			}
			if (text.length < PIECE && performance.now() - written < PATIENCE) continue;
			await write(text);
			progress.show(packets);
			text = "";
			written = performance.now();
		}
	} catch (error) {
		broken = error;
	}
	progress.clear();
	await write(text);
	if (broken !== undefined && !(broken instanceof FormatError)) throw broken;
	await write(json ? mapLines(session) : renderMaps(session, screenOf(process.stdout)));
	if (broken !== undefined) throw broken;
	return { packets, verdicts, refused, lost: session.lost(), duration: (performance.now() - started) / 1000 };
}

/** `7 packets: 2 DROP, 4 PASS, 1 refused, 0.1 s`; lost records where there are some, or may be. */
export function renderPacketCounts({ packets, verdicts, refused, lost, duration }: PacketCounts): string {
	const parts = [...verdicts].map(([verdict, count]) => `${count} ${verdict}`);
	if (refused > 0) parts.push(`${refused} refused`);
	const split = parts.length === 0 ? "" : `: ${parts.join(", ")}`;
	const missing = lost === undefined ? ", lost records: not known" : lost > 0n ? `, ${lost} records lost` : "";
	return `${packets} ${packets === 1 ? "packet" : "packets"}${split}${missing}, ${duration.toFixed(1)} s`;
}

/** Resolves when stdout has room again: what is not read does not pile up. */
async function write(text: string): Promise<void> {
	if (text !== "" && !process.stdout.write(text)) {
		await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
	}
	await immediate();
}

/** Records that a program sent through its ring buffers, taken packet by packet so that none is lost for want of room. */
class PacketRecords implements Disposable {
	readonly #rings: { readonly name: string; readonly shape: Shape; readonly source: RecordSource }[] = [];

	constructor(session: Session) {
		for (const { name, shape } of session.ringBuffers()) {
			const source = session.mapByName(name).records;
			if (source === undefined) continue;
			source.open();
			this.#rings.push({ name, shape, source });
		}
	}

	*take(): Generator<[map: string, record: unknown], void, undefined> {
		for (const { name, shape, source } of this.#rings) {
			for (;;) {
				const records = source.read(256);
				if (records.length === 0) break;
				for (const record of records) yield [name, present(shape, record)];
			}
		}
	}

	[Symbol.dispose](): void {
		for (const { source } of this.#rings) source.close();
	}
}

/** After a second, how far a long run has come: on a terminal, unless the rows themselves go there. */
class Progress {
	static readonly #AFTER = 1000;
	static readonly #EVERY = 200;
	readonly #part: () => number | undefined;
	readonly #wanted = process.stderr.isTTY === true && process.stdout.isTTY !== true;
	#next = performance.now() + Progress.#AFTER;
	#shown = false;

	constructor(part: () => number | undefined) {
		this.#part = part;
	}

	show(packets: number): void {
		const now = performance.now();
		if (!this.#wanted || now < this.#next) return;
		this.#next = now + Progress.#EVERY;
		const part = this.#part();
		const share = part === undefined ? "" : `, ${Math.floor(part * 100)} % of the file`;
		process.stderr.write(`\r${packets} packets${share}\u001b[K`);
		this.#shown = true;
	}

	clear(): void {
		if (this.#shown) process.stderr.write("\r\u001b[K");
	}
}
