import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter, FormatError } from "#base";
import {
	BLOCK,
	type CapturePacket,
	type CaptureSource,
	OPTION,
	PcapngWriter,
	PcapWriter,
	readCapture,
	textOption,
	writePcap,
	writePcapng,
} from "./index.ts";

const RUNS = { seed: 20261122, numRuns: 200 };

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** What a packet says, as plain values; data copied, because a source's views do not last. */
const said = ({ index, timestamp, capturedLength, originalLength, data }: CapturePacket) => ({
	index,
	timestamp,
	capturedLength,
	originalLength,
	data: [...data],
});

/** The same bytes in pieces of about `piece`, from a buffer that is used again: as a file or a pipe is read. */
function inPieces(file: Uint8Array, piece: number): CaptureSource {
	let last = 0;
	const buffer = new Uint8Array(file.length + piece);
	return {
		read(offset, length) {
			assert.ok(offset >= last, `read(${offset}) after read(${last})`);
			last = offset;
			buffer.fill(0xee);
			const part = file.subarray(offset, offset + Math.max(length, piece));
			buffer.set(part);
			return buffer.subarray(0, part.length);
		},
	};
}

const packet = fc.record({
	data: fc.uint8Array({ maxLength: 80 }),
	timestamp: fc.bigInt({ min: 0n, max: 0xffff_ffffn * 1_000_000_000n + 999_999_999n }),
	more: fc.nat(3000),
});
const byteOrder = fc.constantFrom("little", "big");

test("pcap: what was written is read, in both byte orders and resolutions, whole and in pieces", () => {
	fc.assert(
		fc.property(
			fc.array(packet, { maxLength: 6 }),
			byteOrder,
			fc.constantFrom("us", "ns"),
			fc.nat(0xffff),
			fc.integer({ min: 1, max: 200 }),
			(packets, order, resolution, linkType, piece) => {
				const written = packets.map(({ data, timestamp, more }) => ({
					data,
					timestamp,
					originalLength: data.length + more,
				}));
				const file = writePcap(written, { byteOrder: order, resolution, linkType, snapLength: 1234 });
				const unit = resolution === "us" ? 1000n : 1n;
				const expected = written.map((p, index) => ({
					index,
					timestamp: (p.timestamp / unit) * unit,
					capturedLength: p.data.length,
					originalLength: p.originalLength,
					data: [...p.data],
				}));
				const capture = readCapture(file);
				assert.equal(capture.format, "pcap");
				assert.equal(capture.linkType, linkType);
				assert.deepEqual([...capture.packets].map(said), expected);
				for (const p of capture.packets) {
					assert.equal(p.interface.linkType, linkType);
					assert.equal(p.interface.snapLength, 1234);
					assert.equal(p.interface.section.byteOrder, order);
				}
				assert.deepEqual(Array.from(readCapture(inPieces(file, piece)).packets, said), expected);
			},
		),
		RUNS,
	);
});

const text = fc.string({ maxLength: 12 }).filter((s) => !s.includes("\0"));
const resolution = fc.oneof(
	fc.integer({ min: 6, max: 9 }),
	fc.integer({ min: 20, max: 31 }).map((binary) => ({ binary })),
);
const part = fc.record({
	byteOrder,
	application: text,
	interfaces: fc.array(
		fc.record({
			linkType: fc.nat(300),
			name: text,
			description: text,
			resolution,
			timestampOffset: fc.bigInt({ min: -1000n, max: 1_000_000n }),
		}),
		{ minLength: 1, maxLength: 3 },
	),
	packets: fc.array(
		fc.record({ data: fc.uint8Array({ maxLength: 60 }), seconds: fc.nat(0xffff_ffff), on: fc.nat(2) }),
		{
			maxLength: 5,
		},
	),
});

test("pcapng: sections, interfaces, resolutions, options, blocks in between", () => {
	fc.assert(
		fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 300 }), (parts, piece) => {
			let writer: PcapngWriter | undefined;
			const expected: unknown[] = [];
			const pieces: Uint8Array[] = [];
			parts.forEach((p, section) => {
				if (writer === undefined) writer = new PcapngWriter(p);
				else writer.section(p);
				for (const each of p.interfaces) writer.interface(each);
				writer.block(0x0bad, new Uint8Array(section * 3));
				for (const { data, seconds, on } of p.packets) {
					const index = on % p.interfaces.length;
					const { timestampOffset, name, linkType } = p.interfaces[index]!;
					const timestamp = (BigInt(seconds) + timestampOffset + 1000n) * 1_000_000_000n;
					const comment = textOption(OPTION.COMMENT, `${seconds}`);
					writer.packet({ data, timestamp, originalLength: 99, interface: index, options: [comment] });
					expected.push([
						timestamp,
						99,
						[...data],
						section,
						p.byteOrder,
						p.application,
						index,
						name,
						linkType,
						[comment],
					]);
				}
				pieces.push(writer.take());
			});
			const file = Uint8Array.from(Buffer.concat(pieces));
			const found = (p: CapturePacket) => [
				p.timestamp,
				p.originalLength,
				[...p.data],
				p.interface.section.index,
				p.interface.section.byteOrder,
				p.interface.section.application,
				p.interface.index,
				p.interface.name,
				p.interface.linkType,
				p.options.map(({ code, value }) => ({ code, value: value.slice() })),
			];
			assert.equal(readCapture(file).format, "pcapng");
			assert.equal(readCapture(file).linkType, undefined);
			assert.deepEqual(Array.from(readCapture(file).packets, found), expected);
			assert.deepEqual(Array.from(readCapture(inPieces(file, piece)).packets, found), expected);
		}),
		RUNS,
	);
});

test("pcapng: obsolete and simple packets", () => {
	for (const order of ["little", "big"] as const) {
		const writer = new PcapngWriter({ byteOrder: order });
		writer.interface({ snapLength: 5, resolution: 6 });
		writer.interface({});
		const obsolete = new ByteWriter(order === "little")
			.u16(0)
			.u16(7)
			.u32(1)
			.u32(2)
			.u32(3)
			.u32(60)
			.write(bytes(1, 2, 3));
		writer.block(BLOCK.PACKET, obsolete.finish());
		writer.simplePacket({ data: bytes(9, 8, 7, 6, 5), originalLength: 70 });
		writer.simplePacket({ data: bytes(4) });
		assert.deepEqual(Array.from(readCapture(writer.take()).packets, said), [
			{ index: 0, timestamp: ((1n << 32n) + 2n) * 1000n, capturedLength: 3, originalLength: 60, data: [1, 2, 3] },
			{ index: 1, timestamp: undefined, capturedLength: 5, originalLength: 70, data: [9, 8, 7, 6, 5] },
			{ index: 2, timestamp: undefined, capturedLength: 1, originalLength: 1, data: [4] },
		]);
	}
});

test("data are views of the file's bytes", () => {
	for (const file of [writePcap([{ data: bytes(1, 2) }]), writePcapng([{ data: bytes(1, 2) }])]) {
		const [only] = readCapture(file).packets;
		assert.equal(only?.data.buffer, file.buffer);
	}
});

test("a writer hands over what came since the last time", () => {
	const writer = new PcapWriter({ resolution: "us" });
	const head = writer.take();
	assert.equal(head.length, 24);
	writer.packet({ data: bytes(1, 2, 3), timestamp: 1_500_000_999n });
	const rest = writer.take();
	assert.equal(rest.length, 19);
	assert.equal(writer.take().length, 0);
	const [only] = readCapture(Uint8Array.from([...head, ...rest])).packets;
	assert.equal(only?.timestamp, 1_500_000_000n);
});

test("resolutions of every size keep the time", () => {
	const timestamp = 1_234_567_891_000_000_000n;
	for (const each of [0, 3, 6, 9, { binary: 0 }, { binary: 30 }, { binary: 33 }]) {
		const [only] = readCapture(writePcapng([{ data: bytes(), timestamp }], { resolution: each })).packets;
		assert.equal(only?.timestamp, timestamp, JSON.stringify(each));
	}
	for (const each of [12, 127, { binary: 127 }]) {
		const [only] = readCapture(writePcapng([{ data: bytes(), timestamp: 0n }], { resolution: each })).packets;
		assert.equal(only?.timestamp, 0n);
	}
});

test("times that a file cannot hold are refused", () => {
	const data = bytes();
	assert.throws(() => writePcap([{ data, timestamp: -1n }]), /a pcap file holds times from 1970 to 2106, -1 ns/);
	assert.throws(() => writePcap([{ data, timestamp: 1n << 63n }]), RangeError);
	assert.throws(() => writePcapng([{ data, timestamp: -1n }]), RangeError);
	assert.throws(() => writePcapng([{ data, timestamp: 1n << 62n }], { resolution: 12 }), RangeError);
	assert.throws(() => writePcapng([], { resolution: 128 }), /10\^-128/);
	assert.throws(() => new PcapngWriter().packet({ data }), /interface 0 was not described/);
	assert.throws(() => new PcapngWriter().simplePacket({ data: bytes(1) }), RangeError);
});

/** A refusal's place and text. */
function refusal(file: Uint8Array | CaptureSource): { packets: number; error: FormatError } {
	let packets = 0;
	try {
		for (const _ of readCapture(file, { file: "x.pcap" }).packets) packets++;
	} catch (error) {
		assert.ok(error instanceof FormatError, String(error));
		return { packets, error };
	}
	assert.fail("nothing was refused");
}

const patched = (file: Uint8Array, at: number, ...values: number[]): Uint8Array => {
	const copy = file.slice();
	copy.set(values, at);
	return copy;
};

// biome-ignore format: table
const REFUSED: readonly (readonly [what: string, file: Uint8Array, packets: number, offset: number, path: string, message: RegExp])[] = (() => {
	const pcap = writePcap([{ data: bytes(1, 2, 3, 4) }, { data: bytes(5, 6, 7, 8) }]);
	const ng = writePcapng([{ data: bytes(1, 2, 3, 4) }, { data: bytes(5, 6, 7, 8) }]);
	// pcapng: section at 0 (28 bytes), interface at 28 (32 bytes: one option and the end), packets at 60 and 96 (36 bytes each).
	return [
		["nothing", bytes(), 0, 0, "header", /the file is empty/],
		["one byte", bytes(0xd4), 0, 0, "header", /4 bytes expected, 1 are left/],
		["text", new TextEncoder().encode("hello"), 0, 0, "header/magic", /begins with 0x6c6c6568, a pcap or pcapng capture is expected/],
		["gzip", bytes(0x1f, 0x8b, 8, 0), 0, 0, "header/magic", /this is a gzip file: unpack it first/],
		["zstd", bytes(0x28, 0xb5, 0x2f, 0xfd), 0, 0, "header/magic", /zstd/],
		["Kuznetzov's pcap", bytes(0x34, 0xcd, 0xb2, 0xa1), 0, 0, "header/magic", /patched libpcap/],
		["a header cut off", pcap.subarray(0, 20), 0, 4, "header", /20 bytes expected, 16 are left/],
		["version 3.4", patched(pcap, 4, 3), 0, 4, "header/version", /version 3.4, 2.4 is expected/],
		["a packet's header cut off", pcap.subarray(0, 50), 1, 44, "Packet[1]", /16 bytes expected, 6 are left/],
		["a packet's data cut off", pcap.subarray(0, 63), 1, 60, "Packet[1]/data", /4 bytes expected, 3 are left/],
		["a huge packet", patched(pcap, 32, 0xff, 0xff, 0xff, 0xff), 0, 32, "Packet[0]/captured length", /4294967295 bytes, a packet has at most 16777216/],
		["another byte order mark", patched(ng, 8, 0), 0, 8, "Block[0]/byte order", /0x1a2b3c00, 0x1a2b3c4d is expected/],
		["pcapng 2.0", patched(ng, 12, 2), 0, 12, "Block[0]/version", /version 2.0, 1.0 is expected/],
		["a block of no length", patched(ng, 64, 0), 0, 64, "Block[2]/total length", /0 bytes, a block of type 0x6 has at least 32/],
		["an unknown block of no length", patched(ng, 60, 77, 0, 0, 0, 0), 0, 64, "Block[2]/total length", /0 bytes, a block of type 0x4d has at least 12/],
		["a block of 35 bytes", patched(ng, 64, 35), 0, 64, "Block[2]/total length", /a multiple of 4 is expected/],
		["a huge block", patched(ng, 64, 0xfc, 0xff, 0xff, 0xff), 0, 64, "Block[2]/total length", /4294967292 bytes, a block has at most/],
		["a huge unknown block", patched(ng, 60, 77, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff), 0, 60 + 0xfffffffc - 4, "Block[2]", /the file ends within it/],
		["two lengths", patched(ng, 92, 40), 0, 92, "Block[2]/closing length", /40, but 36 stands in front of the block/],
		["an unknown interface", patched(ng, 68, 1), 0, 68, "Block[2]/interface", /interface 1, but its section has 1/],
		["more data than block", patched(ng, 80, 5), 0, 80, "Block[2]/captured length", /5 bytes, but the block has room for 4/],
		["a block cut off", ng.subarray(0, 120), 1, 96, "Block[3]", /36 bytes expected, 24 are left/],
		["an option longer than its block", patched(ng, 46, 99), 0, 46, "Block[1]/Option[0]", /option 9 has 99 bytes, but 8 are left/],
		["a resolution of two bytes", patched(ng, 46, 2), 0, 48, "Block[1]/if_tsresol", /2 bytes, 1 expected/],
		["packets before interfaces", Uint8Array.from([...ng.subarray(0, 28), ...ng.subarray(60)]), 0, 36, "Block[1]/interface", /its section has none/],
	];
})();

for (const [what, file, packets, offset, path, message] of REFUSED) {
	test(`refused: ${what}`, () => {
		for (const input of [file, inPieces(file, 1), inPieces(file, 1000)]) {
			const found = refusal(input);
			assert.equal(found.packets, packets);
			assert.equal(found.error.place.offset, offset);
			assert.equal(found.error.place.path, path);
			assert.equal(found.error.place.file, "x.pcap");
			assert.match(found.error.message, message);
		}
	});
}

test("more interfaces than a section may have", () => {
	const writer = new PcapngWriter();
	for (let i = 0; i <= 65_536; i++) writer.block(BLOCK.INTERFACE, new Uint8Array(8));
	assert.match(refusal(writer.take()).error.message, /at most 65536 interfaces/);
});

test("a source is not asked for more than a packet may have", () => {
	const file = patched(writePcapng([{ data: bytes(1) }]), 64, 0, 0, 0, 0x40);
	let most = 0;
	const source = inPieces(file, 1);
	const error = refusal({
		read(offset, length) {
			most = Math.max(most, length);
			return source.read(offset, length);
		},
	}).error;
	assert.match(error.message, /at most 33554432/);
	assert.ok(most < 1000);
});
