// `sign` and `run --require-signed` through the launcher.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = join(root, "packages/skep/bin/skep");
const work = mkdtempSync(join(tmpdir(), "skep-sign-"));
after(() => rmSync(work, { recursive: true, force: true }));
const skep = (...words: string[]) =>
	spawnSync(process.execPath, [launcher, ...words], { cwd: work, encoding: "utf8", timeout: 60_000 });
const noOpenssl = spawnSync("openssl", ["version"]).error === undefined ? false : "needs openssl, to make keys";

test("what is signed runs, what is not or was changed does not", { skip: noOpenssl }, () => {
	for (const name of ["good", "other"]) {
		const made = spawnSync(
			"openssl",
			[
				"req",
				"-x509",
				"-nodes",
				"-newkey",
				"rsa:2048",
				"-subj",
				`/CN=${name}`,
				"-keyout",
				`${name}.key`,
				"-out",
				`${name}.pem`,
			],
			{ cwd: work },
		);
		assert.equal(made.status, 0);
	}
	const source = join(root, "examples/xdp-filter/xdp-filter.ts");
	const packets = join(root, "examples/xdp-filter/packets.pcapng");
	assert.equal(skep("build", source, "-o", "x.o").status, 0);
	const run = (file: string, certificate: string) =>
		skep("run", "--kernel", "virtual", "--pcap", packets, "--require-signed", "--trusted", certificate, file);

	assert.match(run("x.o", "good.pem").stderr, /x\.o: it has no signature/);
	const signed = skep("sign", "--key", "good.key", "--cert", "good.pem", "-o", "signed.o", "x.o");
	assert.equal(signed.stdout, "signed.o: signed by CN=good; for the kernel to check: filter\n", signed.stderr);
	assert.equal(
		skep("sign", "--check", "--trusted", "good.pem", "--json", "signed.o").stdout,
		'{"file":"signed.o","signer":"CN=good","valid":true}\n',
	);
	const ran = run("signed.o", "good.pem");
	assert.equal(ran.status, 0, ran.stderr);
	assert.match(ran.stdout, /PASS/);
	assert.equal(run("signed.o", "other.pem").status, 1);
	assert.match(
		run("signed.o", "other.pem").stderr,
		/signed\.o: signed by a key that is not trusted.*trusted: CN=other/,
	);

	const bytes = readFileSync(join(work, "signed.o"));
	bytes[100]! ^= 1;
	writeFileSync(join(work, "changed.o"), bytes);
	const changed = run("changed.o", "good.pem");
	assert.equal(changed.status, 1);
	assert.match(changed.stderr, /changed\.o: the content was changed after CN=good signed it/);
	assert.match(run(source, "good.pem").stderr, /is source, and only objects carry signatures/);

	// Refused before Linux is asked for anything, so without privileges too.
	const load = (file: string) =>
		skep("prog", "load", "--require-signed", "--trusted", "good.pem", file, join(work, "no", "pin"));
	assert.match(load("changed.o").stderr, /changed\.o: the content was changed after CN=good signed it/);
	assert.match(load("x.o").stderr, /x\.o: it has no signature/);
	assert.doesNotMatch(load("signed.o").stderr, /signature|changed/);
});

test("a certificate that is out of its time is warned of, and refused by the check", { skip: noOpenssl }, () => {
	for (const words of [
		"req -new -nodes -newkey rsa:2048 -subj /CN=old -keyout old.key -out old.csr",
		"x509 -req -in old.csr -signkey old.key -days -1 -out old.pem",
	])
		assert.equal(spawnSync("openssl", words.split(" "), { cwd: work }).status, 0, words);
	const signed = skep("sign", "--key", "old.key", "--cert", "old.pem", "-o", "old.o", "x.o");
	assert.equal(signed.status, 0, signed.stderr);
	assert.match(signed.stderr, /the certificate CN=old is valid from .* to .*: checks will refuse what it signed/);
	assert.match(
		skep("sign", "--check", "--trusted", "old.pem", "old.o").stderr,
		/old\.o: the certificate CN=old is valid/,
	);
});

test("what sign cannot do is said", { skip: noOpenssl }, () => {
	writeFileSync(join(work, "text"), "no object");
	assert.match(skep("sign", "text").stderr, /sign wants --key KEY\.pem, or --check/);
	assert.match(skep("sign", "--key", "good.key", "--cert", "good.pem", "text").stderr, /text is no ELF object/);
	assert.match(skep("sign", "--key", "good.key", "text").stderr, /good\.key holds no certificate/);
	assert.match(
		skep("sign", "--check", "--trusted", "absent", "text").stderr,
		/absent: no such file or folder of certificates/,
	);
});
