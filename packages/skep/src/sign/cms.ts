import { createHash, createSign, createVerify } from "node:crypto";
import { FormatError } from "@skep/bpf/base";
import { type Certificate, outOfTime, SignatureError, type Signer } from "./certificate.ts";
import { DerReader, der, oid, sameBytes, TAG } from "./der.ts";

/** Digests that signatures may use; the first is ours. */
const DIGESTS: readonly { readonly name: string; readonly id: Uint8Array }[] = [
	{ name: "sha256", id: oid("2.16.840.1.101.3.4.2.1") },
	{ name: "sha384", id: oid("2.16.840.1.101.3.4.2.2") },
	{ name: "sha512", id: oid("2.16.840.1.101.3.4.2.3") },
];
const SIGNED_DATA = oid("1.2.840.113549.1.7.2");
const DATA = oid("1.2.840.113549.1.7.1");
const RSA_ENCRYPTION = oid("1.2.840.113549.1.1.1");
const ECDSA_WITH_SHA256 = oid("1.2.840.10045.4.3.2");
const MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4");
const NULL = der(TAG.null);
const ONE = der(TAG.integer, Uint8Array.of(1));

/**
 * A detached CMS signature (RFC 5652: SignedData, one signer, SHA-256, no attributes, no certificates): what
 * `verify_pkcs7_signature` in the kernel takes and `openssl cms -sign -binary -noattr -nocerts` writes.
 */
export function signDetached(content: Uint8Array, signer: Signer): Uint8Array {
	const rsa = signer.key.asymmetricKeyType === "rsa";
	const sha256 = der(TAG.sequence, (DIGESTS[0] as (typeof DIGESTS)[number]).id, ...(rsa ? [NULL] : []));
	const signature = createSign("sha256").update(content).sign(signer.key);
	const signerInfo = der(
		TAG.sequence,
		ONE,
		der(TAG.sequence, signer.certificate.issuer, signer.certificate.serial),
		sha256,
		rsa ? der(TAG.sequence, RSA_ENCRYPTION, NULL) : der(TAG.sequence, ECDSA_WITH_SHA256),
		der(TAG.octetString, signature),
	);
	const signedData = der(TAG.sequence, ONE, der(TAG.set, sha256), der(TAG.sequence, DATA), der(TAG.set, signerInfo));
	return der(TAG.sequence, SIGNED_DATA, der(TAG.context0, signedData));
}

/**
 * Checks a detached signature against certificates that are trusted, and returns the one that made it.
 * @throws FormatError where the signature is malformed, SignatureError where it is none of the trusted ones', where the
 * certificate is out of its time, or where the content is another.
 */
export function verifyDetached(
	content: Uint8Array,
	signature: Uint8Array,
	trusted: readonly Certificate[],
	now = new Date(),
): Certificate {
	const whole = new DerReader(signature);
	const top = whole.enter("ContentInfo", TAG.sequence);
	whole.end("ContentInfo");
	expectOid(top, "contentType", SIGNED_DATA, "signedData");
	const signed = top.enter("content", TAG.context0).enter("SignedData", TAG.sequence);
	signed.next("version", TAG.integer);
	signed.next("digestAlgorithms", TAG.set);
	const encapsulated = signed.enter("encapContentInfo", TAG.sequence);
	encapsulated.next("eContentType", TAG.oid);
	while (!signed.atEnd && signed.peek !== TAG.set) signed.next("certificates");
	const infos = signed.enter("signerInfos", TAG.set);
	if (infos.atEnd) throw new SignatureError("the signature names no signer");
	const info = infos.enter("signerInfo[0]", TAG.sequence);
	info.next("version", TAG.integer);
	const certificate = signerOf(info, trusted);
	const digest = digestOf(info.enter("digestAlgorithm", TAG.sequence));
	const attributes = info.peek === TAG.context0 ? info.next("signedAttrs", TAG.context0) : undefined;
	info.next("signatureAlgorithm", TAG.sequence);
	const value = info.next("signature", TAG.octetString).content;

	const expired = outOfTime(certificate, now);
	if (expired !== undefined) throw new SignatureError(expired);
	const changed = (): never => {
		throw new SignatureError(`the content was changed after ${certificate.subject} signed it`);
	};
	let covered = content;
	if (attributes) {
		const want = createHash(digest).update(content).digest();
		if (!sameBytes(messageDigest(new DerReader(attributes.content, attributes.offset)), want)) changed();
		// Signed as a SET, carried with a context tag (RFC 5652 §5.4).
		covered = der(TAG.set, attributes.content);
	}
	let good = false;
	try {
		good = createVerify(digest).update(covered).verify(certificate.x509.publicKey, value);
	} catch (cause) {
		throw new SignatureError(
			`the signature cannot be checked with the key of ${certificate.subject}: ${(cause as Error).message}`,
			{ cause },
		);
	}
	if (!good) changed();
	return certificate;
}

/** By issuer and serial number, or by subject key identifier. */
function signerOf(info: DerReader, trusted: readonly Certificate[]): Certificate {
	let found: Certificate | undefined;
	let named: string;
	if (info.peek === TAG.implicit0) {
		const id = info.next("subjectKeyIdentifier").content;
		found = trusted.find((each) => each.keyId !== undefined && sameBytes(each.keyId, id));
		named = `with key identifier ${Buffer.from(id).toString("hex")}`;
	} else {
		const sid = info.enter("issuerAndSerialNumber", TAG.sequence);
		const issuer = sid.next("issuer", TAG.sequence).bytes;
		const serial = sid.next("serialNumber", TAG.integer);
		found = trusted.find((each) => sameBytes(each.issuer, issuer) && sameBytes(each.serial, serial.bytes));
		named = `with serial number ${Buffer.from(serial.content).toString("hex")}`;
	}
	if (found) return found;
	const known = trusted.length === 0 ? "none" : trusted.map((each) => each.subject).join("; ");
	throw new SignatureError(`signed by a key that is not trusted: the one ${named}; trusted: ${known}`);
}

function digestOf(algorithm: DerReader): string {
	const id = algorithm.next("algorithm", TAG.oid);
	const digest = DIGESTS.find((each) => sameBytes(each.id, id.bytes));
	if (digest) return digest.name;
	throw new SignatureError(`the signature's digest is none of ${DIGESTS.map((each) => each.name).join(", ")}`);
}

function messageDigest(attributes: DerReader): Uint8Array {
	while (!attributes.atEnd) {
		const attribute = attributes.enter("attribute", TAG.sequence);
		const type = attribute.next("attrType", TAG.oid);
		if (sameBytes(type.bytes, MESSAGE_DIGEST))
			return attribute.enter("attrValues", TAG.set).next("messageDigest", TAG.octetString).content;
	}
	throw new SignatureError("the signature has attributes, and the digest is not among them");
}

function expectOid(reader: DerReader, path: string, want: Uint8Array, name: string): void {
	const found = reader.next(path, TAG.oid);
	if (!sameBytes(found.bytes, want))
		throw new FormatError({ section: "DER", offset: found.offset, path }, `is not ${name}`);
}
