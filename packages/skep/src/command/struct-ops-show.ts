import { BpfError, NotSupportedError } from "@skep/bpf/base";
import type { Btf } from "@skep/bpf/btf";
import { refuse } from "@skep/bpf/live";
import { STATUS, type Words } from "#cli";
import {
	everyStructOps,
	infoOf,
	kernelTypes,
	openAll,
	type StructOpsRow,
	structOpsDump,
	structOpsRow,
	takeStructOps,
} from "#inspect";
import { parseJson, renderTable, toPrettyJson } from "#output";
import { type Desk, type Task, writeJson } from "./desk.ts";

/** `show [MAP]`. */
export const show: Task = (words, desk) => {
	const rows: StructOpsRow[] = [];
	const one = eachTable(words, desk, (fd, types) => {
		const row = structOpsRow(desk.kernel, types, fd);
		if (row) rows.push(row);
	});
	if (desk.json) writeJson(desk, one ? rows[0] : rows);
	else
		desk.write(
			renderTable(
				rows.map(({ id, name, kernel_struct_ops }) => ({ id, name, kernel: kernel_struct_ops })),
				desk.screen,
			),
		);
	return STATUS.ok;
};

/** `dump [MAP]`: JSON in any case, as with bpftool; several lines where nobody asked for JSON. */
export const dump: Task = (words, desk) => {
	const texts: string[] = [];
	const { kernel } = desk;
	eachTable(words, desk, (fd, types) => {
		const info = infoOf(kernel, "map", fd);
		const value = new Uint8Array(info.value_size);
		const result = kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: fd, key: new Uint8Array(4), value });
		if (result < 0)
			throw refuse(kernel, {
				syscall: "bpf",
				command: "MAP_LOOKUP_ELEM",
				errno: -result,
				what: `read map ${info.name}`,
			});
		texts.push(...structOpsDump(kernel, types, fd, value));
	});
	const text = `[${texts.join(",")}]`;
	desk.write(`${desk.json && !desk.pretty ? text : toPrettyJson(parseJson(text))}\n`);
	return STATUS.ok;
};

/** Whether it was one that was named by its id. */
function eachTable(words: Words, desk: Desk, visit: (fd: number, types: Btf) => void): boolean {
	const selector = takeStructOps(words);
	words.end();
	const { kernel } = desk;
	const types = kernelTypes(kernel);
	if (!types) throw new NotSupportedError("struct_ops", `the ${kernel.name} kernel shows no types`);
	if (!selector) {
		for (const fd of everyStructOps(kernel)) visit(fd, types);
		return false;
	}
	const found = openAll(kernel, "map", selector);
	try {
		const tables = found.filter((fd) => structOpsRow(kernel, types, fd.number) !== undefined);
		if (tables.length === 0)
			throw new BpfError("ERR_NOT_FOUND", `map ${selector.word} is no struct_ops map: skep struct_ops show lists them`);
		for (const fd of tables) visit(fd.number, types);
	} finally {
		for (const fd of found) fd.close();
	}
	return selector.by === "id";
}
