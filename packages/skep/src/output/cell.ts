/** A value in a table's cell or a printed line. Control characters, which a terminal would obey, are spelled out. */
export function formatCell(value: unknown): string {
	if (typeof value === "string") return printable(value);
	if (Array.isArray(value)) return `[${value.map(formatNested).join(", ")}]`;
	if (typeof value === "object" && value !== null) {
		return Object.entries(value)
			.map(([name, member]) => `${name}=${formatNested(member)}`)
			.join(" ");
	}
	return value === undefined ? "" : printable(String(value));
}

function formatNested(value: unknown): string {
	if (typeof value === "object" && value !== null && !Array.isArray(value)) return `{${formatCell(value)}}`;
	return formatCell(value);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** Text with control characters as `\x1b`. */
export function printable(text: string): string {
	return text.replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** Numbers are flush right. */
export function isNumeric(value: unknown): boolean {
	return typeof value === "number" || typeof value === "bigint";
}
