import { BpfError } from "@skep/bpf/base";
import type { BtfInfo, Kernel, LinkInfo, MapInfo, ObjectKind, ProgInfo } from "@skep/bpf/kernel";
import { Fd, ids, openById, openPin, refuse } from "@skep/bpf/live";
import { nearest, type Words } from "#cli";

/** What the kernel says of an object, by kind. */
interface Infos {
	prog: ProgInfo;
	map: MapInfo;
	link: LinkInfo;
	btf: BtfInfo;
}
/** Kinds that are listed, pinned and named by words; BTF has an id only. */
export type ShownKind = Exclude<ObjectKind, "btf">;

const WORD: Readonly<Record<ObjectKind, string>> = { prog: "program", map: "map", link: "link", btf: "BTF" };

/** How an object is named on a command line: `id 7`, `pinned /sys/fs/bpf/x`, `tag …`, `name …`. */
export interface Selector {
	readonly by: "id" | "pinned" | "tag" | "name";
	readonly word: string;
}

/** What the kernel says of a descriptor. `ask`: buffers to be filled. @throws BpfError */
export function infoOf<K extends ObjectKind>(
	kernel: Kernel,
	kind: K,
	fd: number,
	ask: Partial<Infos[K]> = {},
): Infos[K] {
	const asked = { bpf_fd: fd, kind, info: ask } as Parameters<typeof kernel.bpf<"OBJ_GET_INFO_BY_FD">>[1];
	const result = kernel.bpf("OBJ_GET_INFO_BY_FD", asked);
	if (result >= 0) return ask as Infos[K];
	const what = `ask about ${WORD[kind]} fd ${fd}`;
	throw refuse(kernel, { syscall: "bpf", command: "OBJ_GET_INFO_BY_FD", errno: -result, what });
}

/** Each object of a kind that is there when it is reached; what vanished since its id was told is passed over. */
export function* everyObject(kernel: Kernel, kind: ShownKind): Generator<number, void, undefined> {
	for (const id of ids(kernel, kind)) {
		const fd = openById(kernel, kind, id);
		if (fd === undefined) continue;
		try {
			yield fd;
		} finally {
			kernel.close(fd);
		}
	}
}

const WAYS = { prog: ["id", "pinned", "tag", "name"], map: ["id", "pinned", "name"], link: ["id", "pinned"] } as const;

/** Takes a selector off the words. @throws UsageError */
export function takeSelector(kind: ShownKind, words: Words): Selector {
	const by = words.oneOf<Selector["by"]>(WAYS[kind], `way to name a ${WORD[kind]}`);
	const word = words.next(`the ${WORD[kind]}'s ${by === "pinned" ? "path" : by}`);
	if (by === "id" && !(/^\d+$/.test(word) && Number(word) <= 0xffff_ffff)) throw words.wrong(`"${word}" is no id`);
	return { by, word };
}

/** Takes what names a map of struct_ops, where something does: an id or a name. @throws UsageError */
export function takeStructOps(words: Words): Selector | undefined {
	if (words.empty) return undefined;
	const by = words.oneOf(["id", "name"] as const, "way to name a struct_ops map");
	return by === "name" ? { by, word: words.next("the map's name") } : { by, word: String(words.number("id")) };
}

/** Whether the words go on with a selector. */
export const namesObject = (kind: ShownKind, words: Words): boolean =>
	words.peek !== undefined && WAYS[kind].some((way) => way.startsWith(words.peek!));

/**
 * Descriptors, the caller's, of the objects that a selector fits: one, or by name and tag several.
 * @throws BpfError ERR_NOT_FOUND with what is there
 */
export function openAll(kernel: Kernel, kind: ShownKind, { by, word }: Selector): Fd[] {
	if (by === "id") {
		const fd = openById(kernel, kind, Number(word));
		if (fd === undefined) throw noSuchId(kernel, kind, Number(word));
		return [new Fd(kernel, fd, `${WORD[kind]} ${word}`)];
	}
	if (by === "pinned") {
		const fd = openPin(kernel, word, kind);
		if (fd === undefined) throw missing(`nothing is pinned at ${word}`);
		return [new Fd(kernel, fd, `${WORD[kind]} pinned at ${word}`)];
	}
	const found: Fd[] = [];
	const names = new Set<string>();
	for (const id of ids(kernel, kind)) {
		const number = openById(kernel, kind, id);
		if (number === undefined) continue;
		const fd = new Fd(kernel, number, `${WORD[kind]} ${id}`);
		const has = nameOf(infoOf(kernel, kind, number), by);
		names.add(has);
		if (has === word || (by === "name" && word.length > NAME_MAX && has === word.slice(0, NAME_MAX))) found.push(fd);
		else fd.close();
	}
	if (found.length > 0) return found;
	const near = nearest(
		word,
		[...names].filter((name) => name !== ""),
	);
	throw missing(`there is no ${WORD[kind]} with ${by} ${word}${near === undefined ? "" : `, did you mean ${near}?`}`);
}

/** The kernel keeps 15 characters of a name. */
const NAME_MAX = 15;

function nameOf(info: ProgInfo | MapInfo | LinkInfo, by: "tag" | "name"): string {
	if (by === "tag") return "tag" in info ? info.tag : "";
	return "name" in info ? info.name : "";
}

const missing = (text: string): BpfError => new BpfError("ERR_NOT_FOUND", text);

/** ERR_NOT_FOUND for an id that no object has, with those on both sides of it. */
export function noSuchId(kernel: Kernel, kind: ObjectKind, id: number): BpfError {
	const all = [...ids(kernel, kind)];
	const below = all.findLast((each) => each < id);
	const above = all.find((each) => each > id);
	const near = [below, above].filter((each) => each !== undefined);
	const there =
		near.length === 0
			? "there is none at all"
			: `the nearest ${near.length === 1 ? "is" : "are"} ${near.join(" and ")}`;
	return missing(`there is no ${WORD[kind]} with id ${id}; ${there}`);
}

/**
 * The one object that a selector fits: a descriptor, the caller's. @throws BpfError ERR_AMBIGUOUS with the ids that it may be,
 * ERR_NOT_FOUND
 */
export function openOne(kernel: Kernel, kind: ShownKind, selector: Selector): Fd {
	const found = openAll(kernel, kind, selector);
	const [first, ...more] = found;
	if (more.length === 0) return first!;
	const list = found.map((fd) => infoOf(kernel, kind, fd.number).id);
	for (const fd of found) fd.close();
	const text = `${list.length} ${WORD[kind]}s have the ${selector.by} ${selector.word}: say one by id (${list.join(", ")})`;
	throw new BpfError("ERR_AMBIGUOUS", text);
}
