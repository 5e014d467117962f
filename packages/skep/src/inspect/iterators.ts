import { formatIp4, formatIp6 } from "#output";
import { linkType, mapType, programType } from "./names.ts";

/** A record of a ready iterator, by the names of its members. */
type Row = Readonly<Record<string, unknown>>;

/** How the records of a ready iterator are shown: texts in the place of numbers, one column for what belongs together. */
type Presentation = (row: Row) => object;

const AF_INET6 = 10;

/** Rows of all ready iterators that are shown otherwise than they are. Numbers of network order are as they stand in memory. */
const PRESENTATIONS: Readonly<Record<string, Presentation>> = {
	vmas: (row) => ({
		...row,
		start: hex(row["start"]),
		end: hex(row["end"]),
		dev: deviceText(Number(row["dev"])),
	}),
	files: (row) => ({ ...row, dev: deviceText(Number(row["dev"])) }),
	tcp: endpoints,
	udp: endpoints,
	maps: (row) => ({ ...row, type: mapType(Number(row["type"])) }),
	programs: (row) => ({
		...row,
		type: programType(Number(row["type"])),
		tag: (row["tag"] as readonly number[]).map((byte) => byte.toString(16).padStart(2, "0")).join(""),
	}),
	links: (row) => ({ ...row, type: linkType(Number(row["type"])) }),
	ksyms: ({ address, type, ...row }) => ({
		address: hex(address),
		type: String.fromCharCode(Number(type)),
		...row,
	}),
};

const hex = (value: unknown): string => `0x${(value as bigint).toString(16)}`;

/** `major:minor`, of the kernel's own number. */
const deviceText = (dev: number): string => `${dev >>> 20}:${dev & 0xfffff}`;

/** Two addresses with their ports, of the family that holds. */
function endpoints({ family, localPort, remotePort, local4, remote4, local6, remote6, ...row }: Row): object {
	const six = family === AF_INET6;
	const text = (four: unknown, words: unknown, port: unknown) =>
		six ? `[${formatIp6(words as readonly number[])}]:${port}` : `${formatIp4(Number(four))}:${port}`;
	return {
		...("state" in row ? { state: row["state"] } : {}),
		local: text(local4, local6, localPort),
		remote: text(remote4, remote6, remotePort),
		...row,
	};
}

/** Paths of cgroups by their parents; the first is what the iterator was attached to, at `root`. */
function cgroupPaths(rows: readonly Row[], root: string): object[] {
	const paths = new Map<unknown, string>();
	return rows.map(({ id, parent, name, ...row }) => {
		const above = paths.get(parent);
		const path = above === undefined ? root : `${above === "/" ? "" : above}/${name}`;
		paths.set(id, path);
		return { id, ...row, path };
	});
}

/** Records of the ready iterator `name` as tables and JSON have them. `root`: of cgroups, what was walked over. */
export function presentIterator(name: string, rows: readonly Row[], root: string): readonly object[] {
	if (name === "cgroups") return cgroupPaths(rows, root);
	const how = PRESENTATIONS[name];
	return how ? rows.map(how) : rows;
}
