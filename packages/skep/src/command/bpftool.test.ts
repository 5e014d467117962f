// `skep -j` beside `bpftool -j` on the same live objects, key by key. Objects are our own, made and loaded here.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmdirSync, statfsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Btf } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { encode, insn } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import {
	attachCgroup,
	attachIterator,
	attachRawTracepoint,
	attachTracepoint,
	attachTracing,
	attachUprobe,
	BpfMap,
	type Link,
	Program,
	type ProgramBlueprint,
} from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { MAP_TYPES, type MapType, type ProgramType, sectionMeaning } from "@skep/bpf/uapi";
import { chooseKernel } from "#backend";
import { CGROUP_HOOKS } from "#inspect";
import { Front } from "./desk.test-support.ts";
import { COMMANDS } from "./index.ts";
import { inNamespaces } from "./namespace.test-support.ts";
import { NET_HOOKS } from "./net-attach.ts";
import { SOCKET_HOOKS } from "./prog-attach.ts";

const OBJECTS = fileURLToPath(new URL("../../../bpf/testdata/", import.meta.url));

/** Linux and bpftool, or a skipped test. */
function frontOrSkip(t: TestContext): Front | undefined {
	if (spawnSync("bpftool", ["version"]).error) {
		t.skip("needs bpftool");
		return undefined;
	}
	try {
		return new Front(chooseKernel("linux").kernel);
	} catch (error) {
		t.skip(`needs Linux that permits eBPF: ${(error as Error).message.split("\n")[0]}`);
		return undefined;
	}
}

function bpftool(line: string): unknown {
	const { stdout, stderr } = spawnSync("bpftool", ["-j", ...line.split(" ")], {
		encoding: "utf8",
		timeout: 30_000,
		maxBuffer: 1 << 26,
	});
	assert.notEqual(stdout.trim(), "", `bpftool -j ${line}: ${stderr}`);
	return JSON.parse(stdout);
}

/** Each key that bpftool has, ours has with the same value; ours may have more (owners, what newer kernels tell). */
function agree(theirs: unknown, ours: unknown, at: string): void {
	if (Array.isArray(theirs)) {
		assert.ok(Array.isArray(ours) && ours.length === theirs.length, `${at}: ${theirs.length} elements`);
		for (const [i, each] of theirs.entries()) agree(each, ours[i], `${at}[${i}]`);
	} else if (typeof theirs === "object" && theirs !== null) {
		for (const [key, value] of Object.entries(theirs)) {
			const mine = (ours as Record<string, unknown>)[key];
			// Both round twice; a second more or less is the same time.
			if (key === "loaded_at") assert.ok(Math.abs(Number(mine) - Number(value)) <= 1, `${at}.${key}`);
			// Users of BTF come out of bpftool's hash table in no order.
			else if (at.startsWith("btf ") && Array.isArray(value) && Array.isArray(mine))
				assert.deepEqual([...mine].sort(), [...value].sort(), `${at}.${key}`);
			else agree(value, mine, `${at}.${key}`);
		}
	} else assert.deepEqual(ours, theirs, at);
}

/** bpftool's keys stand in its order. */
function sameOrder(theirs: object, ours: object, at: string): void {
	const known = new Set(Object.keys(theirs));
	assert.deepEqual(
		Object.keys(ours).filter((key) => known.has(key)),
		Object.keys(theirs),
		at,
	);
}

async function compare(front: Front, line: string): Promise<void> {
	const theirs = bpftool(line);
	const ours = await front.json(line);
	agree(theirs, ours, line);
	if (/ show /.test(line)) sameOrder(theirs as object, ours as object, line);
}

test("programs: shown and dumped as bpftool does", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	using collection = Collection.load(
		front.kernel,
		readObject(readFileSync(`${OBJECTS}collection/exec.bpf.o`), { name: "exec" }),
	);
	for (const program of collection.programs.values()) {
		const { id } = program.info();
		await compare(front, `prog show id ${id}`);
		const theirs = bpftool(`prog dump xlated id ${id} linum`) as Record<string, unknown>[];
		const ours = (await front.json(`prog dump xlated id ${id} linum`)) as Record<string, unknown>[];
		assert.equal(ours.length, theirs.length);
		for (const [i, each] of theirs.entries()) {
			// bpftool 7.1 does not know the move that adds this CPU's offset, and shows it as a plain one.
			if (String(ours[i]!["disasm"]).includes("__percpu")) continue;
			agree(each, ours[i], `insn ${i}`);
		}
		const codes = (list: unknown) => (list as { opcodes: unknown }[]).map((each) => each.opcodes);
		agree(
			codes(bpftool(`prog dump xlated id ${id} opcodes`)),
			codes(await front.json(`prog dump xlated id ${id} opcodes`)),
			"opcodes",
		);
	}
	const types: readonly [ProgramType, Partial<ProgramBlueprint>][] = [
		["socket_filter", {}],
		["sched_cls", {}],
		["cgroup_skb", {}],
		["cgroup_sock_addr", { attachType: "cgroup_inet4_bind" }],
		["sk_lookup", { attachType: "sk_lookup" }],
		["perf_event", {}],
		["lwt_xmit", {}],
		["flow_dissector", {}],
		["sock_ops", {}],
		["sk_msg", {}],
		["syscall", { flags: 16 }],
	];
	for (const [type, more] of types) {
		const insns = encode([insn.mov(64, 0, { imm: 1 }), insn.exit()]);
		using program = Program.load(front.kernel, {
			name: "",
			type,
			insns,
			license: type === "sk_msg" ? "MIT" : "GPL",
			...more,
		});
		await compare(front, `prog show id ${program.info().id}`);
	}
});

/** An index where the map is an array, a prefix of so many bits where it is a trie. */
const keyOf = (map: BpfMap, i: number): Uint8Array => {
	const array = map.type.endsWith("array") || map.type === "lpm_trie";
	return new Uint8Array(map.keySize).fill(array ? 0 : i).fill(i, 0, 1);
};

/** Sizes that a type demands; the others take 4, 8, 4. */
const SIZES: Readonly<
	Partial<Record<MapType, readonly [key: number, value: number, entries: number, flags?: number]>>
> = {
	ringbuf: [0, 0, 4096],
	user_ringbuf: [0, 0, 4096],
	queue: [0, 8, 4],
	stack: [0, 8, 4],
	bloom_filter: [0, 8, 4],
	lpm_trie: [8, 8, 4, 1],
	prog_array: [4, 4, 4],
	perf_event_array: [4, 4, 4],
	cgroup_array: [4, 4, 4],
	xskmap: [4, 4, 4],
	sockmap: [4, 4, 4],
	sockhash: [4, 4, 4],
	reuseport_sockarray: [4, 8, 4],
	stack_trace: [4, 8, 4],
};

test("maps of every type that can be made: shown and dumped as bpftool does", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	const { kernel } = front;
	using inner = BpfMap.create(kernel, { name: "inner", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 });
	const seen: string[] = [];
	for (const type of Object.keys(MAP_TYPES) as MapType[]) {
		const [keySize, valueSize, maxEntries, flags] = SIZES[type] ?? [4, 8, 4];
		const ofMaps = type === "array_of_maps" || type === "hash_of_maps";
		let map: BpfMap;
		try {
			const sizes = {
				keySize,
				valueSize: ofMaps ? 4 : valueSize,
				maxEntries,
				...(flags === undefined ? {} : { flags }),
			};
			map = BpfMap.create(kernel, {
				name: "skep_like",
				type,
				...sizes,
				...(ofMaps ? { innerFd: inner.fd.number } : {}),
			});
		} catch {
			continue; // wants BTF, or is none of this kernel's
		}
		seen.push(type);
		using _ = map;
		const { id } = map.info();
		// 7.1 does not know types that came after it: their numbers are shown.
		const known = MAP_TYPES[type].value <= MAP_TYPES.user_ringbuf.value;
		if (known) await compare(front, `map show id ${id}`);
		if (/^(lru_)?(percpu_)?hash$|^(percpu_)?array$|^lpm_trie$/.test(type)) {
			for (let i = 1; i < 3; i++) map.update(keyOf(map, i), new Uint8Array(map.valueBytes).fill(i * 7));
		}
		if (ofMaps) map.put(new Uint8Array(4), inner);
		if (known && keySize > 0) await compare(front, `map dump id ${id}`);
		if (type === "hash") {
			await compare(front, `map lookup id ${id} key 1 1 1 1`);
			await compare(front, `map lookup id ${id} key 9 9 9 9`);
			await compare(front, `map getnext id ${id}`);
			await compare(front, `map update id ${id} key 3 3 3 3 value hex 1 2 3 4 5 6 7 8`);
			await compare(front, `map delete id ${id} key 3 3 3 3`.replace("delete", "lookup"));
		}
	}
	assert.ok(seen.length >= 20, seen.join(" "));
});

test("typed maps of an object: formatted values as bpftool has them", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	for (const name of ["collection/exec.bpf.o", "objects/kernel.bpf.o"]) {
		using collection = Collection.load(front.kernel, readObject(readFileSync(`${OBJECTS}${name}`), { name }));
		for (const map of collection.maps.values()) {
			if (map.type === "hash")
				map.update(new Uint8Array(map.keySize).fill(1), new Uint8Array(map.valueBytes).fill(0x41));
			const { id } = map.info();
			await compare(front, `map show id ${id}`);
			await compare(front, `map dump id ${id}`);
		}
	}
});

function idOf(link: Link): number {
	return link.info()!.id;
}

test("links: shown as bpftool does", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	const { kernel } = front;
	const load = (type: ProgramType, more: Partial<ProgramBlueprint> = {}, result = 0) =>
		Program.load(kernel, {
			name: "linked",
			type,
			insns: encode([insn.mov(64, 0, { imm: result }), insn.exit()]),
			license: "GPL",
			...more,
		});
	{
		using program = load("raw_tracepoint");
		using link = attachRawTracepoint(program, "sched_process_exit");
		await compare(front, `link show id ${idOf(link)}`);
	}
	{
		using program = load("tracepoint");
		using link = attachTracepoint(program, "sched", "sched_process_exit");
		if (link.way === "bpf_link") await compare(front, `link show id ${idOf(link)}`);
	}
	const types = kernelTypes(kernel);
	if (types) {
		using program = load("tracing", { attachType: "trace_iter", attachBtfId: types.find("bpf_iter_task", "func")! });
		using link = attachIterator(program, {}, "task");
		await compare(front, `link show id ${idOf(link)}`);
		using elements = load("tracing", {
			attachType: "trace_iter",
			attachBtfId: types.find("bpf_iter_bpf_map_elem", "func")!,
		});
		using map = BpfMap.create(kernel, { name: "walked", type: "hash", keySize: 4, valueSize: 8, maxEntries: 1 });
		using other = attachIterator(elements, { map }, "bpf_map_elem");
		await compare(front, `link show id ${idOf(other)}`);
		using typed = load("tracing", {
			attachType: "trace_raw_tp",
			attachBtfId: types.find("btf_trace_sched_process_exit", "typedef")!,
		});
		using raw = attachTracing(typed);
		await compare(front, `link show id ${idOf(raw)}`);
	}
	const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => isCgroup2(path));
	if (root) {
		const path = `${root}/skep-bpftool-${process.pid}`;
		mkdirSync(path);
		try {
			using program = load("cgroup_skb", {}, 1);
			using link = attachCgroup(program, path, { attachType: "cgroup_inet_egress" });
			if (link.way === "bpf_link") await compare(front, `link show id ${idOf(link)}`);
		} finally {
			rmdirSync(path);
		}
	}
});

test("cgroups: attached and shown as bpftool does", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => isCgroup2(path));
	if (!root) return t.skip("needs cgroup version 2 mounted");
	const insns = encode([insn.mov(64, 0, { imm: 1 }), insn.exit()]);
	using program = Program.load(front.kernel, { name: "meter", type: "cgroup_skb", insns, license: "GPL" });
	const at = `id ${program.info().id}`;
	const path = `${root}/skep-cgroup-${process.pid}`;
	mkdirSync(`${path}/sub`, { recursive: true });
	try {
		await front.run(`cgroup attach ${path} cgroup_inet_egress ${at} multi`);
		await front.run(`cgroup attach ${path}/sub egress ${at} override`);
		await compare(front, `cgroup show ${path}`);
		await compare(front, `cgroup show ${path}/sub effective`);
		await compare(front, `cgroup tree ${path}`);
		await compare(front, `cgroup tree ${path} effective`);
		assert.match(
			(await front.run(`cgroup show ${path}`)).text,
			/^ *id {2}attach type +flags +name\n *\d+ {2}cgroup_inet_egress {2}multi +meter\n$/,
		);
		await front.run(`cgroup detach ${path}/sub cgroup_inet_egress ${at}`);
		await assert.rejects(
			front.run(`cgroup detach ${path}/sub egress ${at}`),
			/is not attached to .*sub \(cgroup_inet_egress\)/,
		);
		await assert.rejects(front.run("cgroup show /proc"), /\/proc is no cgroup of version 2/);
	} finally {
		rmdirSync(`${path}/sub`);
		rmdirSync(path);
	}
	return undefined;
});

test("network devices: attached to and shown as bpftool does, in a namespace of their own", (t) => {
	if (!frontOrSkip(t)) return;
	const skep = `${process.execPath} ${fileURLToPath(new URL("../../bin/skep", import.meta.url))}`;
	const script = `set -e; F=$(mktemp -d); mount -t bpf bpf $F; ip link set lo up; tc qdisc add dev lo clsact
		ip link add skep0 type veth peer name skep1; ip link set skep0 up; ip link set skep1 up
		${skep} prog load ${OBJECTS}collection/exec.bpf.o $F/tc type tc >/dev/null
		${skep} prog load ${OBJECTS}collection/exec.bpf.o $F/xdp type xdp >/dev/null
		tc filter add dev lo egress bpf da pinned $F/tc; bpftool net attach xdpgeneric pinned $F/xdp dev lo
		${skep} net attach xdpdrv pinned $F/xdp dev skep0
		${skep} -j net show; bpftool -j net show; ${skep} -j net list dev skep0; bpftool -j net list dev skep0
		${skep} -f prog show pinned $F/tc
		${skep} net attach tcx_ingress pinned $F/tc dev skep1; ${skep} -j net show dev skep1
		${skep} -j net detach tcx_ingress dev skep1; ${skep} -j net detach xdp dev skep0; bpftool -j net show dev skep0
		umount $F; rmdir $F`;
	if (spawnSync("tc", ["-V"]).error) return t.skip("needs tc");
	const run = inNamespaces(t, "-mn", ["bash", "-c", script]);
	if (!run) return;
	assert.equal(run.status, 0, run.stderr);
	const lines = run.stdout.split("\n");
	const [ours = "", theirs = "", oursOfOne = "", theirsOfOne = ""] = lines;
	agree(JSON.parse(theirs), JSON.parse(ours), "net show");
	agree(JSON.parse(theirsOfOne), JSON.parse(oursOfOne), "net list dev skep0");
	assert.match(ours, /"devname":"lo".*"mode":"generic".*"kind":"clsact\/egress"/);
	assert.match(oursOfOne, /"devname":"skep0","ifindex":\d+,"mode":"driver"/);
	assert.match(run.stdout, /\tpinned \/tmp\/.*\/tc\n/);
	assert.deepEqual(lines.slice(-4, -2), ["null", "null"]);
	assert.deepEqual(JSON.parse(lines.at(-2)!)[0].xdp, []);
	assert.match(run.stdout, /"devname":"skep1","ifindex":\d+,"kind":"tcx\/ingress","name":"on_exec"/);
	return undefined;
});

test("links of devices: shown as bpftool does", (t) => {
	if (!frontOrSkip(t)) return;
	const entry = fileURLToPath(new URL("link-rows-child.test-support.ts", import.meta.url));
	const run = inNamespaces(t, "-n", [process.execPath, entry]);
	if (!run) return;
	assert.equal(run.status, 0, run.stderr);
	const told = JSON.parse(run.stdout) as Record<string, { ours: object; theirs: object }>;
	for (const [kind, { ours, theirs }] of Object.entries(told)) {
		// 7.1 does not know the types that came after it, and tells their number without more.
		const { type, ...known } = theirs as Record<string, unknown>;
		agree(typeof type === "number" ? known : theirs, ours, kind);
	}
	assert.deepEqual(Object.keys(told), ["xdp", "tcx", "netns", "netfilter"]);
	return undefined;
});

test("programs on events: shown as bpftool does", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	const load = (type: ProgramType, name: string) =>
		Program.load(front.kernel, {
			name,
			type,
			insns: encode([insn.mov(64, 0, { imm: 0 }), insn.exit()]),
			license: "GPL",
		});
	using traced = load("tracepoint", "traced");
	using raw = load("raw_tracepoint", "raw");
	using probe = load("kprobe", "probe");
	using _t = attachTracepoint(traced, "sched", "sched_process_exit");
	using _r = attachRawTracepoint(raw, "sched_process_exit");
	using _u = attachUprobe(probe, { binary: "/bin/sh", offset: 0x1000 });
	using _v = attachUprobe(probe, { binary: "/bin/sh", offset: 0x1000, return: true });
	const mine = (rows: unknown) => (rows as { pid: number }[]).filter(({ pid }) => pid === process.pid);
	const [theirs, ours] = [mine(bpftool("perf show")), mine(await front.json("perf show"))];
	agree(theirs, ours, "perf show");
	const types = ours.map((row) => (row as unknown as { fd_type: string }).fd_type);
	assert.deepEqual(types.sort(), ["raw_tracepoint", "tracepoint", "uprobe", "uretprobe"]);
	assert.match((await front.run("perf list")).text, /uretprobe +\/.*sh\+0x1000/);
});

test("programs on sockmaps: what one of the two attaches, the other detaches", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	const insns = encode([insn.mov(64, 0, { imm: 1 }), insn.exit()]);
	using program = Program.load(front.kernel, { name: "verdict", type: "sk_skb", insns, license: "GPL" });
	using map = BpfMap.create(front.kernel, {
		name: "sockets",
		type: "sockmap",
		keySize: 4,
		valueSize: 4,
		maxEntries: 2,
	});
	const line = `id ${program.info().id} sk_skb_stream_verdict id ${map.info().id}`;
	const theirs = (verb: string) =>
		spawnSync("bpftool", ["prog", verb, ...line.split(" ")], { encoding: "utf8" }).status;
	assert.equal(await front.json(`prog attach ${line}`), null);
	assert.equal(theirs("detach"), 0);
	await assert.rejects(front.run(`prog detach ${line}`), { code: "ENOENT" });
	assert.equal(theirs("attach"), 0);
	assert.equal((await front.run(`prog detach ${line.replace("sk_skb_stream_verdict", "stream_verdict")}`)).status, 0);
	assert.notEqual(theirs("detach"), 0);
});

test("tables of functions: shown and dumped as bpftool does", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	const name = `${OBJECTS}objects/struct-ops.bpf.o`;
	using collection = Collection.load(front.kernel, readObject(readFileSync(name), { name }));
	for (const [table, { map }] of collection.structOps) {
		using _ = collection.attach(table);
		const { id } = map.info();
		await compare(front, `struct_ops show id ${id}`);
		await compare(front, `struct_ops dump name ${table}`);
		await compare(front, `struct_ops show name ${table}`);
	}
	await assert.rejects(front.run("struct_ops show id 999999999"), /there is no map with id 999999999/);
	const plain = collection.map(".bss").info().id;
	await assert.rejects(
		front.run(`struct_ops dump id ${plain}`),
		/is no struct_ops map: skep struct_ops show lists them/,
	);
});

test("BTF: shown as bpftool does", async (t) => {
	const front = frontOrSkip(t);
	if (!front) return;
	using collection = Collection.load(
		front.kernel,
		readObject(readFileSync(`${OBJECTS}collection/exec.bpf.o`), { name: "exec" }),
	);
	await compare(front, `btf show id ${collection.program("on_exec").info().btf_id}`);
	await compare(front, "btf show id 1");
});

function isCgroup2(path: string): boolean {
	try {
		return statfsSync(path).type === 0x63677270;
	} catch {
		return false;
	}
}

function kernelTypes(kernel: Kernel): Btf | undefined {
	const bytes = kernel.btf();
	return typeof bytes === "number" ? undefined : Btf.decode(bytes);
}

test("every noun, verb and type that bpftool's help names is one of skep's", (t) => {
	const help = (...words: string[]) => spawnSync("bpftool", [...words, "help"], { encoding: "utf8" });
	const overview = help();
	if (overview.error) return t.skip("needs bpftool");
	const words = (text: string, name: string): string[] => {
		const [, list = ""] = new RegExp(`\\b${name} := \\{([^}]*)\\}`).exec(text) ?? [];
		return list
			.split("|")
			.map((word) => word.trim())
			.filter((word) => word !== "");
	};
	const nouns = words(overview.stderr, "OBJECT");
	assert.ok(nouns.length >= 11, overview.stderr);
	for (const word of [...nouns, "batch", "version"])
		assert.ok(
			COMMANDS.some(({ name }) => name === word),
			word,
		);
	const missing: string[] = [];
	for (const noun of nouns) {
		const { verbs = [] } = COMMANDS.find(({ name }) => name === noun)!;
		const text = help(noun).stderr;
		for (const [, part = ""] of text.matchAll(new RegExp(`bpftool ${noun} (\\{[^}]*\\}|\\w+)`, "g")))
			for (const verb of part.match(/\w+/g) ?? [])
				if (verb !== "help" && !verbs.some(({ name }) => name === verb)) missing.push(`${noun} ${verb}`);
		for (const type of words(text, "ATTACH_TYPE")) {
			const known =
				noun === "cgroup" ? CGROUP_HOOKS : noun === "prog" ? Object.keys(SOCKET_HOOKS) : Object.keys(NET_HOOKS);
			assert.ok((known as readonly string[]).includes(type), `${noun} ${type}`);
		}
		for (const type of words(text, "TYPE")) {
			if (noun === "map") assert.ok(type in MAP_TYPES, type);
			else assert.ok(sectionMeaning(type) ?? sectionMeaning(`${type}/`), `prog load type ${type}`);
		}
	}
	// A part of a skeleton for a library of C: of no use to a module that is made of the whole object.
	assert.deepEqual(missing, ["gen subskeleton"]);
	return undefined;
});
