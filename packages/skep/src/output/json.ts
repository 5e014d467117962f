/**
 * A value as JSON with exact integers: a bigint is its digits, not a string and not a rounded double. What JSON has no
 * word for is left out (undefined members) or null (NaN, infinities, functions in arrays).
 */
export function toJson(value: unknown): string {
	switch (typeof value) {
		case "bigint":
			return value.toString();
		case "number":
			return Number.isFinite(value) ? String(value) : "null";
		case "string":
			return JSON.stringify(value);
		case "boolean":
			return value ? "true" : "false";
		case "object":
			break;
		default:
			return "null";
	}
	if (value === null) return "null";
	if (Array.isArray(value) || ArrayBuffer.isView(value)) {
		return `[${Array.from(value as ArrayLike<unknown>, toJson).join(",")}]`;
	}
	let text = "";
	for (const name in value) {
		const member = (value as Readonly<Record<string, unknown>>)[name];
		if (member === undefined) continue;
		text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${toJson(member)}`;
	}
	return `{${text}}`;
}

/** The opposite: integers beyond what a double holds exactly become bigints. @throws SyntaxError */
export function parseJson(text: string): unknown {
	return JSON.parse(text, (_: string, value: unknown, context?: { source?: string }) =>
		typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
			? BigInt(context!.source!)
			: value,
	);
}

/** What `toJson` says, over several lines, members indented by four columns; arrays of plain values stand on one line. */
export function toPrettyJson(value: unknown, indent = ""): string {
	if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return toJson(value);
	const inner = `${indent}    `;
	if (Array.isArray(value)) {
		if (value.every((each) => typeof each !== "object" || each === null)) return toJson(value);
		return `[\n${value.map((each) => inner + toPrettyJson(each, inner)).join(",\n")}\n${indent}]`;
	}
	const members = Object.entries(value).filter(([, member]) => member !== undefined);
	if (members.length === 0) return "{}";
	const lines = members.map(([name, member]) => `${inner}${JSON.stringify(name)}: ${toPrettyJson(member, inner)}`);
	return `{\n${lines.join(",\n")}\n${indent}}`;
}
