import { BpfError } from "@skep/bpf/base";
import { Collection } from "@skep/bpf/collection";
import { attachIterator, BpfMap } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { openOne, takeSelector } from "#inspect";
import { readBytes } from "#run";
import { done, type Task } from "./desk.ts";

/** `pin OBJ PATH [map MAP]`: the first iterator of an object. */
export const pin: Task = (words, desk) => {
	const object = words.next("the object");
	const path = words.next("the path");
	const selector = words.skip("map") ? takeSelector("map", words) : undefined;
	words.end();
	const spec = readObject(readBytes(object), { name: object });
	const first = [...spec.programs.values()].find(
		(program) => program.type === "tracing" && program.attachType === "trace_iter",
	);
	if (!first) throw new BpfError("ERR_NO_PROGRAM", `${object} has no iterator (a program in a section iter/NAME)`);
	const { kernel } = desk;
	using collection = Collection.load(kernel, spec);
	using map = selector ? BpfMap.fromFd(kernel, openOne(kernel, "map", selector).release()) : undefined;
	const program = collection.program(first.name);
	using link = attachIterator(program, map ? { map } : {}, first.attachTo);
	link.pin(path);
	return done(desk);
};
