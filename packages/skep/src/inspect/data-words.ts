import { writeValue } from "@skep/bpf/btf";
import type { BpfMap } from "@skep/bpf/live";
import type { Words } from "#cli";
import { entryTypes } from "./entries.ts";
import { fromJson } from "./typed-json.ts";

/**
 * Bytes of a key or value as the words say them: `1 0 0 0`, `hex 01 00 00 00`, `0x01 …`, or `json VALUE` by the map's types.
 * @throws UsageError for another number of bytes than the map has; RangeError, TypeError for a value that is no such
 */
export function takeData(words: Words, map: BpfMap, part: "key" | "value"): Uint8Array {
	const size = part === "key" ? map.keySize : map.valueSize;
	if (words.peek === "json") {
		words.next("json");
		return typed(words, map, part, size);
	}
	const hex = words.peek === "hex";
	if (hex) words.next("hex");
	const bytes: number[] = [];
	while (bytes.length < size && words.peek !== undefined && !KEYWORDS.has(words.peek)) bytes.push(byteOf(words, hex));
	if (bytes.length < size) throw words.wrong(`${part}: map ${map.name} has ${size} bytes, ${bytes.length} were given`);
	if (words.peek !== undefined && /^(0x)?[0-9a-f]{1,3}$/i.test(words.peek) && !KEYWORDS.has(words.peek))
		throw words.wrong(`${part}: map ${map.name} has ${size} bytes, more were given`);
	return new Uint8Array(bytes);
}

/** What may follow data. */
const KEYWORDS: ReadonlySet<string> = new Set(["key", "value", "any", "exist", "noexist"]);

function byteOf(words: Words, hex: boolean): number {
	const word = words.next("a byte");
	const text = word.replace(/^0x/i, "");
	const base = hex || text !== word ? 16 : /^0\d/.test(word) ? 8 : 10;
	const digits = base === 16 ? /^[0-9a-f]{1,2}$/i : base === 8 ? /^[0-7]+$/ : /^\d{1,3}$/;
	const value = digits.test(text) ? Number.parseInt(text, base) : Number.NaN;
	if (value <= 255) return value;
	throw words.wrong(
		`"${word}" is no byte${hex ? " in hex" : ": 0 to 255, 0x00 to 0xff; hex before them makes all of them hex"}`,
	);
}

function typed(words: Words, map: BpfMap, part: "key" | "value", size: number): Uint8Array {
	const text = words.next(`the ${part} as JSON`);
	const types = entryTypes(map);
	const id = types?.[part] ?? 0;
	if (!types || id === 0) throw words.wrong(`map ${map.name} was made without BTF: say its ${part} as bytes`);
	const bytes = new Uint8Array(size);
	writeValue(types.btf, id, new DataView(bytes.buffer), 0, fromJson(types.btf, id, parseJson(words, text)));
	return bytes;
}

/** JSON with exact integers. */
function parseJson(words: Words, text: string): unknown {
	const exact = (_: string, value: unknown, context?: { source?: string }) =>
		typeof value === "number" &&
		context?.source !== undefined &&
		/^-?\d+$/.test(context.source) &&
		!Number.isSafeInteger(value)
			? BigInt(context.source)
			: value;
	try {
		return JSON.parse(text, exact);
	} catch (error) {
		throw words.wrong(`${text} is no JSON: ${(error as Error).message}`);
	}
}
