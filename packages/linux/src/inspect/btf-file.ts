import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Folders of BTF are sorted by system, version and architecture: `ubuntu/20.04/x86_64/5.4.0-26-generic.btf`. */
const MAX_DEPTH = 4;

/**
 * Bytes of BTF for kernels that have none of their own: of the file `path`, or, where that is a folder, of the file for
 * `release` in it (`RELEASE.btf`, `RELEASE`, `vmlinux-RELEASE`, however deep). undefined: the folder has none.
 * @throws the error of node:fs where `path` cannot be read
 */
export function btfFile(path: string, release: string): Uint8Array | undefined {
	if (!statSync(path).isDirectory()) return readFileSync(path);
	const names = new Set([`${release}.btf`, release, `vmlinux-${release}`, `vmlinux-${release}.btf`]);
	const search = (folder: string, depth: number): string | undefined => {
		const entries = readdirSync(folder, { withFileTypes: true });
		const file = entries.find((each) => !each.isDirectory() && names.has(each.name));
		if (file) return join(folder, file.name);
		if (depth === MAX_DEPTH) return undefined;
		for (const each of entries) {
			const found = each.isDirectory() ? search(join(folder, each.name), depth + 1) : undefined;
			if (found) return found;
		}
		return undefined;
	};
	const found = search(path, 0);
	return found === undefined ? undefined : readFileSync(found);
}
