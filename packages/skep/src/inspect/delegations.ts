import { readFileSync } from "node:fs";
import { attempt } from "./proc.ts";

/** What a bpffs lets processes of its user namespace do by a token. The keys of newer bpftools. */
export interface Delegation {
	/** Where it is mounted. */
	readonly token_info: string;
	/** Commands, map types, program types and attach types by the kernel's names; `any`; or bits in hex. */
	readonly allowed_cmds: readonly string[];
	readonly allowed_maps: readonly string[];
	readonly allowed_progs: readonly string[];
	readonly allowed_attachs: readonly string[];
}

/** Of the bpffs that we see mounted, those that delegate something. */
export function delegations(): readonly Delegation[] {
	const lines = (attempt(() => readFileSync("/proc/self/mounts", "utf8")) ?? "").split("\n");
	return lines.flatMap((line) => delegationOf(line) ?? []);
}

/** A line of /proc/mounts; undefined: another file system, or nothing is delegated. */
export function delegationOf(line: string): Delegation | undefined {
	const [, path = "", type, text = ""] = line.split(" ");
	if (type !== "bpf" || !text.includes("delegate_")) return undefined;
	const options = new Map(
		text.split(",").map((each): [string, string] => {
			const at = each.indexOf("=");
			return at < 0 ? [each, ""] : [each.slice(0, at), each.slice(at + 1)];
		}),
	);
	const allowed = (what: string) => (options.get(`delegate_${what}`) ?? "").split(":").filter((word) => word !== "");
	return {
		token_info: unescaped(path),
		allowed_cmds: allowed("cmds"),
		allowed_maps: allowed("maps"),
		allowed_progs: allowed("progs"),
		allowed_attachs: allowed("attachs"),
	};
}

/** /proc/mounts writes blanks and backslashes as octal numbers. */
export const unescaped = (text: string): string =>
	text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** As text: the mount, and a line a kind below it. */
export function delegationText(row: Delegation): string {
	const { token_info, ...allowed } = row;
	const lines = Object.entries(allowed).map(([name, words]) => `\t${name}: ${words.join(" ") || "none"}`);
	return `token_info ${token_info}\n${lines.join("\n")}\n`;
}
