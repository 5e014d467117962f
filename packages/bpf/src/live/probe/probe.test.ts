import assert from "node:assert/strict";
import { test } from "node:test";
import { LINK_TYPES, type LinkType, MAP_TYPES, type MapType, PROGRAM_TYPES, type ProgramType } from "#uapi";
import { type ProbeAnswer, probeHelper, probeLink, probeMapType, probeProgramType } from "../index.ts";
import { onBothKernels, onKernel } from "../kernel.test-support.ts";

/** `6.18.44` is at least `6.9`. */
const since = (release: string, wanted: string): boolean => {
	const [a = 0, b = 0] = release.split(".").map(Number);
	const [c = 0, d = 0] = wanted.split(".").map(Number);
	return a > c || (a === c && b >= d);
};

test(
	"every type is asked for, and what the kernel's release promises it mostly has",
	onKernel((kernel, t) => {
		const names: [
			string,
			readonly string[],
			(name: string) => ProbeAnswer,
			Readonly<Record<string, { since: string }>>,
		][] = [
			["program", Object.keys(PROGRAM_TYPES), (name) => probeProgramType(kernel, name as ProgramType), PROGRAM_TYPES],
			["map", Object.keys(MAP_TYPES), (name) => probeMapType(kernel, name as MapType), MAP_TYPES],
			["link", Object.keys(LINK_TYPES), (name) => probeLink(kernel, name as LinkType), LINK_TYPES],
		];
		for (const [what, all, probe, table] of names) {
			const by = { yes: [] as string[], no: [] as string[], unknown: [] as string[] };
			for (const name of all) {
				const answer = probe(name);
				by[answer].push(name);
				assert.equal(probe(name), answer);
				// A kernel may lack what it could be built with, but has nothing from the future.
				if (!since(kernel.release, table[name]!.since)) assert.equal(answer, "no", `${what} ${name}`);
			}
			t.diagnostic(`${what}: no ${by.no.join(", ") || "–"}; unknown ${by.unknown.join(", ") || "–"}`);
			const promised = all.filter((name) => since(kernel.release, table[name]!.since));
			assert.ok(by.yes.length > promised.length * 0.6, `${what}: ${by.yes.join(", ")}`);
		}
		for (const type of ["xdp", "tracing", "syscall", "sk_lookup", "struct_ops"] as const)
			if (since(kernel.release, PROGRAM_TYPES[type].since)) assert.equal(probeProgramType(kernel, type), "yes", type);
		for (const type of ["hash", "arena", "task_storage", "hash_of_maps", "struct_ops", "ringbuf"] as const)
			if (since(kernel.release, MAP_TYPES[type].since)) assert.equal(probeMapType(kernel, type), "yes", type);
		for (const type of [
			"perf_event",
			"iter",
			"xdp",
			"tcx",
			"cgroup",
			"raw_tracepoint",
			"tracing",
			"uprobe_multi",
		] as const)
			if (since(kernel.release, LINK_TYPES[type].since)) assert.equal(probeLink(kernel, type), "yes", type);
	}),
);

test(
	"helpers by program type",
	onBothKernels((kernel) => {
		const rows: [ProgramType, number, ProbeAnswer][] = [
			["xdp", 1, "yes"],
			["xdp", 44, "yes"],
			["xdp", 999, "no"],
			["socket_filter", 1, "yes"],
		];
		// The virtual kernel checks programs as they run.
		if (kernel.name === "linux")
			rows.push(
				["socket_filter", 44, "no"],
				["tracepoint", 4, "yes"],
				["xdp", 4, "no"],
				["tracing", 4, "yes"],
				["tracing", 44, "no"],
				["sched_cls", 9, "yes"],
			);
		for (const [type, id, answer] of rows) assert.equal(probeHelper(kernel, type, id), answer, `${type} ${id}`);
	}),
);
