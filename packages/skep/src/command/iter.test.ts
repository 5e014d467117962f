// Ready iterators against what other tools say of the same things on this machine.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect, createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { BpfMap } from "@skep/bpf/live";
import { chooseKernel } from "#backend";
import { Front, onBoth } from "./desk.test-support.ts";

type Row = Record<string, unknown>;

/** A front for Linux; undefined where it may not be asked, which the test then says. */
function linux(t: TestContext): Front | undefined {
	try {
		return new Front(chooseKernel("linux").kernel);
	} catch (error) {
		t.skip(`needs Linux that permits eBPF: ${(error as Error).message.split("\n")[0]}`);
		return undefined;
	}
}

const rows = async (front: Front, line: string): Promise<Row[]> => (await front.json(line)) as Row[];

/** Output of another tool; undefined, with a note, where it is not installed. */
function other(t: TestContext, command: string, args: readonly string[]): string | undefined {
	const { stdout, error } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
	if (error === undefined) return stdout;
	t.diagnostic(`nothing to compare with: ${command} is not installed`);
	return undefined;
}

/** A process that does nothing, with two threads' worth of names: ended with the test. */
function sleeper(t: TestContext): ChildProcess & { readonly pid: number } {
	const child = spawn("sleep", ["60"], { stdio: "ignore" });
	t.after(() => child.kill("SIGKILL"));
	return child as ChildProcess & { readonly pid: number };
}

test("tasks are those of ps", async (t) => {
	const front = linux(t);
	if (!front) return;
	const { pid } = sleeper(t);
	const all = await rows(front, "iter tasks");
	const mine = all.filter((row) => row["pid"] === process.pid);
	assert.deepEqual(
		mine.map((row) => row["tid"] as number).sort((a, b) => a - b),
		readdirSync("/proc/self/task")
			.map(Number)
			.sort((a, b) => a - b),
	);
	const text = other(t, "ps", ["-eLo", "pid=,tid=,ppid=,uid=,gid=,ni=,comm="]);
	if (text === undefined) return;
	const told = new Map(text.split("\n").map((line) => [line.trim().split(/\s+/)[1], line.trim().replace(/\s+/g, " ")]));
	let compared = 0;
	for (const row of all) {
		const line = told.get(String(row["tid"]));
		// Others come and go, and change their names.
		if (line === undefined || (row["pid"] !== process.pid && row["pid"] !== pid)) continue;
		compared++;
		const nice = row["nice"];
		assert.equal(`${row["pid"]} ${row["tid"]} ${row["ppid"]} ${row["uid"]} ${row["gid"]} ${nice} ${row["comm"]}`, line);
	}
	assert.ok(compared > 1);
	assert.equal(all.find((row) => row["pid"] === pid)?.["state"], "S");
	// Threads of the kernel are there too.
	assert.ok(all.some((row) => row["comm"] === "kthreadd" && row["pid"] === 2) === text.includes("kthreadd"));
});

test("files are those of lsof and of /proc, of one process where one is named", async (t) => {
	const front = linux(t);
	if (!front) return;
	const folder = mkdtempSync(join(tmpdir(), "skep-files-"));
	const path = join(folder, "ein Name mit 🍯");
	const fd = openSync(path, "w");
	t.after(() => {
		closeSync(fd);
		rmSync(folder, { recursive: true });
	});
	const found = await rows(front, `iter files pid ${process.pid}`);
	const own = found.filter((row) => row["tid"] === process.pid);
	assert.ok(found.every((row) => row["pid"] === process.pid));
	const row = own.find((each) => each["fd"] === fd);
	const stat = statSync(path);
	assert.deepEqual(
		[row?.["path"], row?.["inode"], row?.["type"], Number(row?.["flags"]) & 3],
		[path, stat.ino, "REG", 1],
	);
	const text = other(t, "lsof", ["-n", "-P", "-w", "-p", String(process.pid), "-F", "ftin"]);
	if (text === undefined) return;
	const told = new Map<string, Record<string, string>>();
	let last: Record<string, string> = {};
	for (const line of text.split("\n")) {
		if (line[0] === "f") {
			last = {};
			told.set(line.slice(1), last);
		} else if (line !== "") last[line[0]!] = line.slice(1);
	}
	let compared = 0;
	for (const each of own) {
		const there = told.get(String(each["fd"]));
		if (!there?.["i"] || !["REG", "DIR", "CHR", "FIFO"].includes(String(each["type"]))) continue;
		compared++;
		assert.deepEqual([each["type"], String(each["inode"])], [there["t"], there["i"]], `fd ${each["fd"]}`);
	}
	assert.ok(compared > 2);
});

test("areas of memory are the lines of /proc/PID/maps", async (t) => {
	const front = linux(t);
	if (!front) return;
	const { pid } = sleeper(t);
	// It is another program until it has begun to sleep.
	for (let tries = 0; !readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sleep") && tries < 1000; tries++)
		await new Promise((resolve) => setTimeout(resolve, 5));
	await new Promise((resolve) => setTimeout(resolve, 100));
	const found = await rows(front, `iter vmas pid ${pid}`);
	const lines = readFileSync(`/proc/${pid}/maps`, "utf8").trimEnd().split("\n");
	const told = lines.filter((line) => !/\[(vsyscall)\]/.test(line));
	assert.equal(found.length, told.length);
	for (const [i, line] of told.entries()) {
		const [range = "", perms, offset = "", , inode, path = ""] = line.split(/\s+/);
		const row = found[i]!;
		const of = path.startsWith("[") ? "" : path;
		assert.deepEqual(
			[`${row["start"]}-${row["end"]}`, row["perms"], Number(row["offset"]), String(row["inode"]), row["path"]],
			[
				range
					.split("-")
					.map((each) => `0x${each.replace(/^0+(?=.)/, "")}`)
					.join("-"),
				perms,
				Number.parseInt(offset, 16),
				inode,
				of,
			],
		);
	}
});

test("sockets are those of ss: TCP, UDP, Unix with abstract names", async (t) => {
	const front = linux(t);
	if (!front) return;
	const server = createTcp().listen(0, "127.0.0.1");
	const six = createTcp();
	const local = createTcp().listen(`\0skep-${process.pid}`);
	const datagrams = createSocket("udp4");
	const client = await new Promise<ReturnType<typeof connect>>((resolve) => {
		server.once("listening", () => {
			const made = connect({ port: (server.address() as { port: number }).port, host: "127.0.0.1" });
			made.once("connect", () => resolve(made));
		});
	});
	const hasSix = await new Promise<boolean>((resolve) => {
		six.once("error", () => resolve(false));
		six.listen(0, "::1", () => resolve(true));
	});
	await new Promise<void>((resolve) => datagrams.bind(0, "127.0.0.1", () => resolve()));
	const unixClient = connect(`\0skep-${process.pid}`);
	await new Promise((resolve) => unixClient.once("connect", resolve));
	t.after(() => {
		client.destroy();
		unixClient.destroy();
		for (const each of [server, six, local]) each.close();
		datagrams.close();
	});
	const { port } = server.address() as { port: number };
	const tcp = await rows(front, "iter tcp");
	const ends = (list: readonly Row[]) => list.map((row) => `${row["state"]} ${row["local"]} ${row["remote"]}`);
	assert.ok(ends(tcp).includes(`LISTEN 127.0.0.1:${port} 0.0.0.0:0`));
	assert.ok(ends(tcp).includes(`ESTAB 127.0.0.1:${client.localPort} 127.0.0.1:${port}`));
	assert.ok(ends(tcp).includes(`ESTAB 127.0.0.1:${port} 127.0.0.1:${client.localPort}`));
	if (hasSix) assert.ok(ends(tcp).includes(`LISTEN [::1]:${(six.address() as { port: number }).port} [::]:0`));
	const udp = await rows(front, "iter udp");
	assert.ok(
		udp.some((row) => row["local"] === `127.0.0.1:${datagrams.address().port}` && row["remote"] === "0.0.0.0:0"),
	);
	const unix = await rows(front, "iter unix");
	const named = unix.filter((row) => row["path"] === `@skep-${process.pid}`);
	assert.deepEqual(named.map((row) => `${row["type"]} ${row["state"]}`).sort(), ["STREAM ESTAB", "STREAM LISTEN"]);
	const connected = named.find((row) => row["state"] === "ESTAB");
	assert.equal(unix.find((row) => row["inode"] === connected?.["peer"])?.["peer"], connected?.["inode"]);

	const text = other(t, "ss", ["-Htanoe"]);
	if (text === undefined) return;
	const told = text
		.split("\n")
		.map((line) => line.trim().split(/\s+/))
		.filter(
			(words) =>
				words[3]?.startsWith("127.0.0.1:") && (words[3].endsWith(`:${port}`) || words[4]?.endsWith(`:${port}`)),
		)
		.map(([state, received, sent, from, to]) => `${state} ${received} ${sent} ${from} ${to?.replace("*", "0")}`)
		.sort();
	const ours = tcp
		.filter((row) => String(row["local"]).endsWith(`:${port}`) || String(row["remote"]).endsWith(`:${port}`))
		.map((row) => `${row["state"]} ${row["received"]} ${row["sent"]} ${row["local"]} ${row["remote"]}`)
		.sort();
	assert.deepEqual(ours, told);
});

test("maps, programs and links are those of bpftool", async (t) => {
	const front = linux(t);
	if (!front) return;
	using _ = BpfMap.create(front.kernel, {
		name: "skep_iter_map",
		type: "hash",
		keySize: 4,
		valueSize: 24,
		maxEntries: 7,
	});
	const maps = await rows(front, "iter maps");
	const mine = maps.find((row) => row["name"] === "skep_iter_map");
	assert.deepEqual(
		[mine?.["type"], mine?.["keySize"], mine?.["valueSize"], mine?.["maxEntries"], mine?.["frozen"]],
		["hash", 4, 24, 7, false],
	);
	const text = other(t, "bpftool", ["-j", "map", "show", "id", String(mine?.["id"])]);
	if (text !== undefined) {
		const told = JSON.parse(text) as Row;
		assert.deepEqual(
			[
				told["id"],
				told["type"],
				told["name"],
				told["bytes_key"],
				told["bytes_value"],
				told["max_entries"],
				told["flags"],
			],
			["id", "type", "name", "keySize", "valueSize", "maxEntries", "flags"].map((key) => mine?.[key]),
		);
	}
	// Each sees itself.
	const programs = await rows(front, "iter programs");
	const own = programs.filter((row) => row["name"] === "programs" && row["type"] === "tracing");
	assert.ok(own.length > 0);
	for (const row of own)
		assert.deepEqual(
			[/^[0-9a-f]{16}$/.test(String(row["tag"])), row["gpl"], row["attachTo"]],
			[true, true, "bpf_iter_bpf_prog"],
		);
	const links = await rows(front, "iter links");
	assert.ok(links.some((row) => row["type"] === "iter" && Number(row["program"]) > 0));
});

test("cgroups have their paths, symbols their addresses", async (t) => {
	const front = linux(t);
	if (!front) return;
	const all = front.kernel.places?.cgroups();
	if (typeof all !== "object") return t.skip("needs cgroups of version 2: none are mounted");
	const found = await rows(front, "iter cgroups");
	const paths = new Set(found.map((row) => row["path"]));
	for (const path of all) if (statSync(path, { throwIfNoEntry: false })) assert.ok(paths.has(path), path);
	for (const row of found) {
		const stat = statSync(String(row["path"]), { throwIfNoEntry: false });
		if (stat) assert.equal(row["id"], stat.ino, String(row["path"]));
	}
	const one = await rows(front, `iter cgroups cgroup ${all[0]}`);
	assert.equal(one[0]?.["path"], all[0]);

	const symbols = await rows(front, "iter ksyms");
	const told = new Map(
		readFileSync("/proc/kallsyms", "utf8")
			.split("\n")
			.map((line) => line.split(/[ \t]/))
			.map(([address = "", type, name]) => [`${name} ${type}`, `0x${address.replace(/^0+(?=.)/, "")}`]),
	);
	for (const name of ["vfs_read", "schedule", "bpf_seq_read"]) {
		const row = symbols.find((each) => each["name"] === name);
		assert.equal(row?.["address"], told.get(`${name} ${row?.["type"]}`), name);
	}
});

test("tables fit, and what is wrong is said", async (t) => {
	const front = linux(t);
	if (!front) return;
	const { text } = await front.run(`iter tasks pid ${process.pid}`, "", { width: 60 });
	assert.ok(text.split("\n").every((line) => line.length <= 60));
	assert.match(text, /^ *pid +tid +ppid/);
	await assert.rejects(front.run("iter tcp pid 1"), /one word too many/);
	await assert.rejects(front.run("iter tasks cgroup /x"), /pid, tid/);
	await assert.rejects(front.run("iter cgroups cgroup /no/such"), /there is no cgroup/);
	await assert.rejects(front.run("iter pin /no/such.o /sys/fs/bpf/x"), /no such/i);
});

test(
	"tasks, maps, programs and links on both kernels; what the virtual one has not is said",
	onBoth(async (front) => {
		using map = BpfMap.create(front.kernel, {
			name: "skep_both",
			type: "array",
			keySize: 4,
			valueSize: 8,
			maxEntries: 5,
		});
		const own = (await rows(front, "iter maps")).find((row) => row["id"] === map.info().id);
		assert.deepEqual(
			[own?.["name"], own?.["type"], own?.["maxEntries"], own?.["references"]],
			["skep_both", "array", 5, 1],
		);
		const programs = await rows(front, "iter programs");
		assert.ok(programs.some((row) => row["name"] === "programs" && row["attachTo"] === "bpf_iter_bpf_prog"));
		const links = await rows(front, "iter links");
		assert.ok(links.some((row) => row["type"] === "iter"));
		const tasks = await rows(front, "iter tasks");
		assert.ok(tasks.length > 0 && tasks.every((row) => typeof row["comm"] === "string"));
		if (front.kernel.name === "linux") return;
		assert.deepEqual(
			tasks.map((row) => [row["pid"], row["comm"]]),
			[[1, "init"]],
		);
		await front.run("iter pin tasks /sys/fs/bpf/🍯");
		assert.match((await front.run("fs cat /sys/fs/bpf/🍯")).text, /^ +PID +TID .*\n +1 +1 .* init\n$/);
		for (const name of ["files", "vmas", "tcp", "udp", "unix", "cgroups", "ksyms"])
			await assert.rejects(front.run(`iter ${name}`), /the virtual kernel walks over tasks, maps, programs and links/);
	}),
);
