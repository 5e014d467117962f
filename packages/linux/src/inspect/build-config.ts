import { readFileSync } from "node:fs";
import { release } from "node:os";

/** Where distributions and the kernel itself keep the configuration that it was built with, the surest first. */
const PLACES: readonly ((release: string) => string)[] = [
	() => "/proc/config.gz",
	(name) => `/boot/config-${name}`,
	(name) => `/lib/modules/${name}/config`,
	(name) => `/lib/modules/${name}/build/.config`,
	(name) => `/usr/lib/ostree-boot/config-${name}`,
];
/** A configuration is some 300 KB; whatever unpacks to more is none. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Its module is loaded here: every start of the command would pay for it. */
const unpacked = (bytes: Uint8Array): Buffer =>
	process.getBuiltinModule("node:zlib").gunzipSync(bytes, { maxOutputLength: MAX_BYTES });

/** Text of the running kernel's configuration; what kept us from the last place where there is none. */
export function buildConfig(): string | Error {
	const name = release();
	let refusal = new Error("no place is known");
	for (const place of PLACES) {
		try {
			const path = place(name);
			const bytes = readFileSync(path);
			return (path.endsWith(".gz") ? unpacked(bytes) : bytes).toString("utf8");
		} catch (error) {
			refusal = error as Error;
		}
	}
	return refusal;
}
