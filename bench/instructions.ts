import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Collection } from "@skep/bpf/collection";
import { readObject } from "@skep/bpf/object";
import { openLinux } from "@skep/linux";
import { type Bench, buildTwin, EXAMPLES, geomean, print, root, run } from "./measure.ts";

interface Size {
	readonly insns: number;
	readonly jited: number;
	readonly verified: number;
}

/** Every program of an object as this kernel has it after loading. */
function sizes(path: string): Size[] {
	using collection = Collection.load(openLinux(), readObject(readFileSync(path), { name: path }));
	return [...collection.programs]
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([name, program]) => {
			const spec = collection.spec.programs.get(name)!;
			const info = program.info();
			return { insns: spec.insns.length / 8, jited: info.jited_prog_len, verified: info.verified_insns };
		});
}

const sum = (list: readonly Size[]): Size => ({
	insns: list.reduce((n, s) => n + s.insns, 0),
	jited: list.reduce((n, s) => n + s.jited, 0),
	verified: list.reduce((n, s) => n + s.verified, 0),
});

/** The six examples against C twins that do the same work, loss counter included; programs of an example summed. */
export default function benchInstructions(bench: Bench): void {
	const rows: (string | number)[][] = [
		["", "insns", "clang", "ratio", "jited bytes", "clang", "verified", "clang", "ratio"],
	];
	const ratios = { insns: [] as number[], verified: [] as number[], jited: [] as number[] };
	for (const name of EXAMPLES) {
		const object = join(bench.folder, `${name}.o`);
		run(join(root, "node_modules/.bin/skep"), ["build", `examples/${name}/${name}.ts`, "-o", object]);
		const ours = sum(sizes(object));
		const theirs = sum(sizes(buildTwin(bench, name)));
		for (const key of ["insns", "verified", "jited"] as const) ratios[key].push(ours[key] / theirs[key]);
		rows.push([
			name,
			ours.insns,
			theirs.insns,
			(ours.insns / theirs.insns).toFixed(2),
			ours.jited,
			theirs.jited,
			ours.verified,
			theirs.verified,
			(ours.verified / theirs.verified).toFixed(2),
		]);
	}
	rows.push([
		"geometric mean",
		"",
		"",
		geomean(ratios.insns).toFixed(2),
		"",
		geomean(ratios.jited).toFixed(2),
		"",
		"",
		geomean(ratios.verified).toFixed(2),
	]);
	print("Instructions against clang-19 -O2 -mcpu=v3 (aim: geometric means at most 1.1)", rows);
}
