import { NotSupportedError } from "@skep/bpf/base";
import { ERRNO } from "@skep/bpf/kernel";
import { type Fd, pinFd, refuse } from "@skep/bpf/live";
import type { Words } from "#cli";
import { infoOf, linkType, openOne, type ShownKind, takeSelector } from "#inspect";
import { type Desk, done, type Task } from "./desk.ts";

/** `pin PROG PATH`. */
export const pinProgram: Task = (words, desk) => pin("prog", words, desk);
/** `pin MAP PATH`. */
export const pinMap: Task = (words, desk) => pin("map", words, desk);
/** `pin LINK PATH`. */
export const pinLink: Task = (words, desk) => pin("link", words, desk);

function pin(kind: ShownKind, words: Words, desk: Desk): number {
	const selector = takeSelector(kind, words);
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
