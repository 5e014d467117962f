import { BpfMap, PerfBufferReader } from "@skep/bpf/live";
import { STATUS } from "#cli";
import { openOne, takeSelector } from "#inspect";
import { toJson } from "#output";
import { onSignals } from "#run";
import type { Task } from "./desk.ts";

/** How long nothing is looked at, ms. */
const PAUSE = 20;

/** `event_pipe MAP [cpu N index M]`: until Ctrl-C. */
export const eventPipe: Task = async (words, desk) => {
	const selector = takeSelector("map", words);
	let only: number | undefined;
	while (!words.empty) {
		const word = words.oneOf(["cpu", "index"], "choice");
		const number = words.number(word);
		// One ring a CPU: its place in the map is the CPU's number.
		if (only !== undefined && only !== number) throw words.wrong("cpu and index must be the same number");
		only = number;
	}
	using map = BpfMap.fromFd(desk.kernel, openOne(desk.kernel, "map", selector).release());
	if (map.type !== "perf_event_array")
		throw words.wrong(`map ${map.name} is of type ${map.type}, not perf_event_array`);
	using reader = new PerfBufferReader(map);
	let stopped = false;
	const off = onSignals(() => {
		stopped = true;
	});
	let lost = 0;
	try {
		while (!stopped) {
			reader.drain((view, offset, length, cpu) => {
				if (only !== undefined && cpu !== only) return;
				const data = Array.from(new Uint8Array(view.buffer, view.byteOffset + offset, length), (byte) =>
					byte.toString(16).padStart(2, "0"),
				);
				if (desk.json) desk.write(`${toJson({ type: 9, cpu, index: cpu, data: data.map((byte) => `0x${byte}`) })}\n`);
				else desk.write(`== @CPU: ${cpu} index: ${cpu} =====\n${lines(data)}`);
			});
			if (reader.lost > lost) {
				const more = reader.lost - lost;
				lost = reader.lost;
				if (desk.json) desk.write(`${toJson({ type: 2, lost: more })}\n`);
				else desk.write(`lost ${more} events\n`);
			}
			await new Promise((resolve) => setTimeout(resolve, PAUSE));
		}
	} finally {
		off();
	}
	return STATUS.ok;
};

function lines(bytes: readonly string[]): string {
	let text = "";
	for (let i = 0; i < bytes.length; i += 16) text += `${bytes.slice(i, i + 16).join(" ")}\n`;
	return text;
}
