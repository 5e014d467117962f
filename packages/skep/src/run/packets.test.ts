// Packets of captures through the command, on each kernel that is there, against what the example says in TypeScript.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { NotSupportedError } from "@skep/bpf/base";
import { PcapngWriter, readCapture, writePcap, writePcapng } from "@skep/bpf/capture";
import { chooseKernel } from "#backend";
import { CaptureFile } from "./capture-file.ts";
import { generatePackets, packetsOfLengths } from "./generated-packets.test-support.ts";
import { choosePacketProgram } from "./packets.ts";
import { readSource, type Source } from "./source.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const launcher = join(root, "packages/skep/bin/skep");
const filter = "examples/xdp-filter/xdp-filter.ts";
const sample = "examples/xdp-filter/packets.pcapng";
const work = mkdtempSync(join(tmpdir(), "skep-packets-"));
after(() => rmSync(work, { recursive: true, force: true }));

interface Ended {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
}

function skep(words: readonly string[], input?: Uint8Array): Ended {
	return spawnSync(process.execPath, [launcher, "run", ...words], {
		cwd: root,
		encoding: "utf8",
		maxBuffer: 1 << 28,
		...(input === undefined ? {} : { input }),
	});
}

const KERNELS = ["linux", "virtual"] as const;
type KernelName = (typeof KERNELS)[number];

/** A run that ended well on that kernel; undefined: it cannot be had here, and the test is skipped with the reason. */
function runOn(t: TestContext, kernel: KernelName, ...words: string[]): Ended | undefined {
	return isThere(t, kernel) ? endedWell(skep(["--kernel", kernel, ...words])) : undefined;
}

function isThere(t: TestContext, kernel: KernelName): boolean {
	try {
		chooseKernel(kernel);
		return true;
	} catch (error) {
		if (!(error instanceof NotSupportedError) && kernel === "virtual") throw error;
		t.skip(`needs the ${kernel} kernel: ${(error as Error).message.split("\n").join(" ")}`);
		return false;
	}
}

function endedWell(ended: Ended): Ended {
	assert.equal(ended.status, 0, ended.stderr);
	assert.doesNotMatch(ended.stderr, /^\s+at |Warning/m);
	return ended;
}

function capture(name: string, bytes: Uint8Array): string {
	const path = join(work, name);
	writeFileSync(path, bytes);
	return path;
}

type Line = Readonly<Record<string, unknown>>;
const lines = (text: string): Line[] =>
	text
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line) as Line);

/** What examples/xdp-filter/xdp-filter.ts does, on the bytes: the verdict, and the protocol that is counted. */
function model(packet: Uint8Array, linear: number): { verdict: "DROP" | "PASS"; counted?: number } {
	const end = Math.min(packet.length, linear);
	const u16 = (at: number) => packet[at]! * 256 + packet[at + 1]!;
	let type = u16(12);
	let at = 14;
	for (let tags = 0; tags < 2 && (type === 0x8100 || type === 0x88a8); tags++) {
		if (at + 4 > end) return { verdict: "PASS" };
		type = u16(at + 2);
		at += 4;
	}
	let counted: number;
	if (type === 0x0800) {
		if (at + 20 > end) return { verdict: "PASS" };
		counted = packet[at + 9]!;
		const header = (packet[at]! & 15) * 4;
		// A step back leads out of the packet.
		at = header < 20 ? end : at + header;
	} else if (type === 0x86dd) {
		if (at + 40 > end) return { verdict: "PASS" };
		counted = packet[at + 6]!;
		at += 40;
	} else return { verdict: "PASS" };
	const dns = counted === 17 && at + 8 <= end && u16(at + 2) === 53;
	return { verdict: dns ? "DROP" : "PASS", counted };
}

/** Bytes that a program sees of a longer packet: a page without what XDP keeps before (256) and behind (320). */
const LINEAR = 4096 - 256 - 320;
/** What Linux 6.18 takes in a test run: the linear part and 17 fragments of a page. */
const MOST = LINEAR + 17 * 4096;
const SHORT = "too short for a test run: an Ethernet header has 14 bytes";

function expected(packets: readonly Uint8Array[]): Line[] {
	const counts = new Map<number, number>();
	const rows = packets.map((packet, index): Line => {
		const { length } = packet;
		if (length < 14) return { index, length, error: SHORT };
		if (length > MOST) return { index, length, error: "too long for a test run" };
		const { verdict, counted } = model(packet, LINEAR);
		if (counted !== undefined) counts.set(counted, (counts.get(counted) ?? 0) + 1);
		return { index, length, verdict };
	});
	const entries = [...counts].sort(([a], [b]) => a - b).map(([key, value]) => ({ map: "packets", key, value }));
	return [...rows, ...entries];
}

const generated = generatePackets(20261122, 2000);
const timed = (packets: readonly Uint8Array[]) => packets.map((data, i) => ({ data, timestamp: BigInt(i) * 1_000n }));

test("the generated packets reach every branch", () => {
	const rows = expected(generated);
	const of = (verdict: string) => rows.filter((row) => row["verdict"] === verdict).length;
	assert.equal(rows.filter((row) => "index" in row).length, 2000);
	assert.ok(of("DROP") > 100, `${of("DROP")} DROP`);
	assert.ok(of("PASS") > 1000, `${of("PASS")} PASS`);
	assert.ok(rows.filter((row) => row["error"] === SHORT).length > 20);
	assert.deepEqual(generatePackets(20261122, 2000), generated);
});

for (const kernel of KERNELS) {
	test(`${kernel}: verdicts and counts of 2,000 generated packets are those of the model`, (t) => {
		const path = capture("generated.pcap", writePcap(timed(generated), { byteOrder: "big", resolution: "us" }));
		const ended = runOn(t, kernel, "--json", "--pcap", path, filter);
		if (ended) assert.deepEqual(lines(ended.stdout), expected(generated));
	});

	test(`${kernel}: lengths at the edges of a test run`, (t) => {
		const lengths = [0, 1, 13, 14, 15, 33, 34, 41, 42, LINEAR - 1, LINEAR, LINEAR + 1, 4096, 9000, MOST - 1, MOST];
		const packets = packetsOfLengths([...lengths, MOST + 1, 100_000]);
		const path = capture("lengths.pcapng", writePcapng(timed(packets)));
		const ended = runOn(t, kernel, "--json", "--pcap", path, filter);
		if (ended) assert.deepEqual(lines(ended.stdout), expected(packets));
	});

	test(`${kernel}: a table of the packets, then the maps`, (t) => {
		const ended = runOn(t, kernel, "--pcap", sample, filter, "lo");
		if (!ended) return;
		assert.match(ended.stdout, /^ {2}index {3}length {2}verdict\n {6}0 {7}71 {2}DROP\n {6}1 {7}42 {2}PASS\n/);
		assert.match(
			ended.stdout,
			/\n {5}12 {7}10 {2}error: too short for a test run: an Ethernet header has 14 bytes\n\n/,
		);
		assert.ok(
			ended.stdout.endsWith("\npackets (4 entries)\nkey  value\n  0      1\n  1      1\n  6      1\n 17      7\n"),
		);
		assert.match(ended.stderr, /; each packet goes to filter\n13 packets: 5 DROP, 7 PASS, 1 refused, /);
	});
}

test("both kernels write the same", (t) => {
	if (!KERNELS.every((kernel) => isThere(t, kernel))) return;
	const path = capture("both.pcap", writePcap(timed(generated)));
	for (const words of [["--json"], []]) {
		const [linux, virtual] = KERNELS.map((kernel) => runOn(t, kernel, ...words, "--pcap", path, filter));
		if (linux && virtual) assert.equal(virtual.stdout, linux.stdout);
	}
});

test("from a pipe, and as many as asked for", (t) => {
	if (!isThere(t, "linux")) return;
	const bytes = writePcapng(timed(generated));
	const ended = endedWell(skep(["--json", "--limit", "7", "--pcap", "-", filter], bytes));
	assert.deepEqual(
		lines(ended.stdout).filter((row) => "index" in row),
		expected(generated).slice(0, 7),
	);
});

test("a capture that is cut off shows what came before, and fails", (t) => {
	if (!isThere(t, "linux")) return;
	const whole = writePcap(timed(generated.slice(0, 5)));
	const ended = skep(["--json", "--pcap", capture("cut.pcap", whole.subarray(0, whole.length - 1)), filter]);
	assert.equal(ended.status, 1);
	assert.match(ended.stderr, /skep: the file ends within it: .*cut\.pcap, offset \d+, Packet\[4\]\/data/);
	assert.deepEqual(lines(ended.stdout), expected(generated.slice(0, 4)));
});

test("what is no capture of Ethernet is refused", () => {
	const refused = (name: string, message: RegExp) =>
		assert.throws(() => new CaptureFile(join(root, name)), { message });
	const file = (name: string, bytes: Uint8Array) => relative(root, capture(name, bytes));
	const packet = [{ data: new Uint8Array(20) }];
	refused(
		file("cooked.pcap", writePcap([], { linkType: 113 })),
		/cooked\.pcap: it has link type LINUX_SLL \(113\): XDP programs see Ethernet packets, ETHERNET \(1\)/,
	);
	refused(
		file("raw.pcapng", writePcapng(packet, { linkType: 101 })),
		/raw\.pcapng: packet 0 has link type RAW \(101\): XDP/,
	);
	refused(
		filter,
		/this begins with 0x[0-9a-f]{8}, a pcap or pcapng capture is expected \(.*filter\.ts, offset 0, header/,
	);
	refused("nowhere.pcap", /nowhere\.pcap: no such file/);
	refused("examples", /examples is a folder: a file is expected/);
	refused(file("empty.pcap", new Uint8Array()), /the file is empty/);
});

test("a file is read as its bytes are, piece by piece", () => {
	const writer = new PcapngWriter({ byteOrder: "big" });
	writer.interface();
	for (const [i, length] of [10, 700_000, 0, 262_143, 262_144, 5, 100_000, 300_000].entries()) {
		writer.block(0x0bad, new Uint8Array(length * (i % 3)));
		writer.packet({ data: Uint8Array.from({ length }, (_, at) => (at * 7 + i) & 0xff) });
	}
	const bytes = writer.take();
	using file = new CaptureFile(capture("pieces.pcapng", bytes));
	const whole = [...readCapture(bytes).packets];
	let count = 0;
	for (const { index, data } of file) {
		assert.equal(index, count);
		assert.ok(Buffer.from(data).equals(whole[count]!.data), `packet ${index}`);
		count++;
	}
	assert.equal(count, 8);
	assert.equal(file.progress, 1);
});

test("refusals of the command: nothing is loaded, nothing is written", () => {
	const refused = (words: readonly string[], message: RegExp, status: number) => {
		const ended = skep(words);
		assert.match(ended.stderr, message);
		assert.equal(ended.status, status);
		assert.equal(ended.stdout, "");
	};
	refused(["--program", "filter", filter], /--program says which program gets the packets of --pcap FILE/, 2);
	refused(["--pcap", "nowhere.pcap", filter], /^skep: nowhere\.pcap: no such file$/m, 1);
});

test("another link type later on is refused where it is reached", (t) => {
	if (!isThere(t, "linux")) return;
	const writer = new PcapngWriter();
	writer.interface({ name: "eth0" });
	writer.interface({ name: "any", linkType: 276 });
	writer.packet({ data: generated[0]! });
	writer.packet({ data: generated[1]!, interface: 1 });
	const ended = skep(["--json", "--pcap", capture("mixed.pcapng", writer.take()), filter]);
	assert.equal(ended.status, 1);
	assert.match(ended.stderr, /packet 1 \(any\) has link type LINUX_SLL2 \(276\)/);
});

const TWO = `import { ringbuf, tracepoint, type u32, XDP, xdp } from "skep";
interface Seen { length: u32 }
export const seen = ringbuf<Seen>(4096);
export const pass = xdp({ dev: "nowhere0" }, (packet) => {
	seen.emit((e) => { e.length = packet.length; });
	return XDP.PASS;
});
export const drop = xdp({ dev: "nowhere0" }, () => XDP.TX);
export const exec = tracepoint("sched:sched_process_exec", () => {});
`;

test("packets are for the one XDP program, or the one that is named", async () => {
	const two = await readSource(capture("two.ts", new TextEncoder().encode(TWO)));
	const one = await readSource(join(root, filter));
	const none = await readSource(join(root, "examples/exec/exec.ts"));
	const refused = (source: Source, name: string | undefined, message: RegExp) =>
		assert.throws(() => choosePacketProgram(source, name), { message });
	assert.equal(choosePacketProgram(one, undefined), "filter");
	assert.equal(choosePacketProgram(two, "drop"), "drop");
	refused(none, undefined, /has no XDP program to give packets to; it has \S+ \(tracepoint\)/);
	refused(one, "f", /xdp-filter\.ts has no program f; it has filter \(xdp\)/);
	refused(two, undefined, /two\.ts has 2 XDP programs: pass, drop; say which by --program NAME/);
	refused(two, "exec", /exec is a program of type tracepoint: packets are for XDP programs/);
});

test("maps that are pinned for other runs are not touched", (t) => {
	if (!isThere(t, "linux")) return;
	const text = `import { hash, type u32, type u64, XDP, xdp } from "skep";
export const seen = hash<u32, u64>(16, { pin: "only_in_this_test" });
export const count = xdp({ dev: "nowhere0" }, (packet) => {
	seen.add(packet.ingress_ifindex, 1n);
	return XDP.PASS;
});
`;
	const pinned = capture("pinned.ts", new TextEncoder().encode(text));
	// The loopback device stands in for the one that received the packet.
	const ended = endedWell(skep(["--json", "--pcap", sample, pinned]));
	assert.deepEqual(lines(ended.stdout).at(-1), { map: "seen", key: 1, value: 12 });
	assert.equal(existsSync("/sys/fs/bpf/skep/only_in_this_test"), false);
});

for (const kernel of KERNELS) {
	test(`${kernel}: the program that is named, attached nowhere; its records stand behind their packets`, (t) => {
		const two = capture("two.ts", new TextEncoder().encode(TWO));
		// A program sees the linear part of what is longer.
		const path = capture("long.pcap", writePcap(timed(packetsOfLengths([60, LINEAR, LINEAR + 1, MOST]))));
		const drop = runOn(t, kernel, "--json", "--limit", "1", "--pcap", path, "--program", "drop", two);
		if (!drop) return;
		assert.deepEqual(lines(drop.stdout), [{ index: 0, length: 60, verdict: "TX" }]);
		const pass = runOn(t, kernel, "--json", "--pcap", path, "--program", "pass", two);
		assert.deepEqual(
			lines(pass!.stdout),
			[60, LINEAR, LINEAR + 1, MOST].flatMap((length, index) => [
				{ index, length, verdict: "PASS" },
				{ map: "seen", index, record: { length: Math.min(length, LINEAR) } },
			]),
		);
	});
}
