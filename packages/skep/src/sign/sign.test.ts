import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BpfError } from "@skep/bpf/base";
import fc from "fast-check";
import {
	readCertificates,
	readSigner,
	SignatureError,
	type Signer,
	signDetached,
	signFile,
	splitSignature,
	verifyDetached,
	verifySigned,
} from "./index.ts";

const noOpenssl =
	spawnSync("openssl", ["version"]).error === undefined ? false : "needs openssl, to make keys and to compare";
let folder = "";
const openssl = (...words: string[]) => {
	const { status, stderr } = spawnSync("openssl", words, { cwd: folder, encoding: "utf8" });
	assert.equal(status, 0, stderr);
};
const file = (name: string) => readFileSync(join(folder, name));
const KINDS = {
	rsa: ["-newkey", "rsa:2048"],
	ec: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
} as const;
const signers = new Map<string, Signer>();

before(() => {
	if (noOpenssl) return;
	folder = mkdtempSync(join(tmpdir(), "skep-sign-"));
	for (const [kind, words] of Object.entries(KINDS)) {
		openssl(
			"req",
			"-x509",
			"-nodes",
			...words,
			"-sha256",
			"-days",
			"30",
			"-subj",
			`/CN=skep ${kind}`,
			"-keyout",
			`${kind}.key`,
			"-out",
			`${kind}.pem`,
		);
		signers.set(
			kind,
			readSigner(
				{ file: `${kind}.key`, bytes: file(`${kind}.key`) },
				{ file: `${kind}.pem`, bytes: file(`${kind}.pem`) },
			),
		);
	}
});
after(() => folder !== "" && rmSync(folder, { recursive: true, force: true }));

const content = new TextEncoder().encode("what is signed\n".repeat(50));
const certificates = (...kinds: string[]) => kinds.flatMap((kind) => readCertificates(file(`${kind}.pem`), kind));

test("openssl checks what we sign", { skip: noOpenssl }, () => {
	writeFileSync(join(folder, "content"), content);
	for (const [kind, signer] of signers) {
		writeFileSync(join(folder, "sig"), signDetached(content, signer));
		openssl(
			"cms",
			"-verify",
			"-binary",
			"-inform",
			"DER",
			"-in",
			"sig",
			"-content",
			"content",
			"-certfile",
			`${kind}.pem`,
			"-CAfile",
			`${kind}.pem`,
			"-purpose",
			"any",
			"-out",
			"got",
		);
		assert.deepEqual(new Uint8Array(file("got")), content);
	}
});

test("we check what openssl signs, with attributes and without, by serial number and by key identifier", {
	skip: noOpenssl,
}, () => {
	writeFileSync(join(folder, "content"), content);
	for (const kind of signers.keys())
		for (const flags of [["-noattr"], [], ["-keyid", "-noattr"], ["-md", "sha512"]]) {
			openssl(
				"cms",
				"-sign",
				"-binary",
				"-nocerts",
				...flags,
				"-outform",
				"DER",
				"-in",
				"content",
				"-inkey",
				`${kind}.key`,
				"-signer",
				`${kind}.pem`,
				"-out",
				"sig",
			);
			assert.equal(verifyDetached(content, file("sig"), certificates("rsa", "ec")).subject, `CN=skep ${kind}`);
			const other = content.slice();
			other[7]! ^= 1;
			assert.throws(
				() => verifyDetached(other, file("sig"), certificates("rsa", "ec")),
				/content was changed after CN=skep/,
			);
		}
});

test("a signed file keeps its bytes, takes a new signature in place of the old, and any change is found", {
	skip: noOpenssl,
}, () => {
	const [rsa, ec] = [signers.get("rsa")!, signers.get("ec")!];
	const signed = signFile(content, rsa);
	assert.deepEqual(splitSignature(signed).content, content);
	assert.equal(verifySigned(signed, certificates("rsa")).signer.subject, "CN=skep rsa");
	assert.equal(verifySigned(signFile(signed, ec), certificates("ec")).signer.subject, "CN=skep ec");
	assert.throws(() => verifySigned(signed, certificates("ec")), /key that is not trusted.*trusted: CN=skep ec/);
	assert.throws(() => verifySigned(signed, []), /trusted: none/);
	assert.throws(() => verifySigned(content, certificates("rsa")), /has no signature/);
	assert.throws(
		() => verifyDetached(content, splitSignature(signed).signature!, certificates("rsa"), new Date("2001-01-01")),
		/is valid from/,
	);
	fc.assert(
		fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
			const changed = signed.slice();
			changed[at]! ^= flip;
			try {
				// Bytes that nothing covers (padding of the trailer, the order of optional parts) may change; the content may not.
				assert.deepEqual(verifySigned(changed, certificates("rsa")).content, content);
			} catch (error) {
				assert.ok(error instanceof BpfError, String(error));
			}
		}),
		{ numRuns: 2000, seed: 7 },
	);
});

test("garbage as a signature is a FormatError or a SignatureError", { skip: noOpenssl }, () => {
	const good = signDetached(content, signers.get("rsa")!);
	const trusted = certificates("rsa");
	fc.assert(
		fc.property(
			fc.oneof(
				fc.uint8Array({ maxLength: 200 }),
				fc
					.tuple(fc.nat(good.length), fc.uint8Array({ maxLength: 40 }))
					.map(([cut, tail]) => Uint8Array.of(...good.subarray(0, cut), ...tail)),
			),
			(bytes) => {
				if (Buffer.compare(bytes, good) !== 0) assert.throws(() => verifyDetached(content, bytes, trusted), BpfError);
			},
		),
		{ numRuns: 2000, seed: 8 },
	);
});

test("keys and certificates that do not fit are told", { skip: noOpenssl }, () => {
	const named = (name: string) => ({ file: name, bytes: file(name) });
	assert.throws(() => readSigner(named("rsa.key")), /rsa\.key holds no certificate; .*--cert FILE/);
	assert.throws(() => readSigner(named("rsa.key"), named("ec.pem")), /not that of the certificate CN=skep ec/);
	assert.throws(() => readSigner(named("rsa.pem"), named("rsa.pem")), /rsa\.pem holds no private key/);
	openssl("req", "-x509", "-nodes", "-newkey", "ed25519", "-subj", "/CN=ed", "-keyout", "ed.key", "-out", "ed.pem");
	assert.throws(() => readSigner(named("ed.key"), named("ed.pem")), /ed25519 key; the kernel checks RSA and ECDSA/);
	const both = Buffer.concat([file("rsa.key"), file("rsa.pem")]);
	assert.equal(readSigner({ file: "both.pem", bytes: both }).certificate.subject, "CN=skep rsa");
	assert.throws(
		() =>
			readCertificates(
				new TextEncoder().encode("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
				"x.pem",
			),
		SignatureError,
	);
});
