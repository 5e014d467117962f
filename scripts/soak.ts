// `npm run soak [-- PROGRAMS [FIRST_SEED]]`: random programs on the virtual kernel and on this machine's Linux (100,000 by
// default), and a table of what was compared. Needs root. Ends with status 1 where the two differ.
import { INSTRUCTIONS } from "@skep/bpf/isa";
import { openLinux } from "@skep/linux";
import { Agreement, virtualKernels } from "../packages/vm/src/engine/agreement.test-support.ts";
import { stayOnOneCpu } from "../packages/vm/src/engine/scene.test-support.ts";

const [programs = 100_000, first = 1] = process.argv.slice(2).map(Number);
if (!Number.isSafeInteger(programs) || !Number.isSafeInteger(first) || programs < 1) {
	console.error("usage: npm run soak [-- PROGRAMS [FIRST_SEED]]");
	process.exit(2);
}
/** Differences beyond some tell nothing new. */
const ENOUGH = 20;

if (!stayOnOneCpu()) {
	console.error("taskset is missing or was refused: per-CPU values would not be the same on every run");
	process.exit(1);
}
const kernel = openLinux();
const virtual = virtualKernels(kernel.possibleCpus);
using agreement = new Agreement(virtual, kernel);
const { tally } = agreement;
const began = performance.now();
let told = began;
for (let seed = first; seed < first + programs && tally.differences.length < ENOUGH; seed++) {
	agreement.compare(seed);
	if (performance.now() - told > 10_000) {
		told = performance.now();
		console.error(`${tally.programs} programs, ${tally.differences.length} differ`);
	}
}
const seconds = (performance.now() - began) / 1000;

const rows: [string, string | number][] = [
	["kernel", kernel.release],
	["node", process.version],
	["engines", Object.keys(virtual).join(", ")],
	["seeds", `${first} to ${first + tally.programs - 1}`],
	["programs", tally.programs],
	["refused by the verifier", tally.refused],
	["runs compared", tally.runs],
	["differences", tally.differences.length],
	["seconds", seconds.toFixed(0)],
];
console.log("| soak: virtual kernel and Linux | |\n| --- | ---: |");
for (const [name, value] of rows) console.log(`| ${name} | ${value} |`);

const groups = new Map<string, [number, number, number]>();
for (const { name, group } of INSTRUCTIONS) {
	const [all, seen, times] = groups.get(group) ?? [0, 0, 0];
	const count = tally.instructions.get(name) ?? 0;
	groups.set(group, [all + 1, seen + Number(count > 0), times + count]);
}
console.log("\n| group | instructions of it | seen | times in a program |\n| --- | ---: | ---: | ---: |");
for (const [group, [all, seen, times]] of groups) console.log(`| ${group} | ${all} | ${seen} | ${times} |`);

for (const [what, counts] of [
	["helper", tally.helpers],
	["map referred to", tally.maps],
] as const) {
	console.log(`\n| ${what} | times in a program |\n| --- | ---: |`);
	for (const [name, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`| ${name} | ${count} |`);
}

if (tally.reasons.size > 0) console.log("\n| the verifier said | programs |\n| --- | ---: |");
for (const [reason, count] of [...tally.reasons].sort((a, b) => b[1] - a[1])) console.log(`| ${reason} | ${count} |`);
for (const d of tally.differences) console.log(`\nvirtual kernel / Linux\n${d.what.join("\n")}\n\n${d.text}`);
process.exitCode = tally.differences.length === 0 ? 0 : 1;
