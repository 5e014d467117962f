// The kernel's own check of signatures: Linux ≥ 6.18 with CONFIG_SYSTEM_DATA_VERIFICATION. Others refuse, and say why.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BpfError, NotSupportedError, SyscallError } from "@skep/bpf/base";
import { Collection, KEYRINGS } from "@skep/bpf/collection";
import { readObject } from "@skep/bpf/object";
import { openLinux } from "@skep/linux";
import { compileFile } from "#run";
import { programSignatures, readSigner, type Signer, signPrograms } from "./index.ts";

const source = fileURLToPath(new URL("../../../../examples/xdp-filter/xdp-filter.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "skep-kernel-sign-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const compiled = async (file: string) => (await compileFile(file)).result.object;
/** Its instructions are all that it is: kernels since 7.2 want every map of a signed program to be signed too. */
const plain = join(folder, "plain.ts");
writeFileSync(
	plain,
	'import { XDP, xdp } from "skep";\nexport const filter = xdp((packet) => (packet.length > 100 ? XDP.DROP : XDP.PASS));\n',
);

const EXTENSIONS = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=digitalSignature"];

function makeSigner(name: string): Signer {
	const file = (ending: string) => join(folder, `${name}.${ending}`);
	const words = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-sha256", "-subj", `/CN=${name}`, ...EXTENSIONS];
	const { status, stderr } = spawnSync("openssl", [...words, "-keyout", file("key"), "-out", file("pem")]);
	assert.equal(status, 0, String(stderr));
	const read = (ending: string) => ({ file: file(ending), bytes: readFileSync(file(ending)) });
	return readSigner(read("key"), read("pem"));
}

/** Undefined: the kernel checks signatures; else why these tests cannot run. */
async function lacking(stranger: () => Signer): Promise<string | undefined> {
	if (process.getuid?.() !== 0) return "needs root";
	if (spawnSync("openssl", ["version"]).error) return "needs openssl, to make keys";
	try {
		await load(plain, stranger());
	} catch (error) {
		if (error instanceof SyscallError && /checks no signatures/.test(error.message)) return error.message;
		if (error instanceof SyscallError && error.code === "ENOKEY") return undefined;
		throw error;
	}
	return "the kernel took a signature of a key that nobody trusts";
}

async function load(file: string, signer: Signer, change?: (insns: Uint8Array) => void): Promise<string[]> {
	const { bytes } = signPrograms(await compiled(file), "signed.o", signer, undefined);
	const spec = readObject(bytes, { name: "signed.o" });
	for (const program of spec.programs.values()) change?.(program.insns);
	const signed = { signatures: programSignatures(bytes, "signed.o"), keyring: KEYRINGS.session };
	using collection = Collection.load(openLinux(), spec, { signed });
	return [...collection.programs.keys()];
}

test("a program that was signed is taken, one that was changed or signed by a stranger is not", async (t: TestContext) => {
	// Under emulation each key takes half a minute.
	let stranger: Signer | undefined;
	const reason = await lacking(() => (stranger = makeSigner("stranger")));
	if (reason !== undefined) return t.skip(reason);
	const signer = makeSigner("friend");
	const added = spawnSync("keyctl", ["padd", "asymmetric", "friend", "@s"], { input: signer.certificate.x509.raw });
	assert.equal(added.status, 0, String(added.stderr));
	assert.equal((await load(plain, signer)).length, 1);
	// Before 7.2 with maps as well.
	try {
		assert.equal((await load(source, signer)).length, 1);
	} catch (error) {
		assert.ok(error instanceof NotSupportedError, String(error));
		assert.match(error.message, /it wants every map of a signed program to be covered by the signature/);
	}

	const failed = (code: string, text: RegExp) => (error: unknown) => {
		assert.ok(error instanceof SyscallError, String(error));
		assert.equal(error.code, code, error.message);
		assert.match(error.message, text);
		return true;
	};
	await assert.rejects(load(plain, stranger!), failed("ENOKEY", /no key of the keyring made the signature/));
	// `mov r0, IMM` before the last exit: another verdict.
	const tamper = (insns: Uint8Array) => {
		const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
		for (let at = insns.length - 8; at >= 0; at -= 8)
			if (insns[at] === 0xb7 || insns[at] === 0xb4) return view.setInt32(at + 4, view.getInt32(at + 4, true) ^ 1, true);
		throw new Error("no move of a constant");
	};
	await assert.rejects(
		load(plain, signer, tamper),
		failed("EKEYREJECTED", /they were changed, or signed for another kernel/),
	);
});

test("what carries no signature is refused before the kernel is asked", {
	skip: process.getuid?.() !== 0 && "needs root",
}, async () => {
	const spec = readObject(await compiled(source), { name: "signed.o" });
	const signed = { signatures: new Map<string, Uint8Array>(), keyring: KEYRINGS.session };
	assert.throws(
		() => Collection.load(openLinux(), spec, { signed }),
		(error: unknown) =>
			error instanceof BpfError &&
			error.code === "ERR_SIGNATURE" &&
			/carries no signature that a kernel can check/.test(error.message),
	);
});
