import { existsSync } from "node:fs";
import { BpfError, NotSupportedError, PermissionError } from "@skep/bpf/base";
import type { Recording } from "@skep/bpf/capture";
import type { LoadOptions, ProgramSignatures } from "@skep/bpf/collection";
import type { Kernel } from "@skep/bpf/kernel";
import type { ChosenKernel, VirtualKernel } from "#backend";
import { ReportedError, STATUS, UsageError, writeError } from "#cli";
import { renderSummary, toJson } from "#output";
import {
	answerLoad,
	CaptureFile,
	changesSince,
	choosePacketProgram,
	evaluateUserHalf,
	firstLine,
	loadsItself,
	noteLines,
	nothingAttached,
	OptionError,
	onSignals,
	parseOptions,
	programTypes,
	type ReplayCounts,
	readRecordingFile,
	readSource,
	renderOptions,
	renderPacketCounts,
	renderReplay,
	replayInto,
	runPackets,
	Session,
	type Source,
	showLive,
	withoutPins,
	writeLines,
} from "#run";
import { refusalAtLine } from "./verifier.ts";

/** What `run` and `demo` have in common. */
export interface Execution {
	readonly file: string;
	/** After the file's name: its own options. */
	readonly words: readonly string[];
	readonly json: boolean;
	readonly kernel: string;
	readonly btf: string | undefined;
	/** Types that CO-RE goes by instead of the kernel's own. */
	readonly coreBtf?: LoadOptions["coreBtf"];
	readonly duration: number | undefined;
	readonly limit: number | undefined;
	/** Options of the command itself, `--duration`: people give them after the file, where they are the file's. */
	readonly ownOptions: readonly string[];
	/** Only what this has approved is loaded. */
	readonly verify?: ((bytes: Uint8Array) => { readonly content: Uint8Array }) | undefined;
	/** What the kernel is to check of the object's programs. */
	readonly signed?: ((bytes: Uint8Array) => ProgramSignatures) | undefined;
	/** Folder for maps that are pinned by name. */
	readonly pinPath: string | undefined;
	/** A capture whose packets a program gets, instead of anything being attached. */
	readonly packets?: { readonly pcap: string; readonly program: string | undefined } | undefined;
	/** A recording whose events the programs get again, on the virtual kernel; `why`, where it was not asked for. */
	readonly replay?: { readonly file: string; readonly why?: string } | undefined;
	/** Called when everything is attached. */
	readonly started: () => void;
}

/** Compiles or reads, loads, attaches, runs the user half or what stands in its place, sums up. Gives the exit status. */
export async function runFile(run: Execution): Promise<number> {
	const { chooseKernel, replayKernel } = await import("#backend");
	const recording = run.replay === undefined ? undefined : readRecordingFile(run.replay.file);
	using capture = run.packets === undefined ? undefined : new CaptureFile(run.packets.pcap);
	const { verify } = run;
	let signed: ProgramSignatures | undefined;
	const approved =
		(verify ?? run.signed) &&
		((bytes: Uint8Array) => {
			const content = verify?.(bytes).content ?? bytes;
			signed = run.signed?.(content);
			return content;
		});
	const source = await readSource(run.file, { btf: run.btf, verify: approved }).catch(reportFindings);
	if (source.warnings !== "") writeError(source.warnings);
	const { options } = source;
	if (asksForHelp(run.words)) {
		process.stdout.write(renderOptions(run.file, options));
		return STATUS.ok;
	}
	// A run that is replayed had options, and has them again where nothing else is said.
	const words = recording === undefined || run.words.length > 0 ? run.words : recording.meta.options;
	parseFileOptions({ interfaceIndex: () => 1 }); // what is wrong whatever the kernel is said first
	const tested = run.packets === undefined ? undefined : choosePacketProgram(source, run.packets.program);
	const replayed = recording === undefined ? undefined : replayKernel(recording.meta.cpus, run.replay?.why);
	const { kernel, reason } = replayed ?? choose();
	const changes = recording === undefined ? [] : changesSince(recording, source, words);
	const parsed = parseFileOptions(kernel);
	if (capture === undefined && !run.json && loadsItself(source)) return runExplicit();
	const session = openSession();
	const removeSignals = onSignals(
		() => session.stop(),
		() => session.stopping,
	);
	try {
		if (capture !== undefined && tested !== undefined) {
			writeError(`${reason}; each packet goes to ${tested}\n${noteLines(session)}`);
			run.started();
			const counts = await runPackets(session, tested, capture, { json: run.json, limit: run.limit });
			writeError(renderPacketCounts(counts));
			return STATUS.ok;
		}
		const evaluated = source.userHalf && !run.json;
		const nothing = nothingAttached(session, evaluated);
		if (nothing !== undefined) throw new ReportedError(`${begun(session)}skep: ${nothing}`);
		if (!run.json) writeError(begun(session));
		run.started();
		if (recording !== undefined && replayed !== undefined) return await replayRun(recording, replayed.kernel);
		await show();
		if (!run.json) writeError(renderSummary(session.summary()));
		return STATUS.ok;
	} finally {
		session.close();
		removeSignals();
	}

	/** The user half, or what stands in its place. */
	async function show(): Promise<void> {
		if (run.json) await writeLines(session, reason);
		else if (source.userHalf) {
			using reminder = new Reminder();
			void session.stopAsked.then(() => reminder.start());
			await evaluateUserHalf(source, () => session);
		} else await showLive(session);
	}

	async function replayRun(recorded: Recording, virtual: VirtualKernel): Promise<number> {
		for (const change of changes) writeError(`note: ${change}: records may differ`);
		const counts = await both(replayInto(session, virtual, recorded), show, () => session.stop());
		return reportReplay(recorded, counts, changes.length > 0, run.json);
	}

	function choose(): ChosenKernel {
		const want = kernelChoice(run.kernel);
		try {
			return chooseKernel(want, capture === undefined ? "real" : "given", programTypes(source));
		} catch (error) {
			throw want === "auto" ? withWayOut(error, source) : error;
		}
	}

	/** A file that imports `load` says itself when. */
	async function runExplicit(): Promise<number> {
		let loaded: Session | undefined;
		let replaying: Promise<ReplayCounts> | undefined;
		using reminder = new Reminder();
		const options = {
			limit: run.limit,
			duration: run.duration,
			pinPath: run.pinPath,
			replayed: recording !== undefined,
			coreBtf: run.coreBtf,
		};
		answerLoad({
			source,
			kernel,
			parsed,
			options,
			loaded: (session, other) => {
				loaded = session;
				void session.stopAsked.then(() => reminder.start());
				writeError(begun(session, other));
				if (recording !== undefined && replayed !== undefined) {
					for (const change of changes) writeError(`note: ${change}: records may differ`);
					replaying = replayInto(session, replayed.kernel, recording);
					replaying.catch(() => session.stop());
				}
			},
		});
		const removeSignals = onSignals(
			() => (loaded === undefined ? process.exit(STATUS.interrupted) : loaded.stop()),
			() => loaded?.stopping === true,
		);
		try {
			await evaluateUserHalf(source, () => loaded);
			const counts = await replaying;
			if (recording !== undefined && counts !== undefined)
				return reportReplay(recording, counts, changes.length > 0, false);
			if (loaded !== undefined) writeError(renderSummary(loaded.summary()));
			return STATUS.ok;
		} catch (error) {
			throw refusalAtLine(error, source.spec);
		} finally {
			loaded?.close();
			removeSignals();
		}
	}

	function begun(session: Session, other?: string): string {
		const silent = session.kernel.name === "virtual" && capture === undefined && recording === undefined;
		const note = silent ? "note: nothing happens on the virtual kernel by itself: --replay gives it a recording\n" : "";
		return `${firstLine(session, other ?? reason)}\n${noteLines(session)}${note}`;
	}

	function openSession(): Session {
		try {
			// With --pcap the limit counts packets, not records.
			const asked = capture === undefined ? { limit: run.limit } : { attach: false };
			return Session.open(capture === undefined ? source : withoutPins(source), kernel, parsed, {
				...asked,
				duration: run.duration,
				pinPath: run.pinPath,
				replayed: recording !== undefined,
				coreBtf: run.coreBtf,
				signed,
			});
		} catch (error) {
			throw refusalAtLine(error, source.spec);
		}
	}

	function parseFileOptions(devices: Pick<Kernel, "interfaceIndex">) {
		try {
			return parseOptions(options, words, devices);
		} catch (error) {
			if (!(error instanceof OptionError)) throw error;
			const { unknown = "" } = error;
			const ours = run.ownOptions.includes(unknown);
			const hint = ours ? `; options of skep stand before the file: skep run ${unknown} … ${run.file}` : "";
			throw new UsageError(`${error.message}${hint}`, `run ${run.file}`);
		}
	}
}

/** A replay and what shows its records, to the end of both; the failure of either ends the other. */
async function both<T>(replay: Promise<T>, show: () => Promise<void>, stop: () => void): Promise<T> {
	const shown = show().catch((error: unknown) => {
		stop();
		throw error;
	});
	const [first, second] = await Promise.allSettled([replay, shown]);
	if (first.status === "rejected") throw first.reason;
	if (second.status === "rejected") throw second.reason;
	return first.value;
}

/** Says what agreed. What differs is an error, unless the program is another than was recorded. */
function reportReplay(recording: Recording, counts: ReplayCounts, changed: boolean, json: boolean): number {
	if (json) process.stdout.write(`${toJson({ replay: { ...counts, lost: recording.lost } })}\n`);
	const text = renderReplay(counts, recording);
	if (counts.different > 0 && !changed) throw new ReportedError(text);
	writeError(text);
	return STATUS.ok;
}

/** Without the privilege to see what happens, a recording of it can be looked at. */
function withWayOut(error: unknown, source: Source): unknown {
	if (!(error instanceof PermissionError || error instanceof NotSupportedError)) return error;
	const types = programTypes(source);
	const packets = types.every((type) => type === "xdp");
	const beside = source.name.replace(/\.[^./]*$/, ".rec");
	const [what, way] = packets
		? ["packets of a capture", "--pcap FILE"]
		: ["a recording", `--replay ${existsSync(beside) ? beside : "FILE.rec"}`];
	const text = `${error.message}\n  on the virtual kernel nothing happens by itself; it takes ${what} without privileges → skep run ${way} ${source.name}`;
	if (error instanceof PermissionError) return new PermissionError(text, error.missing);
	return new BpfError(error.code, text, { cause: error });
}

/** Says, where a run that was stopped goes on for long, what keeps it. */
class Reminder implements Disposable {
	#timer: NodeJS.Timeout | undefined;
	#over = false;

	start(): void {
		if (this.#over) return;
		this.#timer = setTimeout(() => {
			writeError("skep: the programs are detached, but the user half still runs: Ctrl-C ends it");
		}, GRACE);
		this.#timer.unref();
	}

	[Symbol.dispose](): void {
		this.#over = true;
		clearTimeout(this.#timer);
	}
}

/** Milliseconds in which a user half should have ended after its run was stopped. */
const GRACE = 2000;

/** Before `--` only: what follows is text for positionals. */
export function asksForHelp(words: readonly string[]): boolean {
	const end = words.indexOf("--");
	return words.slice(0, end < 0 ? undefined : end).includes("--help");
}

function kernelChoice(text: string): "linux" | "virtual" | "auto" {
	if (text === "linux" || text === "virtual" || text === "auto") return text;
	throw new UsageError(`--kernel: "${text}" is not one of linux, virtual, auto`);
}

/** Findings of the compiler are printed as they are. */
export function reportFindings(error: unknown): never {
	if (error instanceof BpfError && error.code === "ERR_COMPILE") throw new ReportedError(error.message);
	if (error instanceof BpfError || !(error instanceof Error)) throw error;
	const { code, path } = error as NodeJS.ErrnoException;
	if (code === "EACCES" && path !== undefined) throw new BpfError("ERR_FILE", `${path}: no permission to read it`);
	throw error;
}
