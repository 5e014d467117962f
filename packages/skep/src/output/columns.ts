/** Code points that take two columns of a terminal: East Asian wide forms and pictures. Sorted ranges, both ends included. */
// biome-ignore format: table
const WIDE: readonly (readonly [first: number, last: number])[] = [
	[0x1100, 0x115f], [0x231a, 0x231b], [0x23e9, 0x23ec], [0x2614, 0x2615], [0x2648, 0x2653], [0x26a1, 0x26a1], [0x26bd, 0x26be],
	[0x2705, 0x2705], [0x2728, 0x2728], [0x274c, 0x274c], [0x2753, 0x2757], [0x2795, 0x2797], [0x2b50, 0x2b50], [0x2e80, 0x303e],
	[0x3041, 0x33ff], [0x3400, 0x4dbf], [0x4e00, 0x9fff], [0xa000, 0xa4cf], [0xa960, 0xa97f], [0xac00, 0xd7a3], [0xf900, 0xfaff],
	[0xfe30, 0xfe6f], [0xff00, 0xff60], [0xffe0, 0xffe6], [0x1f300, 0x1f64f], [0x1f680, 0x1f6ff], [0x1f900, 0x1f9ff],
	[0x1fa70, 0x1faff], [0x20000, 0x3fffd],
];
const COMBINING = /\p{Mn}|\p{Me}|\p{Cf}/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
const ASCII = /^[\u0000-\u007f]*$/;

function columnsOfPoint(code: number): number {
	if (code < 0x300) return 1;
	if (WIDE.some(([first, last]) => code >= first && code <= last)) return 2;
	return COMBINING.test(String.fromCodePoint(code)) ? 0 : 1;
}

/** Columns that a text takes on a terminal. */
export function columnsOf(text: string): number {
	if (ASCII.test(text)) return text.length;
	let columns = 0;
	for (const point of text) columns += columnsOfPoint(point.codePointAt(0)!);
	return columns;
}

/** The text in at most so many columns; what is cut off is said by `…`. */
export function cutTo(text: string, width: number): string {
	if (columnsOf(text) <= width) return text;
	let out = "";
	let columns = 0;
	for (const point of text) {
		columns += columnsOfPoint(point.codePointAt(0)!);
		if (columns > Math.max(0, width - 1)) break;
		out += point;
	}
	return `${out}…`;
}

export const padEnd = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - columnsOf(text)));
export const padStart = (text: string, width: number): string =>
	" ".repeat(Math.max(0, width - columnsOf(text))) + text;
