import { FormatError } from "@skep/bpf/base";

/*
 * A signature behind a file, as the kernel's modules carry theirs (struct module_signature, scripts/sign-file): the file,
 * the signature, 12 bytes that say its kind and length, a line of text. ELF readers do not look behind the last section.
 */
const MAGIC = new TextEncoder().encode("~Module signature appended~\n");
const DESCRIPTOR = 12;
const PKCS7 = 2;

/** A file in its two parts: what was signed, and the signature; undefined where it has none. */
export interface SignedFile {
	readonly content: Uint8Array;
	readonly signature: Uint8Array | undefined;
}

export function appendSignature(content: Uint8Array, signature: Uint8Array): Uint8Array {
	const bytes = new Uint8Array(content.length + signature.length + DESCRIPTOR + MAGIC.length);
	bytes.set(content);
	bytes.set(signature, content.length);
	const at = content.length + signature.length;
	bytes[at + 2] = PKCS7;
	new DataView(bytes.buffer).setUint32(at + 8, signature.length, false);
	bytes.set(MAGIC, at + DESCRIPTOR);
	return bytes;
}

/** @throws FormatError where the trailer's length or kind cannot be */
export function splitSignature(bytes: Uint8Array): SignedFile {
	const text = bytes.length - MAGIC.length;
	if (text < 0 || !MAGIC.every((byte, i) => bytes[text + i] === byte)) return { content: bytes, signature: undefined };
	const at = text - DESCRIPTOR;
	const place = (path: string) => ({ section: "signature", offset: Math.max(at, 0), path });
	if (at < 0) throw new FormatError(place("module_signature"), `has ${text} bytes, expected ${DESCRIPTOR}`);
	const kind = bytes[at + 2];
	if (kind !== PKCS7)
		throw new FormatError(place("module_signature/id_type"), `is ${kind}, expected ${PKCS7} (PKCS#7)`);
	const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 8, false);
	if (length === 0 || length > at)
		throw new FormatError(place("module_signature/sig_len"), `is ${length}, with ${at} bytes before it`);
	return { content: bytes.subarray(0, at - length), signature: bytes.subarray(at - length, at) };
}
