// Maps, options and packets as programs use them, proved in this machine's kernel through our own loader.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { type Loaded, onKernel } from "./collection.test-support.ts";

const run = (): number => spawnSync("/usr/bin/true").pid;
/** Others start programs on this machine too. */
const OURS = `if (task.real_parent.tgid !== ${process.pid}) return;`;

/** Buckets of a histogram that are not empty, all CPUs added; `keyed`: by key, too. */
function buckets(loaded: Loaded, name: string, keyed = false): Record<string, number> {
	const map = loaded.collection.map(name);
	const found: Record<string, number> = {};
	for (let key = map.nextKey(); key; key = map.nextKey(key)) {
		const words = new Uint32Array(key.slice().buffer);
		const count = map.lookupPerCpu(key)!.reduce((sum, v) => sum + Number(new BigUint64Array(v.slice().buffer)[0]), 0);
		if (count > 0) found[keyed ? `${words[0]}/${words.at(-1)}` : `${words[0]}`] = count;
	}
	return found;
}

test("histograms: log2, linear, by key", (t) => {
	onKernel(
		t,
		`import { histogram, tpBtf, type u32, u64 } from "skep";
const sizes = histogram();
const lines = histogram({ scale: { from: 10, to: 50, step: 10 } });
const keyed = histogram<u32>();
const both = histogram<u32>({ scale: { from: 0, to: 4, step: 1 } });
const VALUES = [0n, 1n, 2n, 3n, 4n, 9n, 10n, 19n, 20n, 49n, 50n, 1000n, 18446744073709551615n] as const;
export const program = tpBtf("sched_process_exec", (task) => {
	${OURS}
	for (let i = 0; i < 13; i++) { const v = VALUES[i]; sizes.add(v); lines.add(v); both.add(v, 7); }
	keyed.add(u64(task.tgid & 0) + 5n, 1);
	keyed.add(5n, 1);
	keyed.add(6n, 2);
});`,
		(loaded) => {
			using _ = loaded.collection.attach("program");
			run();
			assert.deepEqual(buckets(loaded, "sizes"), { 0: 1, 1: 1, 2: 2, 3: 1, 4: 2, 5: 2, 6: 2, 10: 1, 64: 1 });
			assert.deepEqual(buckets(loaded, "lines"), { 0: 6, 1: 2, 2: 1, 4: 1, 5: 3 });
			assert.deepEqual(buckets(loaded, "keyed", true), { "1/3": 2, "2/3": 1 });
			assert.deepEqual(buckets(loaded, "both", true), { "7/1": 1, "7/2": 1, "7/3": 1, "7/4": 1, "7/5": 9 });
		},
	);
});

test("refOn reads another CPU's value", (t) => {
	onKernel(
		t,
		`import { array, cpu, perCpuArray, perCpuHash, tpBtf, type u32, type u64 } from "skep";
const slots = perCpuArray<u64>(2);
const table = perCpuHash<u32, u64>(4);
const out = array<u64>(4);
export const program = tpBtf("sched_process_exec", (task) => {
	${OURS}
	slots.add(1, 5n);
	table.add(9, 3n);
	const mine = slots.refOn(cpu.id, 1);
	out.set(0, mine ? mine.value : 77n);
	const far = slots.refOn(100000, 1);
	out.set(1, far ? 1n : 2n);
	const theirs = table.refOn(cpu.id, 9);
	out.set(2, theirs ? theirs.value : 77n);
	const none = table.refOn(cpu.id, 8);
	out.set(3, none ? 1n : 2n);
});`,
		({ collection, value }) => {
			using _ = collection.attach("program");
			run();
			assert.deepEqual(
				[0, 1, 2, 3].map((i) => value("out", i)),
				[5n, 2n, 3n, 2n],
			);
		},
	);
});

const OPTIONS = `import { array, options, tpBtf, type u64, u64 as wide } from "skep";
import { ip4 } from "skep/net";
const opt = options({
	yes: { type: "boolean", default: false, help: "" },
	small: { type: "u8", default: 3, help: "" },
	port: { type: "port", help: "" },
	word: { type: "u32", default: 70000, help: "" },
	down: { type: "i32", default: -5, help: "" },
	far: { type: "u64", default: 5000000000n, help: "" },
	back: { type: "i64", help: "" },
	slack: { type: "duration", default: 10000000n, help: "" },
	pid: { type: "pid", help: "" },
	comm: { type: "comm", help: "" },
	from: { type: "ip4", default: "10.1.2.3", help: "" },
	name: { type: "string", max: 16, default: "abc", help: "" },
});
const out = array<u64>(16);
export const program = tpBtf("sched_process_exec", (task) => {
	${OURS}
	out.set(0, opt.yes ? 1n : 2n);
	out.set(1, wide(opt.small));
	out.set(2, opt.port === undefined ? 0n : wide(opt.port));
	out.set(3, wide(opt.word));
	out.set(4, wide(opt.down + 10));
	out.set(5, opt.far);
	out.set(6, opt.back === undefined ? 1n : wide(opt.back + 100n));
	out.set(7, opt.slack);
	out.set(8, opt.pid !== undefined && opt.pid === 4242 ? 1n : 2n);
	out.set(9, opt.comm !== undefined && opt.comm === task.comm ? 1n : 2n);
	out.set(10, opt.from === ip4("10.1.2.3") ? 1n : 2n);
	out.set(11, opt.name === "abc" ? 1n : opt.name.startsWith("xy") ? 5n : 2n);
});`;
const optionsOf = ({ collection, value }: Loaded): (bigint | undefined)[] => {
	using _ = collection.attach("program");
	run();
	return Array.from({ length: 12 }, (_, i) => value("out", i));
};

test("options: defaults of every type", (t) => {
	onKernel(t, OPTIONS, (loaded) => {
		assert.deepEqual(optionsOf(loaded), [2n, 3n, 0n, 70000n, 5n, 5000000000n, 1n, 10000000n, 2n, 2n, 1n, 1n]);
	});
});

test("options: values of every type", (t) => {
	onKernel(
		t,
		OPTIONS,
		(loaded) => {
			assert.deepEqual(optionsOf(loaded), [1n, 255n, 443n, 9n, 3n, 1n << 63n, 93n, 5n, 1n, 1n, 2n, 5n]);
		},
		{
			opt_yes: true,
			opt_small: 255,
			opt_port: 443,
			opt_port_set: 1,
			opt_word: 9,
			opt_down: -7,
			opt_far: 1n << 63n,
			opt_back: -7n,
			opt_back_set: 1,
			opt_slack: 5n,
			opt_pid: 4242,
			opt_pid_set: 1,
			opt_comm: "true",
			opt_comm_set: 1,
			opt_from: Uint8Array.of(10, 1, 2, 4),
			opt_name: "xyz",
		},
	);
});

// ── Packets ──
const bytes = (...parts: readonly (readonly number[])[]): Uint8Array => {
	const all = parts.flat();
	return Uint8Array.from({ length: Math.max(all.length, 14) }, (_, i) => all[i] ?? 0);
};
const ETHERNET = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const VLAN = [0x81, 0x00, 0, 5];
const QINQ = [0x88, 0xa8, 0, 6];
const ip4 = (proto: number, options = 0): number[] => [
	...[0x08, 0x00, 0x45 + options, 0, 0, 28 + options * 4, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
	...Array.from({ length: options * 4 }, () => 1),
];
const ip6 = (proto: number): number[] => [
	0x86,
	0xdd,
	0x60,
	0,
	0,
	0,
	0,
	8,
	proto,
	64,
	...Array.from({ length: 32 }, () => 3),
];
const udp = (port: number): number[] => [0x12, 0x34, port >> 8, port & 255, 0, 8, 0, 0];
const [DROP, PASS] = [1, 2];

test("xdp-filter: the verdict for each kind of packet, and what it counted", (t) => {
	const packets: [string, Uint8Array, number, number | undefined][] = [
		["UDP to 53", bytes(ETHERNET, ip4(17), udp(53)), DROP, 17],
		["UDP to 54", bytes(ETHERNET, ip4(17), udp(54)), PASS, 17],
		["TCP to 53", bytes(ETHERNET, ip4(6), udp(53)), PASS, 6],
		["one VLAN tag", bytes(ETHERNET, VLAN, ip4(17), udp(53)), DROP, 17],
		["two tags", bytes(ETHERNET, QINQ, VLAN, ip4(17), udp(53)), DROP, 17],
		["three tags are one too many", bytes(ETHERNET, QINQ, VLAN, VLAN, ip4(17), udp(53)), PASS, undefined],
		["IPv4 with options", bytes(ETHERNET, ip4(17, 5), udp(53)), DROP, 17],
		["IPv4 with all options", bytes(ETHERNET, ip4(17, 10), udp(53)), DROP, 17],
		["options that hide the port", bytes(ETHERNET, ip4(17, 1), udp(0), udp(53)), PASS, 17],
		["IPv6", bytes(ETHERNET, ip6(17), udp(53)), DROP, 17],
		["IPv6, TCP", bytes(ETHERNET, ip6(6), udp(53)), PASS, 6],
		["ARP", bytes(ETHERNET, [0x08, 0x06], udp(53), ip4(17)), PASS, undefined],
		["cut in the UDP header", bytes(ETHERNET, ip4(17), udp(53).slice(0, 7)), PASS, 17],
		["cut in the IPv4 header", bytes(ETHERNET, ip4(17).slice(0, 21)), PASS, undefined],
		["cut in the IPv6 header", bytes(ETHERNET, ip6(17).slice(0, 41)), PASS, undefined],
		["cut in the options", bytes(ETHERNET, ip4(17, 5).slice(0, 30)), PASS, 17],
		["nothing but Ethernet", bytes(ETHERNET, [0x08, 0x00]), PASS, undefined],
	];
	onKernel(t, new URL("../../../examples/xdp-filter/xdp-filter.ts", import.meta.url), ({ collection }) => {
		const program = collection.program("filter");
		const counts = (proto: number): number =>
			collection
				.map("packets")
				.lookupPerCpu(Uint8Array.of(proto))
				?.reduce((sum, v) => sum + (v[0] ?? 0), 0) ?? 0;
		for (const [what, data, verdict, proto] of packets) {
			const before = [6, 17].map(counts);
			assert.equal(program.testRun({ data }).retval, verdict, what);
			assert.deepEqual(
				[6, 17].map(counts),
				before.map((n, i) => n + ([6, 17][i] === proto ? 1 : 0)),
				what,
			);
		}
	});
});

test("adjustHead and adjustTail move the ends of a packet", (t) => {
	onKernel(
		t,
		`import { xdp, XDP } from "skep";
export const shorter = xdp((packet) => packet.adjustTail(-10) === 0 ? XDP.PASS : XDP.ABORTED);
export const later = xdp((packet) => packet.adjustHead(14) === 0 ? XDP.PASS : XDP.ABORTED);`,
		({ collection }) => {
			const data = Uint8Array.from({ length: 64 }, (_, i) => i);
			const shorter = collection.program("shorter").testRun({ data });
			assert.deepEqual([shorter.retval, shorter.data], [2, data.slice(0, 54)]);
			const later = collection.program("later").testRun({ data });
			assert.deepEqual([later.retval, later.data], [2, data.slice(14)]);
		},
	);
});
