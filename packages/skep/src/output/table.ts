import { formatCell, isNumeric } from "./cell.ts";
import { columnsOf, cutTo, padEnd, padStart } from "./columns.ts";
import type { Shape } from "./shape.ts";

/** Where text goes: how wide, and whether colours are wanted. */
export interface Screen {
	/** Columns; undefined: not a terminal, nothing is cut. */
	readonly width: number | undefined;
	readonly colour: boolean;
}

/** What a stream of this process offers. COLUMNS is obeyed on a terminal; NO_COLOR and TERM=dumb are. */
export function screenOf(stream: { readonly isTTY?: boolean; readonly columns?: number }): Screen {
	const tty = stream.isTTY === true;
	const colour = tty && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
	const asked = /^[1-9]\d{0,4}$/.test(process.env["COLUMNS"] ?? "") ? Number(process.env["COLUMNS"]) : undefined;
	// A terminal that does not know its size says 0; one that is resized says so from then on.
	return {
		get width() {
			return tty ? (asked ?? (stream.columns || 80)) : undefined;
		},
		colour,
	};
}

const BOLD = "\u001b[1m";
const DIM = "\u001b[2m";
const PLAIN = "\u001b[0m";
/** Text columns are not made narrower than that, numbers never. */
const LEAST = 10;
/** Before they are made narrower than that, spare columns go. */
const READABLE = 24;
const BETWEEN = 2;

interface Cells {
	readonly name: string;
	readonly cells: readonly string[];
	readonly right: boolean;
	/** As wide as its widest cell. */
	readonly width: number;
}

/**
 * Finished rows as a table: columns in the order of first appearance, as wide as their widest cell. Ends with a newline.
 * Where the screen is too narrow, columns of `spare` go one after the other, and the last line says which; then
 * the widest texts are cut, and what has no room even so goes from the right.
 */
export function renderTable(rows: readonly object[], screen: Screen, spare: readonly string[] = []): string {
	if (rows.length === 0) return "";
	const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
	const records = rows as readonly Readonly<Record<string, unknown>>[];
	let columns = names.map((name): Cells => {
		const cells = records.map((row) => formatCell(row[name]));
		const right = records.every((row) => row[name] === undefined || isNumeric(row[name]));
		return { name, cells, right, width: Math.max(columnsOf(name), ...cells.map(columnsOf)) };
	});
	const gone: string[] = [];
	const full = screen.width ?? Number.POSITIVE_INFINITY;
	for (const name of spare) {
		if (total(columns.map((column) => least(column, READABLE))) <= full) break;
		if (columns.every((column) => column.name !== name)) continue;
		columns = columns.filter((column) => column.name !== name);
		gone.push(name);
	}
	// Columns of which a letter is left tell nothing: the last ones go then.
	while (columns.length > 1 && total(columns.map((column) => least(column))) > full) gone.push(columns.pop()!.name);
	const widths = fitted(columns, full);
	const line = (cell: (c: Cells) => string) => {
		const parts = columns.map((c, i) =>
			c.right ? padStart(cell(c), widths[i]!) : padEnd(cutTo(cell(c), widths[i]!), widths[i]!),
		);
		return cut(parts.join(" ".repeat(BETWEEN)).trimEnd(), screen);
	};
	const head = line((c) => c.name);
	const body = records.map((_, i) => line((c) => c.cells[i]!));
	const note = cut(`no room for ${gone.join(", ")}`, screen);
	return [
		screen.colour ? `${BOLD}${head}${PLAIN}` : head,
		...body,
		...(gone.length === 0 ? [] : [screen.colour ? `${DIM}${note}${PLAIN}` : note]),
		"",
	].join("\n");
}

const least = ({ name, right, width }: Cells, narrow = LEAST): number =>
	right ? width : Math.min(width, Math.max(narrow, columnsOf(name)));
const total = (widths: readonly number[]): number =>
	widths.reduce((sum, width) => sum + width, 0) + BETWEEN * Math.max(0, widths.length - 1);

/** Widths that fit: texts beyond a common width are cut to it. */
function fitted(columns: readonly Cells[], full: number): number[] {
	const natural = columns.map(({ width }) => width);
	if (total(natural) <= full) return natural;
	const at = (limit: number) => columns.map((c) => (c.right ? c.width : Math.min(c.width, Math.max(least(c), limit))));
	let limit = LEAST;
	while (total(at(limit + 1)) <= full) limit++;
	const widths = at(limit);
	// What is left over goes to the texts that were cut, from the left.
	for (let rest = full - total(widths), i = 0; rest > 0 && i < columns.length; i++) {
		if (widths[i]! >= columns[i]!.width) continue;
		widths[i]!++;
		rest--;
	}
	return widths;
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
			return c.right ? padStart(cell, c.width) : padEnd(cell, c.width);
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

const cut = (line: string, screen: Screen): string => (screen.width === undefined ? line : cutTo(line, screen.width));
