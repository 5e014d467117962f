import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { BpfError } from "@skep/bpf/base";
import { DerReader, sameBytes, TAG } from "./der.ts";

/** A certificate with what a signature names it by. */
export interface Certificate {
	readonly x509: X509Certificate;
	/** `CN=skep test key` on one line. */
	readonly subject: string;
	/** DER of issuer and serial number, as a signature carries them. */
	readonly issuer: Uint8Array;
	readonly serial: Uint8Array;
	/** Content of the subject key identifier; undefined where the certificate has none. */
	readonly keyId: Uint8Array | undefined;
}

/** Who signs: a private key and its certificate. */
export interface Signer {
	readonly key: KeyObject;
	readonly certificate: Certificate;
}

/** Why a certificate does not count now; undefined: it does. */
export function outOfTime({ x509, subject }: Certificate, now = new Date()): string | undefined {
	const { validFrom, validTo } = x509;
	if (now.getTime() >= Date.parse(validFrom) && now.getTime() <= Date.parse(validTo)) return undefined;
	return `the certificate ${subject} is valid from ${validFrom} to ${validTo}`;
}

/** Something is wrong with a key, a certificate or a signature. */
export class SignatureError extends BpfError {
	constructor(message: string, options?: { cause?: unknown }) {
		super("ERR_SIGNATURE", message, options);
	}
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Content of the OID 2.5.29.14. */
const SUBJECT_KEY_ID = Uint8Array.of(0x55, 0x1d, 0x0e);

/** The certificates of a PEM text or of one DER file. `file` names it in errors. @throws SignatureError, FormatError */
export function readCertificates(bytes: Uint8Array, file: string): Certificate[] {
	const text = new TextDecoder("latin1").decode(bytes);
	const blocks: (string | Uint8Array)[] =
		bytes[0] === TAG.sequence ? [bytes] : [...(text.match(PEM_CERTIFICATE) ?? [])];
	return blocks.map((block) => {
		let x509: X509Certificate;
		try {
			x509 = new X509Certificate(block);
		} catch (cause) {
			throw new SignatureError(`${file} holds no X.509 certificate that can be read: ${(cause as Error).message}`, {
				cause,
			});
		}
		return describe(x509);
	});
}

function describe(x509: X509Certificate): Certificate {
	const tbs = new DerReader(x509.raw).enter("Certificate", TAG.sequence).enter("tbsCertificate", TAG.sequence);
	if (tbs.peek === TAG.context0) tbs.next("version");
	const serial = tbs.next("serialNumber", TAG.integer).bytes;
	tbs.next("signature", TAG.sequence);
	const issuer = tbs.next("issuer", TAG.sequence).bytes;
	tbs.next("validity", TAG.sequence);
	tbs.next("subject", TAG.sequence);
	tbs.next("subjectPublicKeyInfo", TAG.sequence);
	let keyId: Uint8Array | undefined;
	while (!tbs.atEnd) {
		if (tbs.peek !== TAG.context3) {
			tbs.next("optional field");
			continue;
		}
		const extensions = tbs.enter("extensions", TAG.context3).enter("extensions", TAG.sequence);
		while (!extensions.atEnd) {
			const extension = extensions.enter("extension", TAG.sequence);
			const id = extension.next("extnID", TAG.oid);
			if (sameBytes(id.content, SUBJECT_KEY_ID))
				keyId = extension.enter("extnValue", TAG.octetString).next("keyIdentifier", TAG.octetString).content;
		}
	}
	return { x509, subject: x509.subject.replaceAll("\n", ", "), issuer, serial, keyId };
}

/**
 * A private key (PEM) and its certificate, which stands in the same file (as the kernel's `signing_key.pem`) or in one of
 * its own. RSA or ECDSA: what the kernel's PKCS#7 parser takes.
 * @throws SignatureError where the key cannot be read, is of another kind, or is not the certificate's.
 */
export function readSigner(
	key: { readonly file: string; readonly bytes: Uint8Array },
	certificate?: { readonly file: string; readonly bytes: Uint8Array },
): Signer {
	const source = certificate ?? key;
	const [found] = readCertificates(source.bytes, source.file);
	if (found === undefined) {
		const hint =
			certificate === undefined ? "; a signature names its key by one: append it, or name it by --cert FILE" : "";
		throw new SignatureError(`${source.file} holds no certificate${hint}`);
	}
	let secret: KeyObject;
	try {
		secret = createPrivateKey(Buffer.from(key.bytes));
	} catch (cause) {
		throw new SignatureError(`${key.file} holds no private key that can be read: ${(cause as Error).message}`, {
			cause,
		});
	}
	if (secret.asymmetricKeyType !== "rsa" && secret.asymmetricKeyType !== "ec")
		throw new SignatureError(`${key.file}: ${secret.asymmetricKeyType} key; the kernel checks RSA and ECDSA`);
	if (!found.x509.checkPrivateKey(secret))
		throw new SignatureError(`the key of ${key.file} is not that of the certificate ${found.subject}`);
	return { key: secret, certificate: found };
}
