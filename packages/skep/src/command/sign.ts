import { writeFileSync } from "node:fs";
import { BpfError } from "@skep/bpf/base";
import { type Invocation, STATUS, UsageError, writeError } from "#cli";
import { readBtfFile, readBytes } from "#run/files";
import { outOfTime, readSigner, signFile, signPrograms, splitSignature } from "#sign";
import { fileError } from "./files.ts";
import { trusting } from "./trust.ts";
import { textOf } from "./values.ts";

/** `skep sign --key K.pem [--cert C.pem] [-o OUT] FILE.o`, `skep sign --check [--trusted PATH] FILE.o`. */
export async function run(call: Invocation): Promise<number> {
	const [file, ...more] = call.rest;
	if (file === undefined || more.length > 0) throw new UsageError("sign wants one file: FILE.o", "sign");
	const json = call.flags.has("json");
	const say = (value: Readonly<Record<string, unknown>>, text: string): void => {
		process.stdout.write(`${json ? JSON.stringify(value) : text}\n`);
	};
	if (call.flags.has("check")) {
		const { signer } = trusting(file, textOf(call, "trusted"))(readBytes(file));
		say({ file, signer: signer.subject, valid: true }, `${file}: signed by ${signer.subject}`);
		return STATUS.ok;
	}
	const key = textOf(call, "key");
	if (key === undefined) throw new UsageError("sign wants --key KEY.pem, or --check", "sign");
	const cert = textOf(call, "cert");
	const signer = readSigner(
		{ file: key, bytes: readBytes(key) },
		cert === undefined ? undefined : { file: cert, bytes: readBytes(cert) },
	);
	const output = textOf(call, "output") ?? file;
	const bytes = readBytes(file);
	if (!ELF.every((byte, i) => bytes[i] === byte))
		throw new BpfError("ERR_FILE", `${file} is no ELF object: skep build FILE.ts makes one`);
	const btf = textOf(call, "btf");
	const programs = signPrograms(
		splitSignature(bytes).content,
		file,
		signer,
		btf === undefined ? undefined : readBtfFile(btf),
	);
	const signed = signFile(programs.bytes, signer);
	try {
		writeFileSync(output, signed);
	} catch (error) {
		throw fileError(error, output);
	}
	const { subject } = signer.certificate;
	const expired = outOfTime(signer.certificate);
	if (expired !== undefined) writeError(`${expired}: checks will refuse what it signed`);
	const hint = btf === undefined ? " (--btf FILE signs it for the kernel of that BTF)" : "";
	for (const { name, reason } of programs.unsigned)
		writeError(`program ${name} carries no signature for the kernel to check: ${reason}${hint}\n`);
	const kernel = programs.signed.length === 0 ? "" : `; for the kernel to check: ${programs.signed.join(", ")}`;
	say(
		{ file: output, signer: subject, bytes: signed.length, programs: programs.signed, unsigned: programs.unsigned },
		`${output}: signed by ${subject}${kernel}`,
	);
	return STATUS.ok;
}

const ELF = [0x7f, 0x45, 0x4c, 0x46];
