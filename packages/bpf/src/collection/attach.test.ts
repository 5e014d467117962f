import assert from "node:assert/strict";
import { test } from "node:test";
import { NotSupportedError } from "#base";
import { encode, insn } from "#isa";
import type { CollectionSpec, MapSpec, ProgramSpec } from "#spec";
import { sectionMeaning } from "#uapi";
import { Collection } from "./index.ts";
import { onKernel } from "./kernel.test-support.ts";

/** A program that counts its runs in map `seen` and returns 0, as the object reader makes it of a section. */
function inSection(section: string): ProgramSpec {
	const meaning = sectionMeaning(section);
	assert.ok(meaning, section);
	const { name, type, attachType, target } = meaning;
	return {
		name: section.replaceAll(/\W/g, "_"),
		insns: encode([
			insn.loadPseudo(1, 2, 0),
			insn.mov(64, 2, { imm: 1 }),
			insn.atomic("add", 8, 1, 0, 2),
			insn.mov(64, 0, { imm: 0 }),
			insn.exit(),
		]),
		references: [{ slot: 0, kind: "map-value", map: "seen", offset: 0 }],
		core: [],
		lines: [],
		btfFunc: 0,
		section,
		hook: name,
		type,
		flags: meaning.sleepable ? 16 : 0,
		autoload: true,
		...(attachType === undefined ? {} : { attachType }),
		...(target === undefined ? {} : { attachTo: target }),
	};
}

const SEEN: MapSpec = {
	name: "seen",
	type: "array",
	keySize: 4,
	valueSize: 8,
	maxEntries: 1,
	flags: 0,
	keyType: 0,
	valueType: 0,
	pinning: "none",
	frozen: false,
};

const collection = (...sections: string[]): CollectionSpec => {
	const programs = sections.map(inSection);
	return {
		name: "made.o",
		byteOrder: "little",
		license: "GPL",
		kernelVersion: 0,
		maps: new Map([["seen", SEEN]]),
		programs: new Map(programs.map((each) => [each.name, each])),
		functions: new Map(),
		variables: new Map(),
		btf: undefined,
		manifest: undefined,
	};
};

test(
	"a collection attaches what sections say, and asks for what they do not",
	onKernel((kernel) => {
		const sections = [
			"uprobe/libc:getppid",
			"uprobe.s",
			"tp/syscalls/sys_enter_getppid",
			"iter/task",
			"perf_event",
			"tcx/ingress",
			"cgroup/connect4",
			"sk_msg",
			"syscall",
		];
		using loaded = Collection.load(kernel, collection(...sections));
		const seen = () => Number(new DataView(loaded.map("seen").lookup(new Uint8Array(4))!.buffer).getBigUint64(0, true));
		const runs = (name: string, target: Parameters<Collection["attach"]>[1]): number => {
			const before = seen();
			const link = loaded.attach(name, target);
			for (let i = 0; i < 3; i++) void process.ppid;
			link.close();
			return seen() - before;
		};
		assert.equal(runs("uprobe_libc_getppid", { pid: process.pid }), 3);
		assert.equal(runs("uprobe_s", { binary: "libc", function: "getppid", pid: process.pid }), 3);
		assert.ok(runs("tp_syscalls_sys_enter_getppid", {}) >= 3);
		assert.equal(runs("iter_task", {}), 0, "an iterator runs when it is read");
		assert.equal(runs("perf_event", { sampling: { event: "context-switches", period: 1_000_000 } }), 0);
		// biome-ignore format: table
		for (const [name, wants] of [["uprobe_s", "binary"], ["perf_event", "sampling"], ["tcx_ingress", "device"], ["cgroup_connect4", "cgroup"], ["sk_msg", "map"]] as const) {
		assert.throws(() => loaded.attach(name), { code: "ERR_NO_TARGET", message: new RegExp(`cannot attach ${name}: section .*; say the ${wants}$`) });
	}
		assert.throws(() => loaded.attach("sk_msg", { map: "sockets" }), {
			code: "ERR_NO_TARGET",
			message: /no map sockets is loaded; there are: seen/,
		});
		assert.throws(() => loaded.attach("tcx_ingress", { device: "no-such0" }), { code: "ENODEV" });
		assert.throws(() => loaded.attach("syscall"), NotSupportedError);
		assert.equal(loaded.links.length, 0);
	}),
);
