import { statSync } from "node:fs";
import { BpfError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { findSection } from "@skep/bpf/elf";
import { btfFile } from "#backend";
import { readBytes } from "#run";

/**
 * `--core-btf PATH`: types that CO-RE goes by instead of the kernel's own, of a file (raw BTF, or ELF with .BTF) or of a folder
 * that has some for the kernel's release.
 * @throws BpfError ERR_FILE, ERR_NO_BTF; FormatError
 */
export function coreBtf(path: string): (release: string) => Btf {
	return (release) => {
		const bytes = read(path, release);
		const elf = bytes[0] === 0x7f && bytes[1] === 0x45;
		const types = elf ? findSection(bytes, ".BTF", path) : bytes;
		if (types === undefined) throw new BpfError("ERR_NO_BTF", `--core-btf: ${path} is ELF without a section .BTF`);
		return Btf.decode(types, { file: path, section: elf ? ".BTF" : "BTF" });
	};
}

function read(path: string, release: string): Uint8Array {
	const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
	const bytes = folder ? btfFile(path, release) : readBytes(path);
	if (bytes) return bytes;
	throw new BpfError(
		"ERR_NO_BTF",
		`--core-btf: ${path} has no BTF for ${release}, as ${release}.btf or vmlinux-${release}`,
	);
}
