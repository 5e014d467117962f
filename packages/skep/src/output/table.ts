import { formatCell, isNumeric } from "./cell.ts";
import type { Shape } from "./shape.ts";

/** Where text goes: how wide, and whether colours are wanted. */
export interface Screen {
	/** Columns; undefined: not a terminal, nothing is cut. */
	readonly width: number | undefined;
	readonly colour: boolean;
}

/** What a stream of this process offers. NO_COLOR and TERM=dumb are obeyed. */
export function screenOf(stream: { readonly isTTY?: boolean; readonly columns?: number }): Screen {
	const tty = stream.isTTY === true;
	const colour = tty && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
	// A terminal that does not know its size says 0; one that is resized says so from then on.
	return {
		get width() {
			return tty ? stream.columns || 80 : undefined;
		},
		colour,
	};
}

const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";

/** Finished rows as a table: columns in the order of first appearance, as wide as their widest cell. Ends with a newline. */
export function renderTable(rows: readonly object[], screen: Screen): string {
	if (rows.length === 0) return "";
	const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
	const records = rows as readonly Readonly<Record<string, unknown>>[];
	const columns = names.map((name) => {
		const cells = records.map((row) => formatCell(row[name]));
		const right = records.every((row) => row[name] === undefined || isNumeric(row[name]));
		return { name, cells, right, width: Math.max(name.length, ...cells.map((c) => c.length)) };
	});
	const line = (cell: (c: (typeof columns)[number]) => string) =>
		cut(
			columns
				.map((c) => (c.right ? cell(c).padStart(c.width) : cell(c).padEnd(c.width)))
				.join("  ")
				.trimEnd(),
			screen,
		);
	const head = line((c) => c.name);
	const body = records.map((_, i) => line((c) => c.cells[i]!));
	return `${[screen.colour ? `${BOLD}${head}${PLAIN}` : head, ...body].join("\n")}\n`;
}

interface Column {
	readonly name: string;
	readonly width: number;
	readonly right: boolean;
}

/** A table that grows: widths come from the record's shape, so that rows line up before the next ones are known. */
export class LiveTable {
	readonly #columns: readonly Column[];
	readonly #screen: Screen;

	constructor(shape: Shape, screen: Screen, first?: string) {
		const members = shape.kind === "struct" ? shape.members : [{ name: "value", shape }];
		this.#columns = [
			...(first === undefined ? [] : [{ name: "map", width: first.length, right: false }]),
			...members.map((m) => ({
				name: m.name,
				width: Math.max(m.name.length, typicalWidth(m.shape)),
				right: m.shape.kind === "int" || m.shape.kind === "be",
			})),
		];
		this.#screen = screen;
	}

	/** With a newline. */
	header(): string {
		const text = this.#line(this.#columns.map((c) => c.name));
		return this.#screen.colour ? `${BOLD}${text}${PLAIN}\n` : `${text}\n`;
	}

	/** Presented values in the order of the columns; with a newline. */
	row(values: readonly unknown[]): string {
		return `${this.#line(values.map(formatCell))}\n`;
	}

	#line(cells: readonly string[]): string {
		const text = this.#columns.map((c, i) => {
			const cell = cells[i] ?? "";
			return c.right ? cell.padStart(c.width) : cell.padEnd(c.width);
		});
		return cut(text.join("  ").trimEnd(), this.#screen);
	}
}

/** Digits that values of a type usually need, not the most they could. */
function typicalWidth(shape: Shape): number {
	switch (shape.kind) {
		case "int":
			return shape.bits <= 8 ? 3 : shape.bits <= 16 ? 5 : shape.bits <= 32 ? 7 : 12;
		case "be":
			return shape.bits === 16 ? 5 : 10;
		case "bool":
			return 5;
		case "chars":
			return Math.min(shape.length, 16);
		default:
			return 8;
	}
}

function cut(line: string, screen: Screen): string {
	if (screen.width === undefined || line.length <= screen.width) return line;
	return `${line.slice(0, Math.max(1, screen.width - 1))}…`;
}
