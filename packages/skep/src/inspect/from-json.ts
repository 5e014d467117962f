import type { Btf, BtfMember } from "@skep/bpf/btf";

export const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * A JSON value as `writeValue` takes it, by its type. What dumps show can be given back: enumerators by name, integers as hex
 * texts, chars as texts of one, anonymous structs under the empty name or among the members that they stand with.
 * @throws RangeError, TypeError with the place: `args.state: …`
 */
export function fromJson(btf: Btf, id: number, value: unknown, path = ""): unknown {
	const type = btf.type(btf.resolve(id));
	const at = path === "" ? "" : `${path}: `;
	switch (type.kind) {
		case "int":
			// `bool` of one byte is a truth value, all others are numbers.
			if (type.bool && type.size === 1 && (value === 0 || value === 1)) return value === 1;
			if (typeof value === "string" && type.size === 1 && [...value].length === 1) return code(value, type.signed);
			return integer(value);
		case "ptr":
			return integer(value);
		case "enum":
		case "enum64": {
			if (typeof value !== "string") return value;
			const found = type.values.find((each) => each.name === value);
			if (found) return found.value;
			const names = type.values.map((each) => each.name).join(", ");
			throw new RangeError(`${at}enum ${type.name || "(anonymous)"} has no ${value}; there are ${names}`);
		}
		case "array": {
			const element = btf.type(btf.resolve(type.type));
			const bytes = element.kind === "int" && element.size === 1 && !element.bool;
			// Texts are for chars; for other bytes they are what UTF-8 makes of them.
			if (bytes && element.name !== "char" && typeof value === "string") return [...Buffer.from(value, "utf8")];
			if (!Array.isArray(value)) return value;
			return value.map((each, i) => fromJson(btf, type.type, each, `${path}[${i}]`));
		}
		case "struct":
		case "union":
			return isPlainObject(value) ? members(btf, type.members, value, path) : value;
		default:
			return value;
	}
}

/** The code of a text of one character, as its type counts. */
function code(text: string, signed: boolean): number {
	const value = text.charCodeAt(0);
	return signed && value > 127 && value < 256 ? value - 256 : value;
}

/** Numbers as texts, which JSON of other makes has for large ones. */
const integer = (value: unknown): unknown =>
	typeof value === "string" && /^(-?\d+|0x[0-9a-f]+)$/i.test(value) ? BigInt(value) : value;

function members(
	btf: Btf,
	list: readonly BtfMember[],
	value: Readonly<Record<string, unknown>>,
	path: string,
): Record<string, unknown> {
	const types = new Map<string, number>();
	const note = (each: BtfMember) => {
		if (each.name !== "") {
			if (!types.has(each.name)) types.set(each.name, each.type);
			return;
		}
		const inner = btf.type(btf.resolve(each.type));
		if (inner.kind === "struct" || inner.kind === "union") inner.members.forEach(note);
	};
	list.forEach(note);
	const given: [string, unknown][] = [];
	for (const [name, each] of Object.entries(value)) {
		if (name === "" && isPlainObject(each)) given.push(...Object.entries(each));
		else given.push([name, each]);
	}
	const out: Record<string, unknown> = {};
	for (const [name, each] of given) {
		const type = types.get(name);
		const place = path === "" ? name : `${path}.${name}`;
		Object.defineProperty(out, name, {
			value: type === undefined ? each : fromJson(btf, type, each, place),
			enumerable: true,
			configurable: true,
			writable: true,
		});
	}
	return out;
}
