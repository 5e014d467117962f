const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** What decoders take: not every host's takes memory that workers share. */
const unshared = (bytes: Uint8Array): Uint8Array => (bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice());

/** UTF-8 to text; malformed sequences become U+FFFD. */
export const decodeUtf8 = (bytes: Uint8Array): string => {
	// Names are short and ASCII: String.fromCharCode beats the decoder's call there.
	if (bytes.length <= 24) {
		let text = "";
		for (let i = 0; i < bytes.length; i++) {
			const c = bytes[i]!;
			if (c >= 0x80) return decoder.decode(unshared(bytes));
			text += String.fromCharCode(c);
		}
		return text;
	}
	return decoder.decode(unshared(bytes));
};

/** Text to UTF-8. */
export const encodeUtf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** Text from `offset` up to the first NUL, the end, or `max` bytes. */
export const cstring = (bytes: Uint8Array, offset = 0, max = bytes.length - offset): string => {
	const limit = Math.min(bytes.length, offset + max);
	let end = bytes.indexOf(0, offset);
	if (end < 0 || end > limit) end = limit;
	return decodeUtf8(bytes.subarray(offset, Math.max(offset, end)));
};

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** Two lower-case digits a byte, with `separator` between bytes. */
export const toHex = (bytes: Uint8Array, separator = ""): string => Array.from(bytes, (b) => HEX[b]!).join(separator);

/** FNV-1a, 32 bit, of the text's UTF-8 bytes, as eight hex digits. */
export const fnv1a = (text: string): string => {
	let h = 0x811c9dc5;
	for (const b of encoder.encode(text)) h = Math.imul(h ^ b, 0x01000193);
	return (h >>> 0).toString(16).padStart(8, "0");
};
