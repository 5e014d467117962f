// bpffs on both kernels in one process: Linux's is a mount that only this process holds.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { encode, insn } from "@skep/bpf/isa";
import { attachRawTracepoint, BpfMap, Program } from "@skep/bpf/live";
import { detachedMount } from "@skep/linux";
import { type Front, onBoth } from "./desk.test-support.ts";

/** A folder of a bpffs that nobody else looks into. */
function bpffs(front: Front, t: TestContext): string {
	if (front.kernel.name === "virtual") return "/sys/fs/bpf";
	const mount = detachedMount("bpf");
	assert.equal(typeof mount, "string");
	// The mount is the process's: each test has a folder of its own there.
	const folder = mkdtempSync(`${mount}/test-`);
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

const makeMap = (front: Front): BpfMap => {
	const map = BpfMap.create(front.kernel, { name: "honey", type: "hash", keySize: 4, valueSize: 8, maxEntries: 4 });
	map.update(Uint8Array.of(1, 0, 0, 0), Uint8Array.of(42, 0, 0, 0, 0, 0, 0, 0));
	return map;
};

const makeProgram = (front: Front): Program =>
	Program.load(front.kernel, {
		name: "bee",
		type: "raw_tracepoint",
		license: "GPL",
		insns: encode([insn.mov(64, 0, { imm: 0 }), insn.exit()]),
	});

const folderIn = (front: Front, path: string): void => {
	// On the virtual kernel folders come with what is in them.
	if (front.kernel.name === "linux") mkdirSync(path);
};

test(
	"pins are listed, drawn, read and removed by name, whatever the name",
	onBoth(async (front, t) => {
		const root = bpffs(front, t);
		using map = makeMap(front);
		using program = makeProgram(front);
		using link = attachRawTracepoint(program, "sched_process_exec");
		const [mapId, programId, linkId] = [map.info().id, program.info().id, link.info()!.id];
		folderIn(front, `${root}/hive`);
		await front.run(["fs", "pin", "map", String(mapId), `${root}/🍯`]);
		await front.run(["fs", "pin", "prog", String(programId), `${root}/hive/a bee`]);
		await front.run(["fs", "pin", "link", "id", String(linkId), `${root}/hive/link`]);

		const listed = (await front.json(["fs", "ls", root])) as Record<string, unknown>[];
		assert.deepEqual(
			listed.map(({ name, kind, id, type, object }) => [name, kind, id, type, object]),
			[
				["hive", "directory", undefined, undefined, undefined],
				["🍯", "map", mapId, "hash", "honey"],
			],
		);
		assert.match(String(listed[1]!["mode"]), /^-rw-------$/);
		assert.match(String(listed[1]!["owner"]), /^(root|0):(root|0)$/);
		const one = (await front.json(["fs", "ls", `${root}/hive/link`])) as Record<string, unknown>[];
		assert.deepEqual([one[0]?.["kind"], one[0]?.["type"], one[0]?.["object"]], ["link", "raw_tracepoint", "bee"]);
		assert.equal(
			(await front.run(["fs", "tree", root])).text,
			`${root}
├── hive/
│   ├── a bee  program ${programId} raw_tracepoint bee
│   └── link  link ${linkId} raw_tracepoint bee
└── 🍯  map ${mapId} hash honey
`,
		);
		assert.match(
			(await front.run(["fs", "ls", root])).text,
			/^name +kind +id +type +object +mode +owner\nhive\/ +directory/,
		);

		// As `map dump` and `show` say it.
		assert.equal(
			(await front.run(["fs", "cat", `${root}/🍯`])).text,
			(await front.run(["map", "dump", "id", String(mapId)])).text,
		);
		assert.deepEqual(
			await front.json(["fs", "cat", `${root}/hive/a bee`]),
			await front.json(["prog", "show", "id", String(programId)]),
		);
		assert.deepEqual(
			await front.json(["fs", "cat", `${root}/hive/link`]),
			await front.json(["link", "show", "id", String(linkId)]),
		);

		await assert.rejects(front.run(["fs", "rm", `${root}/hive`]), /is a folder: -r removes it/);
		await assert.rejects(front.run(["fs", "rm", `${root}/🍯`, `${root}/none`]), /nothing is there/);
		assert.equal(
			((await front.json(["fs", "ls", root])) as unknown[]).length,
			2,
			"nothing went before all were looked at",
		);
		assert.equal((await front.run(["fs", "rm", `${root}/🍯`])).text, `removed ${root}/🍯: map ${mapId} hash honey\n`);
		const gone = await front.run(["fs", "rm", `${root}/hive`], "", { flags: { recursive: "" } });
		assert.equal(
			gone.text,
			`removed ${root}/hive/a bee: program ${programId} raw_tracepoint bee
removed ${root}/hive/link: link ${linkId} raw_tracepoint bee
removed ${root}/hive/
`,
		);
		assert.deepEqual(await front.json(["fs", "ls", root]), []);
	}),
);

test(
	"what is no bpffs, has a dot, or is of another kind is said",
	onBoth(async (front, t) => {
		const root = bpffs(front, t);
		using map = makeMap(front);
		const id = String(map.info().id);
		await assert.rejects(
			front.run(["fs", "pin", "map", id, `${root}/a.b`]),
			/names in a bpffs have no dots; take another than a\.b/,
		);
		await assert.rejects(front.run(["fs", "pin", "map", id, "/tmp/x"]), /is not in a BPF file system \(bpffs\)/);
		await assert.rejects(front.run("fs ls /tmp"), /is not in a BPF file system|list \/tmp/);
		await assert.rejects(front.run(["fs", "ls", `${root}/none`]), /nothing is there/);
		await assert.rejects(front.run(["fs", "cat", root]), /is a folder: skep fs ls/);
		await assert.rejects(
			front.run(["fs", "pin", "map", "4000000000", `${root}/x`]),
			/there is no map with id 4000000000/,
		);
		await assert.rejects(front.run(["fs", "pin", "btf", id, `${root}/x`]), /kind of object/);
		const top = front.kernel.name === "linux" ? root.slice(0, root.lastIndexOf("/")) : root;
		await assert.rejects(front.run(["fs", "rm", top], "", { flags: { recursive: "" } }), /is the root of a bpffs/);
		await front.run(["fs", "pin", "map", id, `${root}/x`]);
		await assert.rejects(front.run(["fs", "pin", "map", id, `${root}/x`]), /something is pinned there already/);
		if (front.kernel.name === "virtual") {
			await assert.rejects(front.run("fs mount /tmp"), /has one bpffs/);
			return;
		}
		await assert.rejects(front.run(["fs", "mount", root]), /is a bpffs already/);
		// A symlink goes itself, wherever it leads; one that stands elsewhere is not touched.
		symlinkSync("x", `${root}/to-x`);
		assert.match((await front.run(["fs", "tree", root])).text, /├── to-x -> x\n└── x {2}map/);
		await assert.rejects(front.run(["fs", "cat", `${root}/to-x`]), /is a symlink to x/);
		await front.run(["fs", "rm", `${root}/to-x`]);
		assert.equal(((await front.json(["fs", "ls", root])) as unknown[]).length, 1);
		const outside = mkdtempSync(join(tmpdir(), "skep-fs-"));
		t.after(() => rmSync(outside, { recursive: true }));
		symlinkSync(`${root}/x`, join(outside, "there"));
		writeFileSync(join(outside, "file"), "");
		for (const name of ["there", "file"])
			await assert.rejects(front.run(["fs", "rm", join(outside, name)]), /root of a bpffs|is not in a BPF file system/);
		assert.equal(((await front.json(["fs", "ls", root])) as unknown[]).length, 1);
	}),
);

test("a pinned iterator is read by cat, ours and others'", async (t) => {
	await onBoth(async (front, inner) => {
		if (front.kernel.name === "virtual") return;
		const root = bpffs(front, inner);
		await front.run(["iter", "pin", "tasks", `${root}/tasks`, "pid", String(process.pid)]);
		const { text } = await front.run(["fs", "cat", `${root}/tasks`]);
		assert.match(text, /^ +PID +TID/);
		assert.ok(text.includes(` ${process.pid} `));
		const plain = readFileSync(`${root}/tasks`, "utf8");
		assert.equal(plain.split("\n")[0], text.split("\n")[0]);
		const lines = (await front.json(["fs", "cat", `${root}/tasks`])) as string[];
		assert.equal(lines[0], text.split("\n")[0]);
		for (const name of ["files", "vmas", "tcp", "udp", "unix", "maps", "programs", "links", "ksyms"]) {
			await front.run(["iter", "pin", name, `${root}/${name}`]);
			assert.equal(typeof readFileSync(`${root}/${name}`, "utf8"), "string", name);
		}
		if (typeof front.kernel.places?.cgroups() === "object") {
			await front.run(["iter", "pin", "cgroups", `${root}/cgroups`]);
			assert.match(readFileSync(`${root}/cgroups`, "utf8"), /^ +ID +PARENT/);
		}
		assert.match(readFileSync(`${root}/links`, "utf8"), /^ +ID +TYPE PROGRAM/);
	})(t);
});

test("mount: a bpffs of its own, with what tokens allow", (t) => {
	if (process.getuid?.() !== 0) return t.skip("needs root: mounting wants CAP_SYS_ADMIN");
	const script = fileURLToPath(new URL("fs-child.test-support.ts", import.meta.url));
	const { stdout, stderr, status } = spawnSync("unshare", ["-m", process.execPath, script], { encoding: "utf8" });
	assert.equal(status, 0, stdout + stderr);
});
