/**
 * Signatures of objects: made with a private key and its certificate, checked before anything is loaded.
 *
 * A signed object is the object with a detached CMS signature behind it, in the kernel's module signature format, so that
 * every ELF reader still reads it and `openssl cms` checks it. Inside, each program whose instructions are the same
 * everywhere (or on the kernel that was named) carries a signature that Linux ≥ 6.18 checks itself. `verifySigned` returns
 * the signed bytes: nothing else may be loaded where signatures are demanded.
 */
export {
	type Certificate,
	outOfTime,
	readCertificates,
	readSigner,
	SignatureError,
	type Signer,
} from "./certificate.ts";
export { signDetached, verifyDetached } from "./cms.ts";
export { programSignatures, type SignedPrograms, signPrograms } from "./programs.ts";
export { signFile, type Verified, verifySigned } from "./signed.ts";
export { type SignedFile, splitSignature } from "./trailer.ts";
