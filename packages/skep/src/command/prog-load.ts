import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { BpfError, NotSupportedError, SyscallError } from "@skep/bpf/base";
import { Collection, type LoadOptions, type ProgramSignatures } from "@skep/bpf/collection";
import type { Kernel } from "@skep/bpf/kernel";
import { BpfMap, type Program, unpin } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import type { CollectionSpec, ProgramSpec } from "@skep/bpf/spec";
import { BPF_OBJ_NAME_LEN, PROG_FLAGS, PROGRAM_TYPES, type ProgramType, sectionMeaning } from "@skep/bpf/uapi";
import { STATUS, type Words } from "#cli";
import { openOne, type Selector, takeSelector } from "#inspect";
import { readBytes } from "#run";
import { coreBtf } from "./core-btf.ts";
import { type Desk, type Task, writeJson } from "./desk.ts";
import { fileError } from "./files.ts";
import { kernelChecks, trusting } from "./trust.ts";
import { textOf } from "./values.ts";

/** What a command line asks. */
interface Wish {
	readonly object: string;
	readonly path: string;
	readonly type: string | undefined;
	/** By name, or by place in the object; and the map that is there already. */
	readonly maps: readonly { readonly of: string | number; readonly place: Selector }[];
	readonly pinMaps: string | undefined;
	readonly autoattach: boolean;
	readonly device: { readonly name: string; readonly bound: boolean } | undefined;
	/** Types that CO-RE goes by. */
	readonly types: string | undefined;
}

/** What was pinned, for the listing. */
interface Pinned {
	readonly kind: "program" | "link" | "map";
	readonly name: string;
	readonly id: number;
	readonly path: string;
}

/** `load OBJ PATH …`: the first program. */
export const load: Task = (words, desk) => perform(words, desk, "load");
/** `loadall OBJ PATH …`: each program, in a folder. */
export const loadAll: Task = (words, desk) => perform(words, desk, "loadall");

function perform(words: Words, desk: Desk, verb: "load" | "loadall"): number {
	const wish = parse(words, desk);
	const { bytes, signed } = approved(wish.object, desk);
	const { kernel } = desk;
	const spec = retyped(words, readObject(bytes, { name: wish.object }), wish.type);
	const [first] = [...spec.programs.values()].filter((program) => program.autoload);
	if (!first) throw new BpfError("ERR_NO_PROGRAM", `${wish.object} has no program that is to be loaded`);
	const undo: (() => void)[] = [];
	try {
		using collection = loaded(kernel, spec, wish, {
			...options(words, kernel, spec, wish),
			signed,
			coreBtf: wish.types === undefined ? undefined : coreBtf(wish.types),
			logLevel: desk.debug ? EVERYTHING : 0,
		});
		for (const note of collection.notes) desk.note(`note: ${note}`);
		if (desk.debug) for (const [name, program] of collection.programs) desk.note(`${name}:\n${program.log.trimEnd()}`);
		if (verb === "loadall") makeFolder(kernel, wish.path);
		const names = verb === "load" ? [first.name] : [...collection.programs.keys()];
		const pinned: Pinned[] = names.map((name) => {
			const path = verb === "load" ? wish.path : join(wish.path, pinName(name));
			return pinProgram(collection, name, path, wish.autoattach, desk, undo);
		});
		if (wish.pinMaps !== undefined) pinned.push(...pinMaps(collection, wish, undo));
		if (desk.json) writeJson(desk, pinned);
		else for (const each of pinned) desk.write(`${each.kind} ${each.name} (id ${each.id}) pinned at ${each.path}\n`);
		return STATUS.ok;
	} catch (error) {
		for (const each of undo.reverse()) each();
		throw error;
	}
}

/** The verifier's log with every state, and its statistics. */
const EVERYTHING = 2 | 4;

/** The object's bytes, read once: what was checked is what is loaded. */
function approved(object: string, desk: Desk): { bytes: Uint8Array; signed: ProgramSignatures | undefined } {
	const read = readBytes(object);
	const bytes = desk.flags.has("require-signed") ? trusting(object, textOf(desk, "trusted"))(read).content : read;
	const keyring = textOf(desk, "keyring");
	return { bytes, signed: keyring === undefined ? undefined : kernelChecks(object, keyring, "prog")(bytes) };
}

/** The kernel says EINVAL to what a device cannot, too. */
function loaded(kernel: Kernel, spec: CollectionSpec, wish: Wish, options: LoadOptions): Collection {
	try {
		return Collection.load(kernel, spec, options);
	} catch (error) {
		const { device } = wish;
		if (!device || !(error instanceof SyscallError) || error.code !== "EINVAL") throw error;
		const why = device.bound
			? `programs of another type than XDP cannot be bound to a device, or ${device.name} gives no metadata`
			: `${device.name} has no hardware that runs programs, or not of this type`;
		throw new NotSupportedError(`loading ${wish.object} for ${device.name}`, why);
	}
}

/** Attached, it is its link that is pinned; where that cannot be, the program itself, and why is said. */
function pinProgram(
	collection: Collection,
	name: string,
	path: string,
	autoattach: boolean,
	desk: Desk,
	undo: (() => void)[],
): Pinned {
	const program: Program = collection.program(name);
	const { kernel } = collection;
	if (autoattach) {
		try {
			const link = collection.attach(name);
			link.pin(path);
			undo.push(() => unpin(kernel, path));
			return { kind: "link", name, id: link.info()?.id ?? 0, path };
		} catch (error) {
			const cannot =
				error instanceof NotSupportedError || (error instanceof BpfError && error.code === "ERR_NO_TARGET");
			if (!cannot) throw error;
			desk.note(`note: ${error.message}; the program itself is pinned at ${path}`);
		}
	}
	program.pin(path);
	undo.push(() => unpin(kernel, path));
	return { kind: "program", name, id: program.info().id, path };
}

function pinMaps(collection: Collection, wish: Wish, undo: (() => void)[]): Pinned[] {
	const folder = wish.pinMaps!;
	makeFolder(collection.kernel, folder);
	return [...collection.maps].map(([name, map]) => {
		const path = join(folder, pinName(libraryName(name, wish.object)));
		map.pin(path);
		undo.push(() => unpin(collection.kernel, path));
		return { kind: "map", name, id: map.info().id, path };
	});
}

/** A bpffs takes no dots in names. */
const pinName = (name: string): string => name.replaceAll(".", "_").replaceAll("/", "_");

/**
 * The name that other loaders give to the map of a data section: the object's, as far as there is room, before the section's,
 * where that is one of the plain ones. Theirs, so that what looks for their maps and pins finds ours.
 */
function libraryName(map: string, object: string): string {
	if (!map.startsWith(".") || map.indexOf(".", 1) > 0) return map;
	const stem = basename(object)
		.split(".")[0]!
		.replace(/[^A-Za-z0-9_]/g, "_");
	const room = BPF_OBJ_NAME_LEN - 1 - Math.max(7, map.length);
	return `${stem.slice(0, Math.max(0, room))}${map}`.slice(0, BPF_OBJ_NAME_LEN - 1);
}

/** Folders of a bpffs that is no file system of this process come with what is in them. */
function makeFolder(kernel: Kernel, path: string): void {
	if (kernel.name !== "linux") return;
	try {
		mkdirSync(path, { mode: 0o700 });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw fileError(error, path);
	}
}

function options(words: Words, kernel: Kernel, spec: CollectionSpec, wish: Wish): LoadOptions {
	const names = [...spec.maps.keys()];
	for (const { of } of wish.maps) {
		const name = typeof of === "number" ? names[of] : of;
		if (name !== undefined && spec.maps.has(name)) continue;
		const there = names.map((each, i) => `${i} ${each}`).join(", ") || "none";
		throw words.wrong(`${wish.object} has no map ${of}; there are: ${there}`);
	}
	const { device } = wish;
	const ifindex = device && kernel.interfaceIndex(device.name);
	if (ifindex !== undefined && ifindex < 0) throw new BpfError("ENODEV", `there is no network device ${device!.name}`);
	const bound = device?.bound === true ? PROG_FLAGS.BPF_F_XDP_DEV_BOUND_ONLY : 0;
	return {
		mapName: (name) => libraryName(name, wish.object),
		reuse: reused(kernel, names, wish),
		...(ifindex === undefined ? {} : { ifindex }),
		...(bound === 0
			? {}
			: { programFlags: Object.fromEntries([...spec.programs.keys()].map((name) => [name, bound])) }),
	};
}

/** Maps that are there, by the name in the object. @throws BpfError */
function reused(kernel: Kernel, names: readonly string[], wish: Wish): Map<string, BpfMap> {
	const found = new Map<string, BpfMap>();
	try {
		for (const { of, place } of wish.maps) {
			const name = typeof of === "number" ? names[of]! : of;
			found.get(name)?.close();
			found.set(name, BpfMap.fromFd(kernel, openOne(kernel, "map", place).release()));
		}
		return found;
	} catch (error) {
		for (const map of found.values()) map.close();
		throw error;
	}
}

/** The spec with another program type for all that is loaded, named as in a section or as the kernel does. */
function retyped(words: Words, spec: CollectionSpec, type: string | undefined): CollectionSpec {
	if (type === undefined) return spec;
	const meaning = sectionMeaning(type) ?? sectionMeaning(`${type}/`);
	const known = meaning?.type ?? (type in PROGRAM_TYPES ? (type as ProgramType) : undefined);
	if (!known) throw words.wrong(`no program type ${type}; sections name them: xdp, tc, cgroup/connect4, tracepoint …`);
	const programs = [...spec.programs.values()].map((program): [string, ProgramSpec] => {
		const { attachType: _, ...rest } = program;
		return [program.name, { ...rest, type: known, ...(meaning?.attachType ? { attachType: meaning.attachType } : {}) }];
	});
	return { ...spec, programs: new Map(programs) };
}

const WORDS = ["type", "map", "offload_dev", "xdpmeta_dev", "dev", "pinmaps", "autoattach", "kernel_btf"] as const;

function parse(words: Words, desk: Desk): Wish {
	const object = words.next("the object");
	const path = words.next("the path");
	const maps: { of: string | number; place: Selector }[] = [];
	let type: string | undefined;
	let pinMapsAt: string | undefined;
	let autoattach = false;
	let device: Wish["device"];
	let types = textOf(desk, "core-btf");
	while (!words.empty) {
		const word = words.oneOf(WORDS, "part of a load");
		switch (word) {
			case "type":
				if (type !== undefined) throw words.wrong("type stands twice");
				type = words.next("the type");
				break;
			case "map": {
				const byName = words.oneOf(["name", "idx"], "way to name a map of the object") === "name";
				const of = byName ? words.next("the map's name") : words.number("idx");
				maps.push({ of, place: takeSelector("map", words) });
				break;
			}
			case "offload_dev":
			case "dev":
			case "xdpmeta_dev":
				if (device) throw words.wrong("the device stands twice");
				device = { name: words.next("the device"), bound: word === "xdpmeta_dev" };
				break;
			case "pinmaps":
				pinMapsAt = words.next("the folder");
				break;
			case "autoattach":
				autoattach = true;
				break;
			case "kernel_btf":
				types = words.next("the file");
				break;
		}
	}
	return { object, path, type, maps, pinMaps: pinMapsAt, autoattach, device, types };
}
