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
