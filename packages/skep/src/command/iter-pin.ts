import { readSource } from "#run";
import { done, type Task } from "./desk.ts";
import { READY } from "./iter-list.ts";
import { iteratorIn, linkIterator, readReady, takeOver } from "./iter-ready.ts";

/** `pin NAME|OBJ|FILE.ts PATH [map MAP|pid N|tid N|cgroup PATH]`: a ready iterator, or the first one of a file. */
export const pin: Task = async (words, desk) => {
	const what = words.next("an iterator's name or a file");
	const path = words.next("the path");
	const { target, held } = takeOver(words, () => desk.kernel, ["map", "task", "cgroup"]);
	using _ = held;
	words.end();
	const source = what in READY ? await readReady(what) : await readSource(what);
	using link = linkIterator(desk.kernel, source.spec, iteratorIn(source, "text"), target);
	link.pin(path);
	return done(desk);
};
