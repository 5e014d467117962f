import { accessSync, constants, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { type Recording, writeRecording } from "@skep/bpf/capture";
import { type Command, type Invocation, STATUS, UsageError, writeError } from "#cli";
import {
	display,
	evaluateUserHalf,
	firstLine,
	kernelData,
	loadsItself,
	noteLines,
	nothingAttached,
	onSignals,
	parseOptions,
	programTypes,
	Recorder,
	readRecordingSource,
	readSource,
	Session,
	showLive,
	writeLines,
} from "#run";
import { reportFindings } from "./execute.ts";
import { fileError } from "./files.ts";
import { countOf, secondsOf, textOf } from "./values.ts";
import { refusalAtLine } from "./verifier.ts";

/** `skep record [-o FILE.rec] [options] FILE.ts [options of the file]`. */
export async function run(call: Invocation, _commands: readonly Command[]): Promise<number> {
	const [file, ...words] = call.rest;
	if (file === undefined) throw new UsageError("record wants a file: FILE.ts", "record");
	const json = call.flags.has("json");
	const btf = textOf(call, "btf");
	const duration = secondsOf("record", textOf(call, "duration"));
	const limit = countOf("record", "limit", textOf(call, "limit"));
	const output = textOf(call, "output") ?? `${basename(file).replace(/\.[^.]*$/, "")}.rec`;
	checkFolder(output);
	const source = await readRecordingSource(file, { btf }).catch(reportFindings);
	if (source.warnings !== "") writeError(source.warnings);
	const plain = await readSource(file, { btf });
	if (loadsItself(source))
		throw new NotSupportedError("recording a file that calls load()", "only the door that loads it could record it");
	const { chooseKernel } = await import("#backend");
	const { kernel, reason } = chooseKernel("linux", "real", programTypes(source));
	const parsed = parseOptions(source.options, words, kernel);
	// Read before anything is attached: programs that watch files see only what others do.
	const { tracepoints } = kernelData(btf);
	const session = open();
	// The first Ctrl-C never loses the recording, not even one that is ending already.
	const removeSignals = onSignals(() => session.stop());
	try {
		const evaluated = source.userHalf && !json;
		const begun = `${firstLine(session, reason)}\n${noteLines(session)}`;
		const nothing = nothingAttached(session, evaluated);
		if (nothing !== undefined) throw new BpfError("ERR_NOTHING_ATTACHED", nothing);
		if (!json) writeError(begun);
		using recorder = new Recorder(session, { limit, words, tracepoints, plain });
		if (json) await writeLines(session, reason);
		else if (evaluated) await evaluateUserHalf(source, () => session);
		else await showLive(session);
		session.stop();
		if (recorder.full) writeError("skep: the log is as large as it may become: recording ended");
		write(output, await recorder.finish());
		return STATUS.ok;
	} finally {
		session.close();
		removeSignals();
	}

	function open(): Session {
		try {
			return Session.open(source, kernel, parsed, { duration, pinPath: textOf(call, "pin-path") });
		} catch (error) {
			throw refusalAtLine(error, source.spec);
		}
	}
}

/** Better before the run than after it. */
function checkFolder(output: string): void {
	try {
		accessSync(dirname(resolve(output)), constants.W_OK);
	} catch (error) {
		throw fileError(error, output);
	}
}

function write(output: string, recording: Recording): void {
	const { events, lost, maps } = recording;
	const losses = `${lost} lost`;
	if (events.length === 0) {
		throw new BpfError(
			"ERR_NO_EVENTS",
			`nothing happened that the programs saw (${losses}): ${display(output)} is not written`,
		);
	}
	const bytes = writeRecording(recording);
	try {
		writeFileSync(output, bytes);
	} catch (error) {
		throw fileError(error, output);
	}
	const truncated = events.filter((event) => event.truncated).length;
	const records = events.reduce((sum, event) => sum + event.outcomes.filter((each) => each.record).length, 0);
	const parts = [
		`${events.length} ${events.length === 1 ? "event" : "events"} recorded`,
		losses,
		...(truncated > 0 ? [`${truncated} too long for the log`] : []),
		`${records} ${records === 1 ? "record" : "records"}`,
		`${maps.length} ${maps.length === 1 ? "map" : "maps"}`,
		`${bytes.length} bytes`,
	];
	writeError(`${display(output)}: ${parts.join(", ")}`);
}
