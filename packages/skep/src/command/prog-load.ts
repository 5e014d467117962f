import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { BpfError, NotSupportedError, SyscallError } from "@skep/bpf/base";
import { Collection, type LoadOptions, type ProgramSignatures } from "@skep/bpf/collection";
import type { Kernel } from "@skep/bpf/kernel";
import { BpfMap, ids, openById, type Program, unpin } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import type { CollectionSpec, MapSpec, ProgramSpec } from "@skep/bpf/spec";
import { BPF_OBJ_NAME_LEN, PROG_FLAGS, PROGRAM_TYPES, type ProgramType, sectionMeaning } from "@skep/bpf/uapi";
import { chooseKernel } from "#backend";
import { type Invocation, STATUS, UsageError, writeError } from "#cli";
import { readBytes } from "#run";
import { coreBtf } from "./core-btf.ts";
import { fileError } from "./files.ts";
import { kernelChecks, trusting } from "./trust.ts";
import { textOf } from "./values.ts";

/** Where a map that is there already is found: `id 7`, `pinned /sys/fs/bpf/x`, `name counts`. */
interface MapPlace {
	readonly by: "id" | "pinned" | "name";
	readonly word: string;
}

/** What a command line asks. */
interface Wish {
	readonly object: string;
	readonly path: string;
	readonly type: string | undefined;
	/** By name, or by place in the object. */
	readonly maps: readonly { readonly of: string | number; readonly place: MapPlace }[];
	readonly pinMaps: string | undefined;
	readonly autoattach: boolean;
	readonly device: { readonly name: string; readonly bound: boolean } | undefined;
}

/** What was pinned, for the listing. */
interface Pinned {
	readonly kind: "program" | "link" | "map";
	readonly name: string;
	readonly id: number;
	readonly path: string;
}

/** `skep prog load OBJ PATH …`: the first program. */
export async function load(call: Invocation): Promise<number> {
	return perform(call, "load");
}

/** `skep prog loadall OBJ PATH …`: each program, in a folder. */
export async function loadAll(call: Invocation): Promise<number> {
	return perform(call, "loadall");
}

function perform(call: Invocation, verb: "load" | "loadall"): number {
	const wish = parse(verb, call.rest);
	const { bytes, signed } = approved(wish.object, call);
	const { kernel } = chooseKernel("linux");
	const spec = retyped(readObject(bytes, { name: wish.object }), wish.type);
	const [first] = [...spec.programs.values()].filter((program) => program.autoload);
	if (!first) throw new BpfError("ERR_NO_PROGRAM", `${wish.object} has no program that is to be loaded`);
	const undo: (() => void)[] = [];
	try {
		using collection = loaded(kernel, spec, wish, { signed, coreBtf: coreTypes(call) });
		for (const note of collection.notes) writeError(`note: ${note}`);
		if (verb === "loadall") makeFolder(wish.path);
		const names = verb === "load" ? [first.name] : [...collection.programs.keys()];
		const done: Pinned[] = names.map((name) => {
			const path = verb === "load" ? wish.path : join(wish.path, pinName(name));
			return pinProgram(collection, name, path, wish.autoattach, undo);
		});
		if (wish.pinMaps !== undefined) done.push(...pinMaps(collection, wish, undo));
		report(done, call.flags.has("json"));
		return STATUS.ok;
	} catch (error) {
		for (const each of undo.reverse()) each();
		throw error;
	}
}

/** The object's bytes, read once: what was checked is what is loaded. */
function approved(object: string, call: Invocation): { bytes: Uint8Array; signed: ProgramSignatures | undefined } {
	const read = readBytes(object);
	const bytes = call.flags.has("require-signed") ? trusting(object, textOf(call, "trusted"))(read).content : read;
	const keyring = textOf(call, "keyring");
	return { bytes, signed: keyring === undefined ? undefined : kernelChecks(object, keyring, "prog")(bytes) };
}

function coreTypes(call: Invocation): LoadOptions["coreBtf"] {
	const path = textOf(call, "core-btf");
	return path === undefined ? undefined : coreBtf(path);
}

/** The kernel says EINVAL to what a device cannot, too. */
function loaded(
	kernel: Kernel,
	spec: CollectionSpec,
	wish: Wish,
	more: Pick<LoadOptions, "signed" | "coreBtf">,
): Collection {
	try {
		return Collection.load(kernel, spec, { ...options(kernel, spec, wish), ...more });
	} catch (error) {
		const { device } = wish;
		if (!device || !(error instanceof SyscallError) || error.code !== "EINVAL") throw error;
		const why = device.bound
			? `programs of another type than XDP cannot be bound to a device, or ${device.name} gives no metadata`
			: `${device.name} has no hardware that runs programs, or not of this type`;
		throw new NotSupportedError(`loading ${wish.object} for ${device.name}`, why);
	}
}

function report(done: readonly Pinned[], json: boolean): void {
	for (const each of done) {
		const text = json ? JSON.stringify(each) : `${each.kind} ${each.name} (id ${each.id}) pinned at ${each.path}`;
		process.stdout.write(`${text}\n`);
	}
}

/** Attached, it is its link that is pinned; where that cannot be, the program itself, and why is said. */
function pinProgram(
	collection: Collection,
	name: string,
	path: string,
	autoattach: boolean,
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
			writeError(`note: ${error.message}; the program itself is pinned at ${path}`);
		}
	}
	program.pin(path);
	undo.push(() => unpin(kernel, path));
	return { kind: "program", name, id: program.info().id, path };
}

function pinMaps(collection: Collection, wish: Wish, undo: (() => void)[]): Pinned[] {
	const folder = wish.pinMaps!;
	makeFolder(folder);
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
 * where that is one of the plain ones. Theirs, so that what reads their pins finds ours.
 */
function libraryName(map: string, object: string): string {
	if (!map.startsWith(".") || map.indexOf(".", 1) > 0) return map;
	const stem = basename(object).split(".")[0]!;
	const room = BPF_OBJ_NAME_LEN - 1 - Math.max(7, map.length);
	return `${stem.slice(0, Math.max(0, room))}${map}`.slice(0, BPF_OBJ_NAME_LEN - 1);
}

function makeFolder(path: string): void {
	try {
		mkdirSync(path, { mode: 0o700 });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw fileError(error, path);
	}
}

function options(kernel: Kernel, spec: CollectionSpec, wish: Wish): NonNullable<Parameters<typeof Collection.load>[2]> {
	const names = [...spec.maps.keys()];
	const reuse = new Map<string, BpfMap>();
	for (const { of, place } of wish.maps) {
		const name = typeof of === "number" ? names[of] : of;
		if (name === undefined || !spec.maps.has(name)) {
			throw new UsageError(
				`${wish.object} has no map ${of}; there are: ${names.map((each, i) => `${i} ${each}`).join(", ") || "none"}`,
				"prog",
			);
		}
		reuse.set(name, found(kernel, place, spec.maps.get(name)!));
	}
	const { device } = wish;
	let ifindex: number | undefined;
	if (device) {
		ifindex = kernel.interfaceIndex(device.name);
		if (ifindex < 0) throw new BpfError("ENODEV", `there is no network device ${device.name}`);
	}
	const bound = device?.bound === true ? PROG_FLAGS.BPF_F_XDP_DEV_BOUND_ONLY : 0;
	return {
		reuse,
		...(ifindex === undefined ? {} : { ifindex }),
		...(bound === 0
			? {}
			: { programFlags: Object.fromEntries([...spec.programs.keys()].map((name) => [name, bound])) }),
	};
}

/** The map that is there. @throws BpfError ERR_NO_MAP */
function found(kernel: Kernel, { by, word }: MapPlace, map: MapSpec): BpfMap {
	if (by === "pinned") {
		const pinned = BpfMap.fromPin(kernel, word);
		if (pinned) return pinned;
		throw new BpfError("ERR_NO_MAP", `nothing is pinned at ${word}`);
	}
	if (by === "id") {
		const number = /^\d+$/.test(word) ? openById(kernel, "map", Number(word)) : undefined;
		if (number !== undefined) return BpfMap.fromFd(kernel, number);
		throw new BpfError("ERR_NO_MAP", `there is no map with id ${word}`);
	}
	const named: BpfMap[] = [];
	for (const id of ids(kernel, "map")) {
		const number = openById(kernel, "map", id);
		if (number === undefined) continue;
		const each = BpfMap.fromFd(kernel, number);
		if (each.name === word) named.push(each);
		else each.close();
	}
	const [one, ...others] = named;
	if (one && others.length === 0) return one;
	const all = named.map((each) => each.info().id).join(", ");
	for (const each of named) each.close();
	throw new BpfError(
		"ERR_NO_MAP",
		one ? `several maps are called ${word}: say one by id (${all})` : `no map is called ${word} for ${map.name}`,
	);
}

/** The spec with another program type for all that is loaded, named as in a section or as the kernel does. */
function retyped(spec: CollectionSpec, type: string | undefined): CollectionSpec {
	if (type === undefined) return spec;
	const meaning = sectionMeaning(type) ?? sectionMeaning(`${type}/`);
	const known = meaning?.type ?? (type in PROGRAM_TYPES ? (type as ProgramType) : undefined);
	if (!known)
		throw new UsageError(`no program type ${type}; sections name them: xdp, tc, cgroup/connect4, tracepoint …`, "prog");
	const programs = [...spec.programs.values()].map((program): [string, ProgramSpec] => {
		const { attachType: _, ...rest } = program;
		return [program.name, { ...rest, type: known, ...(meaning?.attachType ? { attachType: meaning.attachType } : {}) }];
	});
	return { ...spec, programs: new Map(programs) };
}

const WORDS = ["type", "map", "offload_dev", "xdpmeta_dev", "dev", "pinmaps", "autoattach"] as const;

function parse(verb: string, words: readonly string[]): Wish {
	const usage = (text: string): never => {
		throw new UsageError(text, "prog");
	};
	const [object, path, ...rest] = words;
	if (object === undefined || path === undefined)
		return usage(`${verb} wants an object and a path: skep prog ${verb} OBJ PATH`);
	let at = 0;
	const next = (what: string): string => rest[at++] ?? usage(`${verb}: ${what} is missing at the end`);
	const maps: { of: string | number; place: MapPlace }[] = [];
	let type: string | undefined;
	let pinMapsAt: string | undefined;
	let autoattach = false;
	let device: Wish["device"];
	while (at < rest.length) {
		const word = next("a word");
		const keyword =
			WORDS.find((each) => each.startsWith(word)) ?? usage(`${verb}: "${word}" is none of ${WORDS.join(", ")}`);
		switch (keyword) {
			case "type":
				if (type !== undefined) usage(`${verb}: type stands twice`);
				type = next("the type");
				break;
			case "map": {
				const by = next("name or idx");
				if (!"name".startsWith(by) && !"idx".startsWith(by)) usage(`${verb}: map ${by}: name or idx was expected`);
				const which = next("the map's name");
				if ("idx".startsWith(by) && !/^\d+$/.test(which)) usage(`${verb}: map idx ${which}: a number was expected`);
				maps.push({ of: "idx".startsWith(by) ? Number(which) : which, place: place(verb, next) });
				break;
			}
			case "offload_dev":
			case "dev":
			case "xdpmeta_dev":
				if (device) usage(`${verb}: the device stands twice`);
				device = { name: next("the device"), bound: keyword === "xdpmeta_dev" };
				break;
			case "pinmaps":
				pinMapsAt = next("the folder");
				break;
			case "autoattach":
				autoattach = true;
				break;
		}
	}
	return { object, path, type, maps, pinMaps: pinMapsAt, autoattach, device };
}

function place(verb: string, next: (what: string) => string): MapPlace {
	const by = next("id, pinned or name");
	const kind = (["id", "pinned", "name"] as const).find((each) => each.startsWith(by));
	if (!kind) throw new UsageError(`${verb}: a map is said by id, pinned or name, not "${by}"`, "prog");
	return { by: kind, word: next(`what follows ${kind}`) };
}
