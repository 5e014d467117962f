import { BpfError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { findSection } from "@skep/bpf/elf";
import { errnoName, type Kernel } from "@skep/bpf/kernel";
import { KernelBtf, openById } from "@skep/bpf/live";
import type { Words } from "#cli";
import { infoOf, noSuchId, openOne, type Selector, takeSelector } from "#inspect";
import { readBytes } from "#run/files";
import type { Desk } from "./desk.ts";
import { textOf } from "./values.ts";

export const RUNNING = "/sys/kernel/btf/vmlinux";
const MODULES = "/sys/kernel/btf/";

/** Types, and which of them are meant; all of them where `ids` is absent. */
export interface BtfSource {
	readonly btf: Btf;
	readonly ids?: readonly number[];
}

/** Types in a file: raw BTF, or the `.BTF` of any ELF file. A module's of this kernel continue the kernel's by themselves. */
export function readTypes(path: string, base?: string): Btf {
	const bytes = readBytes(path);
	const elf = bytes[0] === 0x7f && bytes[1] === 0x45;
	const section = elf ? findSection(bytes, ".BTF", path) : bytes;
	if (section === undefined) throw new BpfError("ERR_NO_BTF", `${path} has no section .BTF: build it with -g`);
	const baseFile = base ?? (path.startsWith(MODULES) && path !== RUNNING ? RUNNING : undefined);
	const options = { file: path, section: elf ? ".BTF" : "BTF" };
	return Btf.decode(section, baseFile === undefined ? options : { ...options, base: readTypes(baseFile) });
}

const KINDS = ["id", "prog", "map", "file"] as const;

/** Takes the words that name types, as `skep btf dump` does: `file FILE`, `id N`, `prog PROG`, `map MAP [key|value|kv|all]`. */
export function takeSource(words: Words, desk: Desk): BtfSource {
	const kind = words.oneOf(KINDS, "source of types");
	const base = textOf(desk, "base-btf");
	switch (kind) {
		case "file":
			return { btf: readTypes(words.next("the file"), base) };
		case "id":
			return { btf: byId(desk.kernel, words.number("id"), base) };
		case "prog":
			return { btf: ofProgram(desk.kernel, takeSelector("prog", words), base) };
		case "map":
			return ofMap(desk.kernel, takeSelector("map", words), words, base);
	}
}

function byId(kernel: Kernel, id: number, base: string | undefined): Btf {
	const fd = openById(kernel, "btf", id);
	if (fd === undefined) throw noSuchId(kernel, "btf", id);
	using found = KernelBtf.fromFd(kernel, fd);
	if (base !== undefined) return found.decode(readTypes(base));
	return found.isKernel && found.name !== "vmlinux" ? found.decode(ofKernel(kernel)) : found.decode();
}

/** @throws BpfError where the kernel shows none */
function ofKernel(kernel: Kernel): Btf {
	const bytes = kernel.btf();
	if (typeof bytes === "number") throw new BpfError("ERR_NO_BTF", `the kernel shows no types: ${errnoName(bytes)}`);
	return Btf.decode(bytes, { section: "vmlinux" });
}

function ofProgram(kernel: Kernel, selector: Selector, base: string | undefined): Btf {
	using program = openOne(kernel, "prog", selector);
	const { id, btf_id } = infoOf(kernel, "prog", program.number);
	if (btf_id === 0) throw new BpfError("ERR_NO_BTF", `program ${id} was loaded without BTF`);
	return byId(kernel, btf_id, base);
}

function ofMap(kernel: Kernel, selector: Selector, words: Words, base: string | undefined): BtfSource {
	using map = openOne(kernel, "map", selector);
	const info = infoOf(kernel, "map", map.number);
	const part = (["key", "value", "kv", "all"] as const).find((each) => each === words.peek);
	if (part) words.next("the part");
	// A struct_ops map has no BTF of its own: its value is a type of the kernel's.
	const kernels = info.btf_vmlinux_value_type_id;
	if (info.btf_id === 0 && kernels === 0) throw new BpfError("ERR_NO_BTF", `map ${info.id} was made without BTF`);
	const btf = kernels > 0 ? ofKernel(kernel) : byId(kernel, info.btf_id, base);
	const key = info.btf_key_type_id;
	const value = kernels > 0 ? kernels : info.btf_value_type_id;
	if (part === "all") return { btf };
	return { btf, ids: part === "key" ? [key] : part === "value" ? [value] : [key, value] };
}
