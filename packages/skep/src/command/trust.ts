import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { BpfError } from "@skep/bpf/base";
import { KEYRINGS, type ProgramSignatures } from "@skep/bpf/collection";
import { UsageError } from "#cli";
import { readBytes } from "#run/files";
import {
	type Certificate,
	programSignatures,
	readCertificates,
	SignatureError,
	type Verified,
	verifySigned,
} from "#sign";

/** Where certificates are looked for that nobody named. */
const TRUSTED = "/etc/skep/trusted";

/**
 * Checks signatures against the certificates of a file or folder (PEM or DER; default: /etc/skep/trusted). Certificates
 * are read at once; `file` names the object in errors.
 * @throws SignatureError, FormatError
 */
export function trusting(file: string, path: string | undefined): (bytes: Uint8Array) => Verified {
	const certificates = trustedCertificates(path ?? TRUSTED);
	return (bytes) => {
		try {
			return verifySigned(bytes, certificates);
		} catch (error) {
			if (error instanceof SignatureError) throw new SignatureError(`${file}: ${error.message}`, { cause: error });
			throw error;
		}
	};
}

/** What `--keyring NAME` asks of the kernel for the object whose bytes were read. @throws UsageError */
export function kernelChecks(file: string, keyring: string, command: string): (bytes: Uint8Array) => ProgramSignatures {
	const names = Object.keys(KEYRINGS);
	const number = /^\d+$/.test(keyring) ? Number(keyring) : KEYRINGS[keyring as keyof typeof KEYRINGS];
	if (number === undefined)
		throw new UsageError(`--keyring: "${keyring}" is none of ${names.join(", ")}, nor a serial number`, command);
	return (bytes) => ({ signatures: programSignatures(bytes, file), keyring: number });
}

function trustedCertificates(path: string): Certificate[] {
	const found = statSync(path, { throwIfNoEntry: false });
	if (found === undefined)
		throw new BpfError("ERR_FILE", `${path}: no such file or folder of certificates; --trusted PATH names one`);
	const files = found.isDirectory()
		? readdirSync(path)
				.filter((n) => /\.(pem|crt|cer|der|x509)$/.test(n))
				.sort()
		: undefined;
	const certificates = (files?.map((name) => join(path, name)) ?? [path]).flatMap((name) =>
		readCertificates(readBytes(name), name),
	);
	if (certificates.length === 0) throw new SignatureError(`${path} holds no certificate`);
	return certificates;
}
