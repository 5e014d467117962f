// `node --import skep/register FILE.ts`: plain JavaScript, so that an older Node can say what it lacks instead of
// stumbling over what it cannot read. An ES module, because Node waits for those before it evaluates FILE.ts.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const home = dirname(dirname(fileURLToPath(import.meta.url)));
const source = new URL("../src/run/register.ts", import.meta.url);
const inSources = existsSync(source);
// Sources need a Node that strips types; what is built from them does not.
const needed = inSources ? [22, 18] : [22, 15];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
	const other = packagedNode();
	const remedy =
		other === undefined
			? "newer ones: https://nodejs.org, or `npm install node@26` in this project"
			: `there is one here: ${other} --import skep/register ${process.argv[1] ?? "FILE.ts"}`;
	process.stderr.write(
		`skep: needs Node ${needed.join(".")} or later, this is Node ${process.versions.node} (${process.execPath})\n      ${remedy}\n`,
	);
	process.exit(1);
}

await import(inSources ? source.href : new URL("../dist/run/register.js", import.meta.url).href);

/** Node as an npm package, in the nearest node_modules that has one. */
function packagedNode() {
	for (let folder = home; ; folder = dirname(folder)) {
		const candidate = join(folder, "node_modules", ".bin", "node");
		if (existsSync(candidate)) return candidate;
		if (folder === dirname(folder)) return undefined;
	}
}
