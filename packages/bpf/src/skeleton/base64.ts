import { FormatError } from "#base";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...ALPHABET].map((c, i) => [c.charCodeAt(0), i]));

/** Base64 (RFC 4648 §4), padded. Here because pure ES has none and a browser's wants strings of bytes. */
export function encodeBase64(bytes: Uint8Array): string {
	const parts: string[] = [];
	for (let i = 0; i < bytes.length; i += 3) {
		const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
		parts.push(
			ALPHABET[word >>> 18]! +
				ALPHABET[(word >>> 12) & 63]! +
				(i + 1 < bytes.length ? ALPHABET[(word >>> 6) & 63]! : "=") +
				(i + 2 < bytes.length ? ALPHABET[word & 63]! : "="),
		);
	}
	return parts.join("");
}

/** Line breaks and blanks are passed over. @throws FormatError for what is no Base64 */
export function decodeBase64(lines: string): Uint8Array<ArrayBuffer> {
	const text = lines.replace(/\s+/g, "");
	const end = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
	const out = new Uint8Array(Math.floor((end * 3) / 4));
	let word = 0;
	let bits = 0;
	let at = 0;
	for (let i = 0; i < end; i++) {
		const value = VALUES.get(text.charCodeAt(i));
		if (value === undefined)
			throw new FormatError({ offset: i, path: "object" }, `${JSON.stringify(text[i])} is no character of Base64`);
		word = ((word << 6) | value) & 0xffffff;
		bits += 6;
		if (bits < 8) continue;
		bits -= 8;
		out[at++] = (word >>> bits) & 0xff;
	}
	return out;
}
