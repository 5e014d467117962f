// The verbs of prog, map and link on both kernels in one process: the same words, the same answers.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BtfBuilder } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { encode, insn } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { attachRawTracepoint, BpfMap, ids, loadBtf, Program } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { Front, onBoth } from "./desk.test-support.ts";

const OBJECT = fileURLToPath(new URL("../../../bpf/testdata/collection/exec.bpf.o", import.meta.url));

const int = (name: string, size: number, signed = false) =>
	({ kind: "int", name, size, bits: size * 8, offset: 0, signed, char: false, bool: false }) as const;

/** `struct peer { __u16 port; enum state state; char name[8]; unsigned flag:1, kind:3; __u64 seen; }` by a u32. */
function typedMap(kernel: Kernel, type: "hash" | "percpu_hash" = "hash"): BpfMap {
	const b = new BtfBuilder();
	const u32 = b.add(int("unsigned int", 4));
	const u16 = b.add(int("unsigned short", 2));
	const u64 = b.add(int("unsigned long long", 8));
	const char = b.add(int("char", 1, true));
	const name = b.add({ kind: "array", type: char, index: u32, length: 8 });
	const values = [
		{ name: "IDLE", value: 0 },
		{ name: "BUSY", value: 1 },
	];
	const state = b.add({ kind: "enum", name: "state", size: 4, signed: false, values });
	const member = (name: string, type: number, bitOffset: number, bitSize = 0) => ({ name, type, bitOffset, bitSize });
	const members = [
		member("port", u16, 0),
		member("state", state, 32),
		member("name", name, 64),
		member("flag", u32, 128, 1),
		member("kind", u32, 129, 3),
		member("seen", u64, 192),
	];
	const peer = b.add({ kind: "struct", name: "peer", size: 32, members });
	using btf = loadBtf(kernel, b.encode());
	return BpfMap.create(kernel, {
		name: "peers",
		type,
		keySize: 4,
		valueSize: 32,
		maxEntries: 8,
		btf: { fd: btf.number, key: u32, value: peer },
	});
}

test(
	"map: entries as bytes, in text and JSON",
	onBoth(async (front) => {
		using map = BpfMap.create(front.kernel, { name: "plain", type: "array", keySize: 4, valueSize: 3, maxEntries: 2 });
		const at = `id ${map.info().id}`;
		assert.equal((await front.run(`map update ${at} key 1 0 0 0 value 0x0a 11 012`)).text, "");
		assert.equal(await front.json(`map update ${at} key hex 01 00 00 00 value hex 0a b 0c`), null);
		assert.equal((await front.run(`map lookup ${at} key 1 0 0 0`)).text, "key: 01 00 00 00  value: 0a 0b 0c\n");
		assert.deepEqual(await front.json(`map lookup ${at} key 1 0 0 0`), {
			key: ["0x01", "0x00", "0x00", "0x00"],
			value: ["0x0a", "0x0b", "0x0c"],
		});
		assert.equal(
			(await front.run(`map dump ${at}`)).text,
			"key: 00 00 00 00  value: 00 00 00\nkey: 01 00 00 00  value: 0a 0b 0c\nFound 2 elements\n",
		);
		assert.equal(
			(await front.run(`map getnext ${at} key 0 0 0 0`)).text,
			"key:\n00 00 00 00\nnext key:\n01 00 00 00\n",
		);
		assert.deepEqual(await front.json(`map getnext ${at}`), { key: null, next_key: ["0x00", "0x00", "0x00", "0x00"] });
		await assert.rejects(front.run(`map getnext ${at} key 1 0 0 0`), /map plain has no key after this one/);
		await assert.rejects(
			front.run(`map update ${at} key 1 0 0 0 value 1 2`),
			/value: map plain has 3 bytes, 2 were given/,
		);
		await assert.rejects(
			front.run(`map update ${at} key 1 0 0 0 value 1 2 3 4`),
			/map plain has 3 bytes, more were given/,
		);
		await assert.rejects(front.run(`map update ${at} key 1 0 0 256 value 1 2 3`), /"256" is no byte/);
		await assert.rejects(front.run(`map update ${at} key 1 0 0 0`), /value DATA is missing/);
		await assert.rejects(front.run(`map lookup ${at}`), /key DATA is missing: map plain has keys of 4 bytes/);
		// An array's keys are indices, whether it has types or not.
		assert.match((await front.run(`map lookup ${at} key json 1`)).text, /^key: 01 00 00 00 {2}value: 0a 0b 0c/);
		await assert.rejects(front.run(`map lookup ${at} key json -1`), /key: -1, expected 0 to 4294967295/);
		await assert.rejects(
			front.run(`map update ${at} key json 1 value json 2`),
			/map plain was made without BTF: say its value as bytes/,
		);
		assert.equal(
			(await front.run(`map dump ${at}`, "p")).text.split("\n    },\n")[1],
			`    {\n        "key": ["0x01","0x00","0x00","0x00"],\n        "value": ["0x0a","0x0b","0x0c"]\n    }\n]\n`,
		);
		const missing = await front.run(`map lookup ${at} key 9 0 0 0`);
		assert.deepEqual([missing.status, missing.text], [1, "key:\n09 00 00 00\n\nNot found\n"]);
		assert.equal(await front.json(`map lookup ${at} key 9 0 0 0`), null);
		await front.run(`map freeze ${at}`);
		await assert.rejects(front.run(`map freeze ${at}`), /the map is frozen already/);
		await assert.rejects(front.run(`map update ${at} key 1 0 0 0 value 1 2 3`), /EPERM|frozen/);
	}),
);

test(
	"map: values by their types",
	onBoth(async (front) => {
		using map = typedMap(front.kernel);
		const at = ["id", String(map.info().id)];
		const json = '{"port": 53, "state": "BUSY", "name": "dns", "flag": 1, "kind": 5, "seen": 18446744073709551615}';
		await front.run(["map", "update", ...at, "key", "json", "7", "value", "json", json]);
		const shown =
			'{"key":7,"value":{"port":53,"state":"BUSY","name":"dns","flag":"0x1","kind":"0x5","seen":18446744073709551615}}';
		assert.equal((await front.run(["map", "lookup", ...at, "key", "json", "7"])).text, `${shown}\n`);
		assert.equal((await front.run(["map", "dump", ...at])).text, `[${shown}]\n`);
		const { text } = await front.run(["map", "dump", ...at], "j");
		assert.ok(text.startsWith('[{"key":["0x07","0x00","0x00","0x00"],"value":["0x35","0x00",'), text);
		assert.ok(text.endsWith(`"formatted":${shown}}]\n`), text);
		await assert.rejects(
			front.run(["map", "update", ...at, "key", "json", "1", "value", "json", '{"state": "ASLEEP"}']),
			/enum state has no ASLEEP; there are IDLE, BUSY/,
		);
		await assert.rejects(
			front.run(["map", "update", ...at, "key", "json", "1", "value", "json", "{"]),
			/\{ is no JSON/,
		);
		await assert.rejects(
			front.run(["map", "update", ...at, "key", "json", "7", "value", "json", "{}", "noexist"]),
			/has this key already/,
		);
		await assert.rejects(
			front.run(["map", "update", ...at, "key", "json", "8", "value", "json", "{}", "exist"]),
			/has no such key/,
		);
		assert.equal((await front.run(["map", "delete", ...at, "key", "json", "7"])).status, 0);
		await assert.rejects(front.run(["map", "delete", ...at, "key", "json", "7"]), /map peers has no such key/);
		assert.equal((await front.run(["map", "dump", ...at], "j")).text, "[]\n");
	}),
);

test(
	"map: a value a CPU",
	onBoth(async (front) => {
		using map = typedMap(front.kernel, "percpu_hash");
		const at = ["id", String(map.info().id)];
		await front.run(["map", "update", ...at, "key", "json", "1", "value", "json", '{"port": 9}']);
		const [entry] = (await front.json(["map", "dump", ...at])) as {
			values: { cpu: number; value: string[] }[];
			formatted: { key: number; values: { cpu: number; value: { port: number } }[] };
		}[];
		assert.equal(entry!.values.length, front.kernel.possibleCpus);
		assert.equal(entry!.values[1]!.value[0], "0x09");
		assert.deepEqual(
			entry!.formatted.values.map(({ cpu, value }) => [cpu, value.port]),
			entry!.values.map((_, cpu) => [cpu, 9]),
		);
		using plain = BpfMap.create(front.kernel, {
			name: "n",
			type: "percpu_array",
			keySize: 4,
			valueSize: 8,
			maxEntries: 1,
		});
		const { text } = await front.run(`map dump id ${plain.info().id}`);
		assert.match(text, /^key:\n00 00 00 00\nvalue \(CPU 00\): 00 00 00 00 00 00 00 00\nvalue \(CPU 01\): /);
	}),
);

test(
	"map: queues and stacks, and maps of programs",
	onBoth(async (front) => {
		using queue = BpfMap.create(front.kernel, { name: "jobs", type: "queue", keySize: 0, valueSize: 4, maxEntries: 2 });
		const at = `id ${queue.info().id}`;
		await front.run(`map enqueue ${at} value 1 0 0 0`);
		await front.run(`map push ${at} value 2 0 0 0`);
		await assert.rejects(front.run(`map push ${at} value 3 0 0 0`), /map jobs is full \(2 entries\)/);
		assert.equal((await front.run(`map peek ${at}`)).text, "value:\n01 00 00 00\n");
		assert.deepEqual(await front.json(`map dequeue ${at}`), { key: [], value: ["0x01", "0x00", "0x00", "0x00"] });
		await front.run(`map pop ${at}`);
		assert.equal((await front.run(`map pop ${at}`)).status, 1);
		assert.equal(await front.json(`map pop ${at}`), null);
		assert.match((await front.run(`map dump ${at}`)).notes[0]!, /has no keys: map peek shows the next/);
		using jumps = BpfMap.create(front.kernel, {
			name: "jumps",
			type: "prog_array",
			keySize: 4,
			valueSize: 4,
			maxEntries: 2,
		});
		using program = plainProgram(front.kernel, "jumper");
		const id = program.info().id;
		await front.run(`map update id ${jumps.info().id} key 1 0 0 0 value id ${id}`);
		const held = (await front.json(`map lookup id ${jumps.info().id} key 1 0 0 0`)) as { value: string[] };
		assert.equal(Buffer.from(held.value.map((byte) => Number(byte))).readUInt32LE(0), id);
		await assert.rejects(front.run(`map peek id ${jumps.info().id}`), /has keys: that is for queues and stacks/);
	}),
);

/** `r0 = 2; exit`. */
function plainProgram(kernel: Kernel, name: string): Program {
	const insns = encode([insn.mov(64, 0, { imm: 2 }), insn.exit()]);
	return Program.load(kernel, { name, type: "xdp", insns, license: "GPL" });
}

test(
	"prog: shown by id, name, tag; objects of one name are told apart",
	onBoth(async (front) => {
		using one = plainProgram(front.kernel, "skep_verbs");
		using two = plainProgram(front.kernel, "skep_verbs");
		const [a, b] = [one.info(), two.info()];
		const row = (await front.json(`prog show id ${a.id}`)) as Record<string, unknown>;
		assert.deepEqual([row["id"], row["type"], row["name"], row["tag"]], [a.id, "xdp", "skep_verbs", a.tag]);
		assert.deepEqual([row["gpl_compatible"], row["bytes_xlated"], row["map_ids"]], [true, 16, undefined]);
		const both = (await front.json("prog show name skep_verbs")) as { id: number }[];
		assert.deepEqual(
			both.map((each) => each.id),
			[a.id, b.id],
		);
		assert.ok(((await front.json(`prog list tag ${a.tag}`)) as unknown[]).length >= 2);
		assert.match(
			(await front.run(`prog show id ${a.id}`)).text,
			new RegExp(`^${a.id}: xdp {2}name skep_verbs {2}tag ${a.tag} {2}gpl\n\t`),
		);
		const table = (await front.run("prog list")).text.split("\n");
		assert.match(table[0]!, /^ *id {2}type +name +tag /);
		assert.ok(table.some((line) => new RegExp(`^ *${b.id} {2}xdp `).test(line)));
		await assert.rejects(
			front.run("prog pin name skep_verbs /sys/fs/bpf/x"),
			new RegExp(`2 programs have the name skep_verbs: say one by id \\(${a.id}, ${b.id}\\)`),
		);
		await assert.rejects(
			front.run("prog show name skep_vrbs"),
			/there is no program with name skep_vrbs, did you mean skep_verbs\?/,
		);
		await assert.rejects(
			front.run("prog show id 4294967295"),
			/there is no program with id 4294967295; the nearest is/,
		);
		await assert.rejects(front.run("prog show nam"), /the program's name is missing after "nam"/);
		await assert.rejects(front.run("prog show idd 7"), /"idd" is no way to name a program, did you mean id\?/);
	}),
);

test(
	"prog: instructions with maps, helpers, source lines; as a graph, to a file; run",
	onBoth(async (front, t) => {
		using collection = Collection.load(front.kernel, readObject(readFileSync(OBJECT), { name: "exec" }));
		const id = collection.program("on_exec").info().id;
		const { text } = await front.run(`prog dump xlated id ${id} linum`);
		assert.match(
			text,
			/^int on_exec\(void \* ctx\):\n; struct event \*e = bpf_ringbuf_reserve\(.*\[file:\.\/exec\.bpf\.c line_num:57 line_col:20\]\n {3}0: \(18\) r1 = map\[id:\d+\]\n/,
		);
		assert.equal(text.match(/map\[id:(\d+)\]/)?.[1], String(collection.map("events").info().id));
		assert.match(text, /\d+: \(85\) call bpf_ringbuf_submit#\d+\n/);
		assert.match(text, /lock \*\(u64 \*\)\(r2 \+0\) \+= r1\n/);
		assert.match(text, /goto pc\+\d+\n/);
		assert.match(text, /int fill\(struct event \* e\):\n/);
		const json = (await front.json(`prog dump xlated id ${id} opcodes`)) as Record<string, unknown>[];
		assert.deepEqual(Object.keys(json[0]!), ["proto", "src", "disasm", "opcodes"]);
		const graph = (await front.run(`prog dump xlated id ${id} visual`)).text;
		assert.match(graph, /^digraph [\s\S]*block_0 -> block_\d+ \[style="solid"\];\n[\s\S]*cluster_1[\s\S]*\}\n$/);
		assert.match(
			(await front.run(`prog dump xlated id ${id} svg`)).text,
			/^<svg [\s\S]*>int fill\(struct event \* e\)<[\s\S]*<\/svg>\n$/,
		);
		const blocks = (await front.run(`prog dump xlated id ${id} blocks`)).text;
		assert.match(blocks, /\n *╭─[─ ]+ {2}10: \(55\) if r6 != 0x0 goto pc\+\d+\n/);
		assert.equal((await front.run(`prog dump xlated id ${id}`, "", { width: 200 })).text, blocks);
		await assert.rejects(front.run(`prog dump jited id ${id} svg`), /svg is for text of xlated/);
		const folder = mkdtempSync(join(tmpdir(), "skep-verbs-"));
		t.after(() => rmSync(folder, { recursive: true }));
		const file = join(folder, "out");
		await front.run(["prog", "dump", "xlated", "id", String(id), "file", file]);
		assert.equal(readFileSync(file).length, collection.program("on_exec").info().xlated_prog_len);
		const packet = join(folder, "packet");
		writeFileSync(packet, new Uint8Array(64));
		const filter = collection.program("filter").info().id;
		assert.match(
			(await front.run(["prog", "run", "id", String(filter), "data_in", packet])).text,
			/^Return value: 2, duration: \d+ns\n$/,
		);
		const ran = await front.json([
			"prog",
			"run",
			"id",
			String(filter),
			"data_in",
			packet,
			"data_out",
			"-",
			"repeat",
			"3",
		]);
		assert.deepEqual((ran as { data_out: number[] }).data_out.length, 64);
		if (front.kernel.name === "linux") {
			const jited = (await front.json(`prog dump jited id ${id}`)) as {
				name: string;
				bytes: number;
				insns: { src?: string }[];
			}[];
			assert.deepEqual(
				jited.map((each) => each.name),
				["on_exec", "fill"],
			);
			assert.equal(
				jited.reduce((sum, each) => sum + each.bytes, 0),
				collection.program("on_exec").info().jited_prog_len,
			);
		} else {
			// A WebAssembly module, which is one piece.
			const [module] = (await front.json(`prog dump jited id ${id} opcodes`)) as { bytes: number; insns: object[] }[];
			assert.ok(module!.bytes > 100);
			await front.run(["prog", "dump", "jited", "id", String(id), "file", file]);
			assert.equal(readFileSync(file).toString("latin1", 0, 4), "\0asm");
		}
	}),
);

test(
	"link: shown and detached; what vanishes between listing and showing is passed over",
	onBoth(async (front) => {
		const insns = encode([insn.mov(64, 0, { imm: 0 }), insn.exit()]);
		const type = "raw_tracepoint";
		using program = Program.load(front.kernel, { name: "watch", type, insns, license: "GPL" });
		using link = attachRawTracepoint(program, "sched_process_exit");
		const id = link.info()!.id;
		assert.deepEqual(await front.json(`link show id ${id}`), {
			id,
			type,
			prog_id: program.info().id,
			tp_name: "sched_process_exit",
		});
		assert.match((await front.run("link list")).text, new RegExp(`\n *${id} {2}raw_tracepoint .*sched_process_exit`));
		await assert.rejects(front.run(`link detach id ${id}`), /detaching link \d+ \(raw_tracepoint\) is not supported/);
		// A kernel whose ids are told, and gone when they are opened.
		const { kernel } = front;
		using others = plainProgram(kernel, "others");
		using more = plainProgram(kernel, "more");
		const lost = more.info().id;
		const gone = new Proxy(kernel, {
			get: (target, name) =>
				name === "bpf"
					? (command: "PROG_GET_FD_BY_ID", attr: { id: number }) =>
							command === "PROG_GET_FD_BY_ID" && attr.id === lost ? -2 : target.bpf(command, attr)
					: Reflect.get(target, name, target),
		});
		const listed = (await new Front(gone).json("prog list")) as { id: number }[];
		const seen = new Set(listed.map((each) => each.id));
		assert.ok([...ids(kernel, "prog")].includes(lost) && !seen.has(lost) && seen.has(others.info().id));
		await assert.rejects(
			new Front(gone).run(`prog show id ${lost}`),
			new RegExp(`no program with id ${lost}; the nearest`),
		);
	}),
);

test(
	"words: beginnings, and what is refused",
	onBoth(async (front) => {
		using map = BpfMap.create(front.kernel, { name: "words", type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
		const at = `id ${map.info().id}`;
		assert.match((await front.run(`map du ${at}`)).text, /Found 1 element\n$/);
		assert.match((await front.run(`map d ${at}`)).text, /Found 1 element\n$/);
		assert.match((await front.run(`map l ${at}`)).text, /^\d+: array/);
		await assert.rejects(front.run(`map de ${at}`), /"map de" may be delete or dequeue/);
		await assert.rejects(front.run(`map dmup ${at}`), /no "map dmup", did you mean dump\?/);
		await assert.rejects(front.run(`map dump ${at} more`), /"more" is one word too many/);
		await assert.rejects(front.run(`map dump`), /way to name a map \(id, pinned, name\) is missing/);
		await assert.rejects(front.run("map create /sys/fs/bpf/x type hash key 4 value 4 entries 4"), /name is missing/);
		await assert.rejects(front.run("map create /sys/fs/bpf/x type hsah"), /"hsah" is no map type, did you mean hash\?/);
	}),
);

test("virtual kernel: maps are made and pinned, programs and links too", async () => {
	const { openVirtual } = await import("#backend");
	const front = new Front(openVirtual({ cpus: 2 }));
	await front.run("map create /sys/fs/bpf/made type hash key 4 value 8 entries 16 name made flags 1");
	const row = await front.json("map show pinned /sys/fs/bpf/made");
	assert.deepEqual(row, { id: 1, type: "hash", name: "made", flags: 1, bytes_key: 4, bytes_value: 8, max_entries: 16 });
	await front.run("map pin name made /sys/fs/bpf/again");
	using program = plainProgram(front.kernel, "pinned");
	await front.run("prog pin name pinned /sys/fs/bpf/program");
	assert.equal(((await front.json("prog show pinned /sys/fs/bpf/program")) as { name: string }).name, "pinned");
	await assert.rejects(front.run("map show pinned /sys/fs/bpf/program"), /it is a program/);
	await assert.rejects(front.run("map show pinned /sys/fs/bpf/nothing"), /nothing is pinned at/);
	assert.ok(program.info().id > 0);
});
