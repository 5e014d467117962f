import { decodeUtf8 } from "#base";

const SLOTS = 1024;
/** Longer texts are seldom the same twice. */
const MAX_CACHED = 64;

interface Entry {
	readonly bytes: Uint8Array;
	readonly text: string;
}

/** Reads NUL-padded text. Short ones are kept by content: the same few names come again and again in records. */
export type TextReader = (view: DataView, offset: number, size: number) => string;

export function textReader(): TextReader {
	const cache: (Entry | undefined)[] = new Array(SLOTS).fill(undefined);
	return (view, offset, size) => {
		let n = 0;
		let hash = 0;
		for (; n < size; n++) {
			const b = view.getUint8(offset + n);
			if (b === 0) break;
			hash = (Math.imul(hash, 31) + b) | 0;
		}
		if (n === 0) return "";
		if (n > MAX_CACHED) return decode(view, offset, n);
		const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
		const entry = cache[slot];
		if (entry !== undefined && entry.bytes.length === n) {
			let i = 0;
			while (i < n && entry.bytes[i] === view.getUint8(offset + i)) i++;
			if (i === n) return entry.text;
		}
		const text = decode(view, offset, n);
		const bytes = new Uint8Array(n);
		for (let i = 0; i < n; i++) bytes[i] = view.getUint8(offset + i);
		cache[slot] = { bytes, text };
		return text;
	};
}

/** ASCII by character codes, else UTF-8; a byte that is neither becomes U+FFFD. */
function decode(view: DataView, offset: number, size: number): string {
	let text = "";
	for (let i = 0; i < size; i++) {
		const b = view.getUint8(offset + i);
		if (b >= 0x80) return decodeUtf8(new Uint8Array(view.buffer, view.byteOffset + offset, size).slice());
		text += String.fromCharCode(b);
	}
	return text;
}
