import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { UsageError } from "#cli";
import { runVerb } from "./desk.ts";
import { type Finished, inNamespaces } from "./namespace.test-support.ts";
import { PROG_VERBS } from "./prog-verbs.ts";

const SKEP = fileURLToPath(new URL("../../bin/skep", import.meta.url));
const OBJECT = fileURLToPath(new URL("../../../bpf/testdata/collection/exec.bpf.o", import.meta.url));

/** Runs shell commands with a bpffs of their own at `$FS`; `skep` and `$O` are ours. Undefined: skipped. */
function shell(t: TestContext, script: string): Finished | undefined {
	const folder = mkdtempSync(join(tmpdir(), "skep-prog-"));
	const setUp = `set -e; export FS=${folder} O=${OBJECT}; mount -t bpf bpf $FS || exit 77; skep() { ${process.execPath} ${SKEP} "$@"; }`;
	try {
		return inNamespaces(t, "-m", ["bash", "-c", `${setUp}\n${script}`]);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

const lines = (text: string): string[] => text.trim().split("\n");

test("programs and maps are pinned where bpftool pins them, and bpftool reads them as its own", (t) => {
	if (spawnSync("bpftool", ["version"]).error) return t.skip("needs bpftool");
	const run = shell(
		t,
		`K=$(dirname $O)/../objects/kernel.bpf.o
		skep prog loadall $K $FS/progs pinmaps $FS/kmaps >&2; skep prog load $O $FS/one pinmaps $FS/maps >&2
		bpftool prog loadall $K $FS/progs2 pinmaps $FS/kmaps2 >&2; bpftool prog load $O $FS/two pinmaps $FS/maps2 >&2
		cd $FS
		for d in progs kmaps maps progs2 kmaps2 maps2; do ls -m $d; done
		for d in kmaps kmaps2; do for m in $d/*; do bpftool -j map show pinned $m | grep -o '"name":"[^"]*"'; done | paste -s; done
		for p in progs/look one progs2/look two; do bpftool -j prog show pinned $p; done`,
	);
	if (!run) return undefined;
	assert.equal(run.status, 0, run.stderr);
	const told = lines(run.stdout);
	assert.deepEqual(told.slice(0, 3), told.slice(3, 6));
	assert.equal(told[6], told[7]);
	assert.match(told[6]!, /"name":"kernel\./);
	const shown = told.slice(8).map((line) => {
		const { name, type, gpl_compatible, bytes_xlated } = JSON.parse(line) as Record<string, unknown>;
		return { name, type, gpl_compatible, bytes_xlated };
	});
	assert.deepEqual(shown.slice(0, 2), shown.slice(2));
	assert.deepEqual([shown[1]!.name, shown[1]!.type], ["on_exec", "tracepoint"]);
	return undefined;
});

test("autoattach pins links, and programs where the section does not say enough", (t) => {
	const run = shell(t, `skep prog loadall --json $O $FS/all auto; ls $FS/all >&2`);
	if (!run) return;
	assert.equal(run.status, 0, run.stderr);
	const told = JSON.parse(run.stdout) as { kind: string; name: string; id: number }[];
	assert.deepEqual(
		told.map(({ kind, name }) => `${kind} ${name}`),
		["link on_exec", "link on_raw", "link on_typed", "program filter"],
	);
	assert.ok(told.every(({ id }) => id > 0));
	assert.match(
		run.stderr,
		/note: cannot attach filter: section xdp names no network device.*; the program itself is pinned at/,
	);
});

test("maps that are there are taken instead of new ones: by pin, id, name, index", (t) => {
	const run = shell(
		t,
		`skep prog load --json $O $FS/first pinmaps $FS/maps | grep -o '{[^}]*"counts"[^}]*}'
		skep prog loadall --json $O $FS/second map name counts pinned $FS/maps/counts pinmaps $FS/maps2 | grep -o '{[^}]*"counts"[^}]*}'
		id=$(skep prog loadall --json $O $FS/third map n counts pinned $FS/maps2/counts pinm $FS/maps3 | grep -o '{[^}]*"counts"[^}]*}' | sed 's/.*"id"://; s/,.*//')
		skep prog loadall --json $O $FS/fourth map name counts id $id pinmaps $FS/maps4 | grep -o '{[^}]*"counts"[^}]*}'
		skep prog load $O $FS/no map name lost id $id || echo "status $?"
		skep prog load $O $FS/no map name nope id $id || echo "status $?"
		skep prog load $O $FS/no map name counts pinned $FS/nothing || echo "status $?"
		skep prog load $O $FS/no map name counts id 4294967290 || echo "status $?"
		skep prog load $O $FS/first || echo "status $?"
		skep prog load $O $FS/no type socket map idx 99 id 1 || echo "status $?"
		ls $FS`,
	);
	if (!run) return;
	assert.equal(run.status, 0, run.stderr);
	const told = lines(run.stdout);
	const idOf = (line: string) => (JSON.parse(line) as { id: number }).id;
	assert.equal(new Set(told.slice(0, 3).map(idOf)).size, 1, "one map in all of them");
	assert.deepEqual(told.slice(3), [
		...["status 1", "status 2", "status 1", "status 1", "status 1", "status 2"],
		...["first", "fourth", "maps", "maps.debug", "maps2", "maps3", "maps4", "progs.debug", "second", "third"],
	]);
	assert.match(run.stderr, /map lost: the map that is given for it is another: type hash \(the object wants/);
	assert.match(run.stderr, /has no map nope; there are: 0 /);
	assert.match(run.stderr, /nothing is pinned at .*nothing/);
	assert.match(run.stderr, /there is no map with id 4294967290/);
	assert.match(run.stderr, /EEXIST: something is pinned there already/);
});

test("what fails half way leaves no pin", (t) => {
	const run = shell(
		t,
		`mkdir $FS/all; skep prog load $O $FS/all/filter >/dev/null
		skep prog loadall $O $FS/all pinmaps $FS/maps || echo "status $?"
		ls $FS/all; skep prog loadall $O $FS/with.dot || echo "status $?"`,
	);
	if (!run) return;
	assert.equal(run.status, 0, run.stderr);
	assert.deepEqual(lines(run.stdout), ["status 1", "filter", "status 1"]);
});

test("words that are not understood are refused before the kernel is asked", async () => {
	const rows: readonly (readonly [words: string, text: RegExp])[] = [
		["lod x y", /no "prog lod", did you mean load\?/],
		["load", /prog load: the object is missing/],
		["load x", /prog load: the path is missing after "x"/],
		["load x y nonsense", /"nonsense" is no part of a load: it is one of type, map, /],
		["load x y map by", /"by" is no way to name a map of the object: it is one of name, idx/],
		["load x y map idx three id 1", /idx: "three" is no number/],
		["load x y map name n ids 1", /"ids" is no way to name a map, did you mean id\?/],
		["load x y pinmaps", /the folder is missing after "pinmaps"/],
		["load x y type xdp type tc", /type stands twice/],
	];
	for (const [words, text] of rows) {
		const call = { flags: new Map<string, string | true>(), rest: words.split(" ").filter((word) => word !== "") };
		await assert.rejects(
			runVerb("prog", PROG_VERBS, call),
			(error: Error) => error instanceof UsageError && text.test(error.message),
			words,
		);
	}
});
