// Writes the man pages: `npm run man -- [FOLDER]` (packages/skep/man unless said). They are made from the manual's tables
// and the command table, so they are not kept in the repository: scripts/pack.ts makes them for what is published.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMMANDS } from "../packages/skep/src/command/index.ts";
import { manPages } from "../packages/skep/src/manual/index.ts";

/** Writes all pages into a folder of their own, whose content is replaced; returns their names. */
export function writeManPages(folder: string, now = new Date()): readonly string[] {
	const date = now.toLocaleDateString("en-US", { month: "long", day: "numeric", year: "numeric", timeZone: "UTC" });
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
	return manPages(COMMANDS, date).map(({ file, text }) => {
		writeFileSync(join(folder, file), text);
		return file;
	});
}

if (import.meta.main) {
	const folder = process.argv[2] ?? fileURLToPath(new URL("../packages/skep/man", import.meta.url));
	const files = writeManPages(folder);
	console.log(`${folder}: ${files.length} pages`);
}
