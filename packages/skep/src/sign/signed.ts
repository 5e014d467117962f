import { type Certificate, SignatureError, type Signer } from "./certificate.ts";
import { signDetached, verifyDetached } from "./cms.ts";
import { appendSignature, splitSignature } from "./trailer.ts";

/** A file whose signature was good. */
export interface Verified {
	/** What was signed, without the signature: what may be loaded. */
	readonly content: Uint8Array;
	readonly signer: Certificate;
}

/** The file with a signature behind it, in place of one that it has. */
export function signFile(bytes: Uint8Array, signer: Signer): Uint8Array {
	const { content } = splitSignature(bytes);
	return appendSignature(content, signDetached(content, signer));
}

/** @throws SignatureError where there is no signature or it is not good, FormatError where it is malformed */
export function verifySigned(bytes: Uint8Array, trusted: readonly Certificate[]): Verified {
	const { content, signature } = splitSignature(bytes);
	if (signature === undefined)
		throw new SignatureError("it has no signature: `skep sign --key KEY.pem FILE.o` makes one");
	return { content, signer: verifyDetached(content, signature, trusted) };
}
