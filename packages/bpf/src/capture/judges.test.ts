// Captures that others read and write: tshark and tcpdump, where they are there.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { type CapturePacket, OPTION, PcapngWriter, readCapture, textOption, writePcap, writePcapng } from "./index.ts";

const work = mkdtempSync(join(tmpdir(), "skep-capture-"));
after(() => rmSync(work, { recursive: true, force: true }));

/** A tool's standard output; undefined: it is not installed, and the test is skipped. */
function tool(t: TestContext, name: string, ...words: string[]): string | undefined {
	const run = spawnSync(name, words, { encoding: "utf8", maxBuffer: 1 << 26 });
	if (run.error !== undefined) {
		t.skip(`needs ${name}: ${run.error.message}`);
		return undefined;
	}
	assert.equal(run.status, 0, `${name} ended by ${run.signal ?? "itself"}: ${run.stderr}`);
	return run.stdout;
}

const BASE = 1_700_000_000_123_456_789n;
const packets = Array.from({ length: 5 }, (_, i) => ({
	data: Uint8Array.from({ length: 14 + i * 9 }, (_, at) => (at * 31 + i) & 0xff),
	timestamp: BASE + BigInt(i) * 1_000_000_001n,
	originalLength: 14 + i * 10,
}));

/** As tshark prints them: seconds with nine digits, captured and original length. */
const lines = (list: Iterable<Pick<CapturePacket, "timestamp" | "originalLength" | "data">>, unit = 1n): string[] =>
	Array.from(list, ({ timestamp = 0n, originalLength, data }) => {
		const time = (timestamp / unit) * unit;
		return `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, "0")} ${data.length} ${originalLength}`;
	});

function byTshark(t: TestContext, path: string, ...fields: string[]): string[] | undefined {
	const names = ["frame.time_epoch", "frame.cap_len", "frame.len", ...fields];
	const text = tool(t, "tshark", "-n", "-r", path, "-T", "fields", ...names.flatMap((name) => ["-e", name]));
	return text
		?.trimEnd()
		.split("\n")
		.map((line) => line.replaceAll("\t", " ").trimEnd());
}

for (const byteOrder of ["little", "big"] as const) {
	for (const resolution of ["us", "ns"] as const) {
		test(`tshark reads our pcap: ${byteOrder}-endian, ${resolution}`, (t) => {
			const path = join(work, `${byteOrder}-${resolution}.pcap`);
			writeFileSync(path, writePcap(packets, { byteOrder, resolution }));
			const found = byTshark(t, path);
			if (found) assert.deepEqual(found, lines(packets, resolution === "us" ? 1000n : 1n));
		});
	}

	test(`tshark reads our pcapng: ${byteOrder}-endian first, several sections and interfaces`, (t) => {
		const writer = new PcapngWriter({ byteOrder, hardware: "none", os: "any", application: "skep" });
		writer.interface({ name: "eth0", description: "the first", snapLength: 1000 });
		writer.interface({ name: "eth1", resolution: 6 });
		writer.packet({ ...packets[0]!, options: [textOption(OPTION.COMMENT, "hello")] });
		writer.packet({ ...packets[1]!, interface: 1 });
		writer.block(4, new Uint8Array(4)); // names, none of them
		writer.section({ byteOrder: byteOrder === "little" ? "big" : "little" });
		writer.interface({ name: "eth2", resolution: 9, timestampOffset: 1000n });
		writer.packet(packets[2]!);
		const path = join(work, `${byteOrder}.pcapng`);
		writeFileSync(path, writer.take());
		const found = byTshark(t, path, "frame.interface_name", "frame.comment");
		if (!found) return;
		const [a, b, c] = packets;
		const [first, second, third] = found;
		assert.deepEqual([first, second], [`${lines([a!])[0]} eth0 hello`, `${lines([b!], 1000n)[0]} eth1`]);
		// tshark 4.0 names the interfaces of the first section also in later ones.
		assert.equal(third?.replace(/ eth\d$/, ""), lines([c!])[0]);
		assert.equal(found.length, 3);
	});
}

test("tcpdump reads our pcap and pcapng", (t) => {
	for (const [name, bytes] of [
		["t.pcap", writePcap(packets, { byteOrder: "big" })],
		["t.pcapng", writePcapng(packets, { name: "eth0" })],
	] as const) {
		const path = join(work, name);
		writeFileSync(path, bytes);
		const text = tool(t, "tcpdump", "-n", "-tt", "--nano", "-r", path);
		if (text === undefined) return;
		const times = text.split("\n").flatMap((line) => /^(\d+\.\d{9}) /.exec(line)?.[1] ?? []);
		assert.deepEqual(
			times,
			lines(packets).map((line) => line.split(" ")[0]),
		);
	}
});

test("what Wireshark's editcap writes is read", (t) => {
	const source = join(work, "source.pcap");
	writeFileSync(source, writePcap(packets));
	for (const format of ["pcap", "nsecpcap", "pcapng"]) {
		const path = join(work, `edited.${format}`);
		if (tool(t, "editcap", "-F", format, source, path) === undefined) return;
		const capture = readCapture(readFileSync(path));
		assert.equal(capture.format, format === "pcapng" ? "pcapng" : "pcap");
		assert.deepEqual(lines(capture.packets), lines(packets, format === "pcap" ? 1000n : 1n), format);
	}
});
