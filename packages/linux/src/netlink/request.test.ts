import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRNO, type NetworkRequest } from "@skep/bpf/kernel";
import { encodeRequest, filterReply } from "./index.ts";
import { messagesOf } from "./message.ts";

/** The messages in hex: what the kernel's rtnetlink reads, by linux/rtnetlink.h, pkt_cls.h, if_link.h and lwtunnel.h. One row a request. */
// biome-ignore format: table
const MESSAGES: readonly (readonly [request: NetworkRequest, type: number, body: string])[] = [
	[{ kind: "xdp", ifindex: 5, program: 9, flags: 2 }, 19,
		"0000000005000000 0000000000000000 14002b80 0800010009000000 0800030002000000"],
	[{ kind: "xdp", ifindex: 5, program: -1, flags: 16, expected: 8 }, 19,
		"0000000005000000 0000000000000000 1c002b80 08000100ffffffff 0800030010000000 0800080008000000"],
	[{ kind: "clsact", ifindex: 5, change: "create" }, 36,
		"00000000 05000000 0000ffff f1ffffff 00000000 0b000100636c7361637400 00"],
	[{ kind: "filter", change: "create", ifindex: 5, direction: "egress", priority: 7, handle: 3, program: 9, name: "p" }, 44,
		"00000000 05000000 03000000 f3ffffff 00030700 0800010062706600 1c000280 0800060009000000 060007007000 0000 0800080001000000"],
	[{ kind: "filter", change: "delete", ifindex: 5, direction: "ingress", priority: 7, handle: 3, program: -1, name: "p" }, 45,
		"00000000 05000000 03000000 f2ffffff 00030700 0800010062706600"],
	[{ kind: "route", change: "create", destination: "10.1.0.0/16", ifindex: 5, programs: [{ hook: "xmit", program: 9, name: "p" }] }, 24,
		"02100000 fe04fd01 00000000 080001000a010000 0800040005000000 0600150006000000 18001680 14000380 0800010009000000 060002007000 0000"],
	[{ kind: "route", change: "delete", destination: "2001:db8::1", ifindex: 5, programs: [] }, 25,
		"0a800000 fe040001 00000000 14000100 20010db8000000000000000000000001 0800040005000000"],
];

test("requests are the messages that rtnetlink reads", () => {
	for (const [request, type, body] of MESSAGES) {
		const message = encodeRequest(request);
		assert.ok(typeof message === "object");
		const view = new DataView(message.buffer);
		assert.deepEqual([view.getUint32(0, true), view.getUint16(4, true)], [message.length, type]);
		assert.equal(Buffer.from(message.subarray(16)).toString("hex"), body.replaceAll(" ", ""), JSON.stringify(request));
	}
});

test("addresses that are none are refused; IPv6 in all its spellings", () => {
	const route = (destination: string, gateway?: string) =>
		encodeRequest({ kind: "route", change: "delete", destination, gateway, ifindex: 1, programs: [] });
	for (const wrong of ["", "x/3", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0/8", "fe80::1%eth0", "10.0.0.0/a"]) {
		assert.equal(route(wrong), -ERRNO.EINVAL, wrong);
	}
	assert.equal(route("10.0.0.0/8", "::1"), -ERRNO.EINVAL);
	const bytes = (text: string) => Buffer.from((route(text) as Uint8Array).subarray(32, 48)).toString("hex");
	assert.equal(bytes("::ffff:1.2.3.4"), "00000000000000000000ffff01020304");
	assert.equal(bytes("::"), "0".repeat(32));
	assert.equal(bytes("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
});

test("answers are read as far as they fit", () => {
	const filter = new Uint8Array(36);
	const view = new DataView(filter.buffer);
	view.setUint32(0, 36, true);
	view.setUint16(4, 44, true);
	view.setUint32(16 + 8, 3, true);
	view.setUint32(16 + 16, 7 << 16, true);
	const [message] = [...messagesOf(filter)];
	assert.deepEqual(filterReply(message!), { priority: 7, handle: 3 });
	for (let length = 0; length < 36; length++) assert.equal([...messagesOf(filter.subarray(0, length))].length, 0);
	view.setUint32(0, 3, true);
	assert.equal([...messagesOf(filter)].length, 0);
});
