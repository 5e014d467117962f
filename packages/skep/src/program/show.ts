import { errnoName } from "@skep/bpf/kernel";
import { compareValues, renderTable, screenOf } from "#output";

/** `-2` or `2` is `ENOENT`; a number that names nothing is itself. */
export function formatErrno(errno: number | bigint): string {
	const n = Math.abs(Number(errno));
	return errnoName(n) ?? String(errno);
}

/** Rows as a table on stdout. `sort`: a column, greatest first; `limit`: rows; `clear`: a fresh screen, on a terminal. */
export function table(
	rows: Iterable<object>,
	options: { readonly sort?: string; readonly limit?: number; readonly clear?: boolean } = {},
): void {
	let list = [...rows];
	const { sort } = options;
	if (sort !== undefined) {
		const of = (row: object) => (row as Readonly<Record<string, unknown>>)[sort];
		list.sort((a, b) => compareValues(of(b), of(a)));
	}
	if (options.limit !== undefined) list = list.slice(0, options.limit);
	const screen = screenOf(process.stdout);
	const clear = options.clear === true ? (process.stdout.isTTY === true ? "\u001b[H\u001b[2J" : "\n") : "";
	process.stdout.write(clear + renderTable(list, screen));
}
