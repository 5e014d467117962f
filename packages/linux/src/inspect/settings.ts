import { readFileSync } from "node:fs";
import { detachedMount } from "#sys";

/** Text of a file without its newline; undefined where it cannot be read. */
export function textOf(path: string): string | undefined {
	try {
		return readFileSync(path, "utf8").trim();
	} catch {
		return undefined;
	}
}

/** A sysctl's number by its dotted name; undefined where it cannot be read. */
export function sysctl(name: string): number | undefined {
	const text = textOf(`/proc/sys/${name.replaceAll(".", "/")}`);
	return text === undefined || text === "" ? undefined : Number(text);
}

/** `unknown`: securityfs is neither mounted nor may we look into it. */
export type Lockdown = "none" | "integrity" | "confidentiality" | "unknown";

/** The kernel's lockdown mode, which may forbid reading and patching the kernel even to root. */
export function lockdown(): Lockdown {
	const mounted = textOf("/sys/kernel/security/lockdown");
	const own = mounted === undefined ? detachedMount("securityfs") : undefined;
	const text = mounted ?? (typeof own === "string" ? textOf(`${own}/lockdown`) : undefined);
	const chosen = text && /\[(none|integrity|confidentiality)\]/.exec(text)?.[1];
	return (chosen as Lockdown | undefined) ?? "unknown";
}
