/**
 * Signatures of objects: made with a private key and its certificate, checked before anything is loaded.
 *
 * A signed object is the object with a detached CMS signature behind it, in the kernel's module signature format, so that
 * every ELF reader still reads it and `openssl cms` checks it. `verifySigned` returns the signed bytes: nothing else may be
 * loaded where signatures are demanded.
 */
export { type Certificate, readCertificates, readSigner, SignatureError, type Signer } from "./certificate.ts";
export { signDetached, verifyDetached } from "./cms.ts";
export { signFile, type Verified, verifySigned } from "./signed.ts";
export { type SignedFile, splitSignature } from "./trailer.ts";
