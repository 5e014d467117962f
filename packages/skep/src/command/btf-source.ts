import { BpfError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { findSection } from "@skep/bpf/elf";
import type { Kernel } from "@skep/bpf/kernel";
import { BpfMap, ids, KernelBtf, Program } from "@skep/bpf/live";
import { UsageError } from "#cli";
import { readBytes } from "#run/files";

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

export const SOURCES = "file FILE, prog id|name|pinned|tag X, map id|name|pinned X [key|value|kv|all] or id N";

/** Takes a source off the front of the words, as `skep btf dump` names one. */
export async function takeSource(words: string[], base: string | undefined): Promise<BtfSource> {
	const kind = words.shift();
	switch (kind) {
		case "file":
			return { btf: readTypes(wanted(words, "file", "FILE"), base) };
		case "prog":
			return ofProgram(await openKernel(), words, base);
		case "map":
			return ofMap(await openKernel(), words, base);
		case "id":
			return { btf: byId(await openKernel(), idOf(wanted(words, "id", "N")), base) };
		default:
			throw new UsageError(`btf dump wants ${SOURCES}${kind === undefined ? "" : `, not "${kind}"`}`, "btf");
	}
}

/** Loaded where the kernel is asked: for files it would cost more than the work. */
const openKernel = async (): Promise<Kernel> => (await import("#backend")).chooseKernel("linux").kernel;

function wanted(words: string[], after: string, what: string): string {
	const word = words.shift();
	if (word === undefined) throw new UsageError(`${what} is missing after "${after}"`, "btf");
	return word;
}

function idOf(text: string): number {
	const id = Number(text);
	if (!/^\d+$/.test(text) || id === 0 || id > 0xffffffff) throw new UsageError(`"${text}" is no id`, "btf");
	return id;
}

function byId(kernel: Kernel, id: number, base: string | undefined): Btf {
	using found = KernelBtf.byId(kernel, id);
	if (base !== undefined) return found.decode(readTypes(base));
	return found.isKernel && found.name !== "vmlinux" ? found.decode(readTypes(RUNNING)) : found.decode();
}

function ofProgram(kernel: Kernel, words: string[], base: string | undefined): BtfSource {
	const how = wanted(words, "prog", "id, name, pinned or tag");
	const value = wanted(words, `prog ${how}`, "X");
	using program = openProgram(kernel, how, value);
	const { btf_id: id } = program.info();
	if (id === 0) throw new BpfError("ERR_NO_BTF", `program ${value} was loaded without BTF`);
	return { btf: byId(kernel, id, base) };
}

function openProgram(kernel: Kernel, how: string, value: string): Program {
	switch (how) {
		case "id":
			return Program.byId(kernel, idOf(value));
		case "pinned": {
			const program = Program.fromPin(kernel, value);
			if (!program) throw new BpfError("ERR_FILE", `nothing is pinned at ${value}`);
			return program;
		}
		case "name":
		case "tag":
			return only(
				kernel,
				"prog",
				(id) => Program.byId(kernel, id),
				(program) => nameFits(how === "tag" ? program.info().tag : program.info().name, value, how),
				`program ${how} ${value}`,
			);
		default:
			throw new UsageError(`"prog ${how}": a program is named by id, name, pinned or tag`, "btf");
	}
}

function ofMap(kernel: Kernel, words: string[], base: string | undefined): BtfSource {
	const how = wanted(words, "map", "id, name or pinned");
	const value = wanted(words, `map ${how}`, "X");
	using map = openMap(kernel, how, value);
	const info = map.info();
	const [part] = words;
	const chosen = part === "key" || part === "value" || part === "kv" || part === "all" ? words.shift() : "kv";
	// A struct_ops map has no BTF of its own: its value is a type of the kernel's.
	const ofKernel = info.btf_vmlinux_value_type_id;
	if (info.btf_id === 0 && ofKernel === 0) throw new BpfError("ERR_NO_BTF", `map ${value} was made without BTF`);
	const btf = ofKernel > 0 ? readTypes(RUNNING) : byId(kernel, info.btf_id, base);
	const key = info.btf_key_type_id;
	const valueType = ofKernel > 0 ? ofKernel : info.btf_value_type_id;
	if (chosen === "all") return { btf };
	return { btf, ids: chosen === "key" ? [key] : chosen === "value" ? [valueType] : [key, valueType] };
}

function openMap(kernel: Kernel, how: string, value: string): BpfMap {
	switch (how) {
		case "id":
			return BpfMap.byId(kernel, idOf(value));
		case "pinned": {
			const map = BpfMap.fromPin(kernel, value);
			if (!map) throw new BpfError("ERR_FILE", `nothing is pinned at ${value}`);
			return map;
		}
		case "name":
			return only(
				kernel,
				"map",
				(id) => BpfMap.byId(kernel, id),
				(map) => nameFits(map.info().name, value, how),
				`map name ${value}`,
			);
		default:
			throw new UsageError(`"map ${how}": a map is named by id, name or pinned`, "btf");
	}
}

/** The kernel keeps 15 characters of a name. */
const NAME_MAX = 15;
const nameFits = (has: string, wants: string, how: string): boolean =>
	has === wants || (how === "name" && wants.length > NAME_MAX && has === wants.slice(0, NAME_MAX));

/** The one object that fits. @throws BpfError where there is none, or several */
function only<T extends Disposable & { info(): { readonly id: number } }>(
	kernel: Kernel,
	kind: "prog" | "map",
	open: (id: number) => T,
	fits: (object: T) => boolean,
	what: string,
): T {
	const found: T[] = [];
	for (const id of ids(kernel, kind)) {
		let object: T;
		try {
			object = open(id);
		} catch (error) {
			// Gone since its id was asked for, or of a type that this skep does not know.
			if (error instanceof BpfError && (error.code === "ENOENT" || error.code === "ERR_NOT_SUPPORTED")) continue;
			throw error;
		}
		if (fits(object)) found.push(object);
		else object[Symbol.dispose]();
	}
	const [first, ...more] = found;
	if (first === undefined) throw new BpfError("ERR_NOT_FOUND", `there is no ${what}`);
	if (more.length === 0) return first;
	const list = found.map((o) => o.info().id).join(", ");
	for (const object of found) object[Symbol.dispose]();
	throw new BpfError("ERR_AMBIGUOUS", `there are ${found.length} of ${what}: name one by its id (${list})`);
}
