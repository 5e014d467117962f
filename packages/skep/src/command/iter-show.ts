import { BpfError } from "@skep/bpf/base";
import { STATUS } from "#cli";
import { presentIterator } from "#inspect";
import { renderTable } from "#output";
import { readRecords, recordsOf } from "#run";
import { type Task, writeJson } from "./desk.ts";
import { READY } from "./iter-list.ts";
import { iteratorIn, linkIterator, readReady, rootCgroup, takeOver } from "./iter-ready.ts";

/** `tasks [pid N]`, `cgroups [cgroup PATH]` …: one run of a ready iterator. */
export const showIterator =
	(name: string): Task =>
	async (words, desk) => {
		const { over } = READY[name]!;
		const { target } = takeOver(words, () => desk.kernel, over ? [over] : []);
		words.end();
		const source = await readReady(name);
		const { kernel } = desk;
		const program = iteratorIn(source, "records");
		const output = recordsOf(source, program.name);
		if (!output) throw new BpfError("ERR_PROGRAM", `${source.name} writes no records`);
		using link = linkIterator(kernel, source.spec, program, target);
		const records = [...readRecords(link, output)] as Record<string, unknown>[];
		const container = target.cgroup?.container;
		const root = name !== "cgroups" ? "" : typeof container === "string" ? container : rootCgroup(kernel);
		const rows = presentIterator(name, records, root);
		if (desk.json) writeJson(desk, rows);
		else desk.write(renderTable(rows, desk.screen));
		return STATUS.ok;
	};
