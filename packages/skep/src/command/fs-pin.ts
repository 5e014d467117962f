import { resolve } from "node:path";
import { pinFd } from "@skep/bpf/live";
import { openOne } from "#inspect";
import { done, type Task } from "./desk.ts";

/** `pin prog|map|link ID PATH`; the words of `skep prog pin`, `id 7`, are taken too. */
export const pin: Task = (words, desk) => {
	const kind = words.oneOf(["prog", "map", "link"] as const, "kind of object");
	words.skip("id");
	const id = words.number(`the ${kind}'s id`);
	const path = resolve(words.next("the path"));
	words.end();
	using fd = openOne(desk.kernel, kind, { by: "id", word: String(id) });
	pinFd(fd, path);
	return done(desk);
};
