// Everything that needs no running: types of each package, formatter and linter. `npm run check`.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name: string) => `${root}node_modules/.bin/${name}`;
const projects = [
	"packages/bpf/tsconfig.json",
	"packages/bpf/tsconfig.test.json",
	"packages/vm/tsconfig.json",
	"packages/vm/tsconfig.test.json",
	"packages/linux/tsconfig.json",
	"packages/compiler/tsconfig.json",
	"packages/compiler/tsconfig.test.json",
	"packages/skep/tsconfig.json",
	"packages/skep/testdata/harness/tsconfig.json",
	"packages/skep/tools/tsconfig.json",
	"tsconfig.json",
	"test/browser/tsconfig.json",
	"examples/tsconfig.json",
].filter((p) => existsSync(root + p));

let failed = 0;
const run = (title: string, command: string, args: string[]) => {
	const r = spawnSync(command, args, { cwd: root, encoding: "utf8" });
	if (r.status === 0) console.log(`ok    ${title}`);
	else {
		failed++;
		console.log(`FAIL  ${title}\n${r.stdout}${r.stderr}`);
	}
};
for (const p of projects) run(`tsc ${p}`, bin("tsc"), ["-p", p]);
run("biome", bin("biome"), ["ci", "--colors=off", "--error-on-warnings", "."]);
process.exit(failed === 0 ? 0 : 1);
