import { NotSupportedError } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import { type Fd, pinFd, refuse } from "@skep/bpf/live";
import type { Words } from "#cli";
import { infoOf, linkType, openOne, type Selector, type ShownKind, takeSelector } from "#inspect";
import { type Desk, done, type Task } from "./desk.ts";

/** `pin PROG PATH`. */
export const pinProgram: Task = (words, desk) => pin("prog", words, desk);
/** `pin MAP PATH`. */
export const pinMap: Task = (words, desk) => pin("map", words, desk);
/** `pin LINK PATH`. */
export const pinLink: Task = (words, desk) => pin("link", words, desk);

/** `pin prog|map|link ID PATH`: the same with the kind as a word, for `skep fs`; an id needs no word before it. */
export const pinObject: Task = (words, desk) => {
	const kind = words.oneOf(["prog", "map", "link"] as const, "kind of object");
	const byId = /^\d+$/.test(words.peek ?? "");
	return pinAs(
		byId ? { by: "id", word: String(words.number("the id")) } : takeSelector(kind, words),
		kind,
		words,
		desk,
	);
};

const pin = (kind: ShownKind, words: Words, desk: Desk): number => pinAs(takeSelector(kind, words), kind, words, desk);

function pinAs(selector: Selector, kind: ShownKind, words: Words, desk: Desk): number {
	const path = words.next("the path");
	words.end();
	using fd: Fd = openOne(desk.kernel, kind, selector);
	pinFd(fd, path);
	return done(desk);
}

/** `detach LINK`. */
export const detachLink: Task = (words, desk) => {
	const selector = takeSelector("link", words);
	words.end();
	const { kernel } = desk;
	using fd = openOne(kernel, "link", selector);
	const result = kernel.bpf("LINK_DETACH", { link_fd: fd.number });
	if (result === -ERRNO.EOPNOTSUPP) {
		const { id, type } = infoOf(kernel, "link", fd.number);
		const why = "it goes when nobody holds it any more: take its pins away, end its processes";
		throw new NotSupportedError(`detaching link ${id} (${linkType(type)})`, why);
	}
	if (result < 0)
		throw refuse(kernel, { syscall: "bpf", command: "LINK_DETACH", errno: -result, what: `detach ${fd.what}` });
	return done(desk);
};
