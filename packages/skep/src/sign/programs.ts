import { FormatError } from "@skep/bpf/base";
import type { Btf } from "@skep/bpf/btf";
import { signablePrograms } from "@skep/bpf/collection";
import { type ElfSection, findSection, readElf, SHT, writeElf } from "@skep/bpf/elf";
import { readObject } from "@skep/bpf/object";
import type { Signer } from "./certificate.ts";
import { signDetached } from "./cms.ts";

/** Holds a JSON object: CMS in base64 by program. */
const SECTION = ".skep.signatures";

/** An object whose programs carry signatures that a kernel checks, and those that could not be signed, with the reason. */
export interface SignedPrograms {
	readonly bytes: Uint8Array;
	readonly signed: readonly string[];
	readonly unsigned: readonly { readonly name: string; readonly reason: string }[];
}

/** Signs each program for the kernel of `btf`; without it, those that are the same on every kernel. @throws FormatError */
export function signPrograms(object: Uint8Array, name: string, signer: Signer, btf: Btf | undefined): SignedPrograms {
	const signatures: Record<string, string> = {};
	const unsigned: { name: string; reason: string }[] = [];
	for (const program of signablePrograms(readObject(object, { name }), btf)) {
		if ("reason" in program) unsigned.push({ name: program.name, reason: program.reason });
		else signatures[program.name] = Buffer.from(signDetached(program.insns, signer)).toString("base64");
	}
	const elf = readElf(object, name);
	const data = new TextEncoder().encode(JSON.stringify(signatures));
	const section: ElfSection = {
		name: SECTION,
		type: SHT.progbits,
		flags: 0,
		align: 1,
		entrySize: 0,
		size: data.length,
		data,
		relocations: [],
	};
	const old = elf.sections.findIndex((each) => each.name === SECTION);
	const sections = old < 0 ? [...elf.sections, section] : elf.sections.with(old, section);
	return { bytes: writeElf({ ...elf, sections }), signed: Object.keys(signatures), unsigned };
}

/** The signatures of an object's programs, by name; empty where it carries none. @throws FormatError */
export function programSignatures(object: Uint8Array, file: string): Map<string, Uint8Array> {
	const data = findSection(object, SECTION, file);
	if (data === undefined) return new Map();
	const bad = (message: string) => new FormatError({ file, section: SECTION, offset: 0, path: "" }, message);
	let value: unknown;
	try {
		value = JSON.parse(new TextDecoder().decode(data));
	} catch (error) {
		throw bad(`is no JSON: ${(error as Error).message}`);
	}
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("is no JSON object");
	return new Map(
		Object.entries(value).map(([name, text]) => {
			if (typeof text !== "string") throw bad(`${name} is no text, expected base64`);
			return [name, new Uint8Array(Buffer.from(text, "base64"))];
		}),
	);
}
