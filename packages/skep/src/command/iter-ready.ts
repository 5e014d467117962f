import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { Collection } from "@skep/bpf/collection";
import type { Kernel } from "@skep/bpf/kernel";
import { attachIterator, BpfMap, type IteratorTarget, type Link } from "@skep/bpf/live";
import type { CollectionSpec, ProgramSpec } from "@skep/bpf/spec";
import type { Words } from "#cli";
import { openOne, takeSelector } from "#inspect";
import { readSource, type Source } from "#run";
import type { Over } from "./iter-list.ts";

/** The compiled program of a ready iterator. */
export async function readReady(name: string): Promise<Source> {
	const path = fileURLToPath(new URL(`../../tools/${name}.ts`, import.meta.resolve("skep/kernel")));
	if (!existsSync(path)) throw new BpfError("ERR_FILE", `${path} is missing: this installation of skep is not whole`);
	return readSource(path);
}

/** Of a source's iterators that which writes records, or that which prints text. */
export function iteratorIn({ spec, manifest, name }: Source, wanted: "records" | "text"): ProgramSpec {
	const iterators = [...spec.programs.values()].filter((program) => program.attachType === "trace_iter");
	const writes = (program: ProgramSpec) => manifest?.programs.find((row) => row.name === program.name)?.record;
	const found = iterators.find((program) => (writes(program) !== undefined) === (wanted === "records"));
	const any = found ?? iterators[0];
	if (!any) throw new BpfError("ERR_NO_PROGRAM", `${name} has no iterator (a program in a section iter/NAME)`);
	return any;
}

/** What the words say of what is walked over: `pid N`, `tid N`, `cgroup PATH`, `map MAP`. What was opened for it is `held`. */
export function takeOver(
	words: Words,
	kernel: () => Kernel,
	allowed: readonly Over[],
): { target: IteratorTarget; held: BpfMap | undefined } {
	if (words.empty) return { target: {}, held: undefined };
	const keywords = [
		...(allowed.includes("task") ? (["pid", "tid"] as const) : []),
		...(allowed.includes("cgroup") ? (["cgroup"] as const) : []),
		...(allowed.includes("map") ? (["map"] as const) : []),
	];
	if (keywords.length === 0) words.end();
	switch (words.oneOf(keywords, "thing to walk over")) {
		case "pid":
			return { target: { task: { pid: words.number("the process's id") } }, held: undefined };
		case "tid":
			return { target: { task: { tid: words.number("the thread's id") } }, held: undefined };
		case "cgroup":
			return { target: { cgroup: { container: words.next("the cgroup's folder") } }, held: undefined };
		case "map": {
			const map = BpfMap.fromFd(kernel(), openOne(kernel(), "map", takeSelector("map", words)).release());
			return { target: { map }, held: map };
		}
	}
}

/** Where cgroups begin, if nobody says it. @throws NotSupportedError where the kernel has none */
export function rootCgroup(kernel: Kernel): string {
	const all = kernel.places?.cgroups();
	const root = typeof all === "number" ? undefined : all?.[0];
	if (root === undefined)
		throw new NotSupportedError("iterator cgroup", "no hierarchy of cgroups of version 2 is mounted");
	return root;
}

/**
 * Loads one iterator of a spec and makes its link, which lives on when the rest is closed.
 * @throws NotSupportedError on kernels that do not have the iterator
 */
export function linkIterator(kernel: Kernel, spec: CollectionSpec, program: ProgramSpec, over: IteratorTarget): Link {
	using collection = Collection.load(kernel, spec, { programs: ({ name }) => name === program.name });
	const target = program.attachTo === "cgroup" && !over.cgroup ? { cgroup: { container: rootCgroup(kernel) } } : over;
	return attachIterator(collection.program(program.name), target, program.attachTo);
}
