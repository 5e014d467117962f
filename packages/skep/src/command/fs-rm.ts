import { resolve } from "node:path";
import { BpfError } from "@skep/bpf/base";
import { entryAt, removeFolder, removeName } from "@skep/bpf/live";
import { STATUS } from "#cli";
import { type PinTree, pinLabel, pinRow, pinTree } from "#inspect";
import { type Desk, type Task, writeJson } from "./desk.ts";

interface Doomed {
	readonly path: string;
	readonly row: PinTree | { readonly name: string; readonly kind: "directory" };
}

/** `rm [-r] PATH …`: all of them are looked at before the first goes; what goes is said. */
export const remove: Task = (words, desk) => {
	const recursive = desk.flags.has("recursive");
	const paths = [words.next("the path"), ...words.rest()].map((path) => resolve(path));
	const doomed = [
		...new Map(paths.flatMap((path) => below(desk, path, recursive)).map((each) => [each.path, each])).values(),
	];
	const gone: object[] = [];
	for (const { path, row } of doomed) {
		if (row.kind === "directory") removeFolder(desk.kernel, path);
		else removeName(desk.kernel, path);
		gone.push({ path, ...told(row) });
		if (!desk.json)
			desk.write(
				`removed ${path}${row.kind === "directory" ? "/" : `: ${pinLabel(row).split("  ").slice(1).join("  ") || row.kind}`}\n`,
			);
	}
	if (desk.json) writeJson(desk, gone);
	return STATUS.ok;
};

const told = (row: Doomed["row"]): object => ({
	kind: row.kind,
	...("id" in row ? { id: row.id, type: row.type, name: row.object } : {}),
});

/** A name and, of a folder, what stands below it first. @throws BpfError for folders without -r, and for the root of a bpffs */
function below({ kernel }: Desk, path: string, recursive: boolean): Doomed[] {
	const entry = entryAt(kernel, path);
	if (entry === "root") throw new BpfError("ERR_FOLDER", `${path} is the root of a bpffs: name what stands in it`);
	if (entry.kind !== "directory") return [{ path, row: pinRow(kernel, path)! }];
	if (!recursive) throw new BpfError("ERR_FOLDER", `${path} is a folder: -r removes it with all that is in it`);
	const walk = (folder: string, entries: readonly PinTree[]): Doomed[] =>
		entries.flatMap((each) => {
			const at = `${folder}/${each.name}`;
			return [...walk(at, each.entries ?? []), { path: at, row: each }];
		});
	return [...walk(path, pinTree(kernel, path)), { path, row: { name: entry.name, kind: "directory" } }];
}
