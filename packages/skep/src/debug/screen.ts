import type { Shell } from "./shell.ts";

const CLEAR = "\u001b[H\u001b[2J";
const BOLD = "\u001b[1m";
const INVERSE = "\u001b[7m";
const PLAIN = "\u001b[0m";

/** Columns of the registers: name, 16 hex digits, a mark for what has changed. */
const REGISTERS = 24;
const LEAST_WIDTH = 60;

export interface ScreenOptions {
	readonly columns: number;
	readonly rows: number;
	readonly colour: boolean;
	/** Registers where it stood before: what differs is marked. */
	readonly before: readonly (bigint | undefined)[];
	/** What the last command said. */
	readonly said: string;
}

/** Source on the left, registers on the right, below them instructions, callers and the last answer. */
export function renderScreen(shell: Shell, { columns, rows, colour, before, said }: ScreenOptions): string {
	const { debug, views, target } = shell;
	const { event, instruction, ended } = debug.position;
	const frame = debug.frames()[shell.frameIndex];
	const width = Math.max(columns, LEAST_WIDTH);
	const bold = (text: string) => (colour ? `${BOLD}${text}${PLAIN}` : text);
	const answer = said.split("\n").filter((line) => line !== "");
	const kept = answer.slice(0, Math.max(3, Math.floor(rows / 3)));
	// Title, registers' eleven rows at least, a rule, five instructions, a rule, the answer, the prompt.
	const height = Math.max(11, rows - kept.length - 10);
	const left = width - REGISTERS - 3;
	const place = frame?.source ? `${frame.source.file}:${frame.source.line}` : "";
	const title = `event ${event} of ${debug.events} (${target.events.label(event)}), ${ended ? "over" : `instruction ${instruction}`}  ${place}`;
	const source = frame ? views.window(frame, height) : ["nothing runs between events"];
	const registers = debug.registers(shell.frameIndex).map((value, r) => {
		const isNew = value !== before[r];
		const text = `${`r${r}`.padEnd(4)}${value === undefined ? "–".padEnd(16) : value.toString(16).padStart(16, "0")} ${isNew ? "*" : " "}`;
		return isNew ? bold(text) : text;
	});
	const lines = [colour ? `${INVERSE}${fit(title, width)}${PLAIN}` : fit(title, width)];
	for (let i = 0; i < height; i++) {
		const text = fit(source[i] ?? "", left);
		const isCurrent = source[i]?.slice(0, 2).includes(">") === true;
		lines.push(`${isCurrent ? bold(text) : text} │ ${registers[i] ?? ""}`.trimEnd());
	}
	lines.push("─".repeat(width));
	if (frame) {
		lines.push(
			...views
				.disassembly(shell.frameIndex, 5)
				.text.trimEnd()
				.split("\n")
				.map((line) => fit(line, width).trimEnd()),
		);
		if (debug.frames().length > 1)
			lines.push(
				fit(
					debug
						.frames()
						.map((each) => each.function)
						.join(" ← "),
					width,
				).trimEnd(),
			);
	}
	lines.push("─".repeat(width), ...kept.map((line) => fit(line, width).trimEnd()));
	return `${colour ? CLEAR : ""}${lines.join("\n")}\n`;
}

const fit = (text: string, width: number): string =>
	text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
