import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { packet } from "./packet.ts";

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Ones' complement sum over what a checksum covers, itself included: 0xffff where it is right. */
function sum(...parts: readonly Uint8Array[]): number {
	const bytes = parts.flatMap((part) => [...part]);
	let total = 0;
	for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
	while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
	return total;
}

const pseudo = (addresses: Uint8Array, protocol: number, length: number) =>
	Uint8Array.from([...addresses, 0, protocol, length >> 8, length & 255]);

test("UDP in IPv4, byte for byte", () => {
	const bytes = packet
		.eth()
		.ipv4({ src: "192.0.2.1", dst: "198.51.100.2", ttl: 7 })
		.udp({ sport: 1234, dport: 53 })
		.payload("odd")
		.bytes();
	const hex = Buffer.from(bytes).toString("hex");
	// Checksums apart, which are summed below.
	assert.equal(hex.slice(0, 48), "02000000000202000000000108004500001f000000000711");
	assert.equal(hex.slice(52, 80), "c0000201c633640204d20035000b");
	assert.equal(hex.slice(84), "6f6464");
	assert.equal(sum(bytes.subarray(14, 34)), 0xffff);
	assert.equal(sum(pseudo(bytes.subarray(26, 34), 17, 11), bytes.subarray(34)), 0xffff);
});

test("TCP in IPv6 behind two tags", () => {
	const bytes = packet.eth().vlan(7).vlan(4095).ipv6({ dst: "2001:db8::53" }).tcp({ dport: 443, syn: true }).bytes();
	const at = view(bytes);
	assert.deepEqual(
		[12, 14, 16, 18, 20].map((offset) => at.getUint16(offset)),
		[0x88a8, 7, 0x8100, 4095, 0x86dd],
	);
	assert.equal(at.getUint16(26), 20);
	assert.equal(bytes[28], 6);
	assert.equal(Buffer.from(bytes.subarray(46, 62)).toString("hex"), "20010db8000000000000000000000053");
	assert.equal(bytes[62 + 13], 2);
	assert.equal(sum(pseudo(bytes.subarray(30, 62), 6, 20), bytes.subarray(62)), 0xffff);
	assert.equal(bytes.length, 82);
});

test("one packet is the beginning of several", () => {
	const dns = packet.eth().ipv4().udp({ dport: 53 });
	const long = dns.payload("a").payload(Uint8Array.of(1, 2));
	assert.equal(dns.bytes().length, 42);
	assert.equal(long.bytes().length, 45);
	assert.equal(long.truncate(20).bytes().length, 20);
	assert.equal(long.truncate(2000).bytes().length, 45);
});

test("what is no packet is refused", () => {
	assert.throws(() => packet.eth().udp(), /udp\(\) wants ipv4\(\) or ipv6\(\) before it/);
	assert.throws(() => packet.eth().vlan(4096), /vlan is a number from 0 to 4095, not 4096/);
	assert.throws(() => packet.eth().ipv4({ src: "10.0.0" }), /"10\.0\.0" is no IPv4 address/);
	for (const src of ["1::2::3", "1:2:3", "g::", "::1:2:3:4:5:6:7:8"])
		assert.throws(() => packet.eth().ipv6({ src }), /is no IPv6 address/);
	assert.throws(() => packet.eth().ipv4().udp({ dport: 65536 }), /dport is a number/);
	assert.throws(() => packet.eth().ipv4().udp().payload(new Uint8Array(65_530)).bytes(), /length/);
});

test("tcpdump finds no fault with them", (t) => {
	if (spawnSync("tcpdump", ["--version"]).error) return t.skip("needs tcpdump, to judge the checksums");
	const frame = packet.eth().vlan(5).ipv4().udp({ dport: 4000 }).payload("hello").bytes();
	const file = Buffer.alloc(40 + frame.length);
	file.writeUInt32LE(0xa1b2c3d4, 0);
	file.writeUInt16LE(2, 4);
	file.writeUInt16LE(4, 6);
	file.writeUInt32LE(65535, 16);
	file.writeUInt32LE(1, 20);
	file.writeUInt32LE(frame.length, 32);
	file.writeUInt32LE(frame.length, 36);
	file.set(frame, 40);
	const { stdout } = spawnSync("tcpdump", ["-nvvr", "-"], { input: file, encoding: "utf8" });
	assert.match(stdout, /\[udp sum ok\] UDP, length 5/);
	assert.doesNotMatch(stdout, /bad/);
	return undefined;
});
