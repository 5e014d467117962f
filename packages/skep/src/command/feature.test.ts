import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { ATTACH_TYPES, HELPERS, LINK_TYPES, MAP_TYPES, PROGRAM_TYPES } from "@skep/bpf/uapi";
import { VirtualKernel } from "@skep/vm";
import type { FeatureReport } from "#doctor";
import { onBoth } from "./desk.test-support.ts";

type Flat = Readonly<Record<string, unknown>>;

/** `program_types/have_xdp_prog_type` → true; lists of helpers: one entry a helper. */
function flat(report: Readonly<Record<string, Readonly<Record<string, unknown>>>>): Flat {
	const entries: [string, unknown][] = [];
	for (const [section, values] of Object.entries(report)) {
		for (const [key, value] of Object.entries(values)) {
			if (!Array.isArray(value)) entries.push([`${section}/${key}`, value]);
			else for (const name of value as string[]) entries.push([`${section}/${key}/${name}`, true]);
		}
	}
	return Object.fromEntries(entries);
}

function bpftool(...words: string[]): unknown {
	const { stdout, error, status } = spawnSync("bpftool", words, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
	return error || status !== 0 ? undefined : JSON.parse(stdout);
}

/** Where skep says otherwise than bpftool 7.1, and why. One row a reason; the first that fits a key counts. */
// biome-ignore format: table
const REASONS: readonly (readonly [why: string, key: RegExp])[] = [
	["bpftool loads these without attach_btf_id, which they want", /^(program_types\/have_(tracing|lsm|ext|struct_ops)_prog_type|helpers\/(tracing|lsm|ext|struct_ops)_)/],
	["bpftool 7.1 does not know what came later", /have_(netfilter_prog|cgrp_storage_map|arena_map|insn_array_map)_type|have_v4_isa_extension|^helpers\/netfilter_|bpf_cgrp_storage_/],
	["newer verifiers refuse a helper in other words than bpftool looks for, so that it takes all for there", /^helpers\//],
];

test("list_builtins: groups in the kernel's order, by a beginning too", async (t) => {
	await onBoth(async (front) => {
		const list = async (group: string) => (await front.json(`feature list_builtins ${group}`)) as string[];
		assert.deepEqual(await list("prog_types"), ["unspec", ...Object.keys(PROGRAM_TYPES)]);
		assert.deepEqual(await list("map"), ["unspec", ...Object.keys(MAP_TYPES)]);
		assert.deepEqual(await list("attach_types"), Object.keys(ATTACH_TYPES));
		assert.deepEqual(await list("link_types"), ["unspec", ...Object.keys(LINK_TYPES)]);
		assert.equal((await list("helpers"))[HELPERS.length], `bpf_${HELPERS.at(-1)!.name}`);
		assert.equal((await front.run("feature list link")).text, `${["unspec", ...Object.keys(LINK_TYPES)].join("\n")}\n`);
		await assert.rejects(front.run("feature list_builtins foo"), /"foo" is no group/);
	})(t);
});

test("list_builtins begins as bpftool's does", (t) => {
	for (const group of ["prog_types", "map_types", "attach_types", "link_types"]) {
		const theirs = bpftool("-j", "feature", "list_builtins", group) as string[] | undefined;
		if (!theirs) return t.skip("needs bpftool");
		const names = {
			prog_types: PROGRAM_TYPES,
			map_types: MAP_TYPES,
			attach_types: ATTACH_TYPES,
			link_types: LINK_TYPES,
		};
		const ours = Object.keys(names[group as keyof typeof names]);
		const named = theirs.filter((name) => name !== "unspec");
		assert.deepEqual(ours.slice(0, named.length), named, group);
	}
	return undefined;
});

test(
	"probe: what is there, as JSON, as text and as macros, says the same",
	onBoth(async (front) => {
		const report = (await front.json("feature probe")) as FeatureReport;
		assert.equal(report.program_types["have_xdp_prog_type"], true);
		assert.equal(report.map_types["have_hash_map_type"], true);
		assert.ok(report.helpers["xdp_available_helpers"]!.includes("bpf_map_lookup_elem"));
		assert.ok(!report.helpers["kprobe_available_helpers"]!.includes("bpf_trace_printk"));
		const { text } = await front.run("feature probe kernel");
		assert.match(text, /^ {2}xdp +yes$/m);
		assert.match(text, /^ {4}bpf_map_lookup_elem$/m);
		const macros = (await front.run("feature probe macros prefix MY_")).text;
		assert.match(macros, /^#define MY_HAVE_XDP_PROG_TYPE$/m);
		assert.match(macros, /^#define MY_BPF__PROG_TYPE_xdp__HELPER_bpf_map_lookup_elem 1$/m);
		const there = Object.values(report.program_types).filter(Boolean).length;
		assert.equal(macros.match(/^#define MY_HAVE_\w+_PROG_TYPE$/gm)!.length, there);
		await assert.rejects(front.run("feature probe prefix X_"), /prefix stands behind macros/);
		await assert.rejects(front.run("feature probe kernel dev lo"), /"kernel" was asked for already/);
		await assert.rejects(front.run("feature probe foo"), /"foo" is no keyword of probe/);
		await assert.rejects(front.run("feature probe dev no-such-device"), /there is no network device no-such-device/);
	}),
);

test(
	"full also has the helpers that the kernel warns of",
	onBoth(async (front) => {
		if (front.kernel.name !== "linux") return;
		const report = (await front.json("feature probe full")) as FeatureReport;
		assert.ok(report.helpers["kprobe_available_helpers"]!.includes("bpf_trace_printk"));
	}),
);

test(
	"lo offloads nothing",
	onBoth(async (front) => {
		if (front.kernel.name !== "linux") return;
		const report = (await front.json("feature probe dev lo")) as FeatureReport;
		assert.deepEqual(report.program_types, { have_sched_cls_prog_type: false, have_xdp_prog_type: false });
		assert.equal(report.system_config, undefined);
	}),
);

for (const words of ["feature probe", "feature probe full", "feature probe unprivileged", "feature probe dev lo"]) {
	test(`${words}: bpftool's keys, and its values but for known reasons`, async (t) => {
		const theirs = bpftool("-j", ...words.split(" "));
		if (!theirs) return t.skip("needs bpftool, and root");
		return onBoth(async (front, inner) => {
			if (front.kernel.name !== "linux") return;
			const before = flat(theirs as never);
			const after = flat((await front.json(words)) as never);
			const seen = new Map<string, number>();
			for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
				if (before[key] === after[key]) continue;
				const reason = REASONS.find(([, pattern]) => pattern.test(key));
				assert.ok(reason, `${key}: bpftool says ${before[key]}, skep ${after[key]}`);
				seen.set(reason[0], (seen.get(reason[0]) ?? 0) + 1);
			}
			for (const [why, count] of seen) inner.diagnostic(`${count} × ${why}`);
			// In bpftool's order, where both have it.
			const order = (keys: readonly string[]) => keys.filter((key) => key in before && key in after);
			assert.deepEqual(order(Object.keys(after)), order(Object.keys(before)));
		})(t);
	});
}

test(
	"probing leaves nothing behind",
	onBoth(async (front) => {
		const { kernel } = front;
		const tables = kernel instanceof VirtualKernel ? kernel.system.tables : undefined;
		const held = () =>
			tables ? [tables.programs.size, tables.maps.size, tables.descriptors.size] : readdirSync("/proc/self/fd");
		// The first time mounts of our own are made, for what stands in securityfs and tracefs; they stay for the process.
		await front.run("feature probe");
		const before = held();
		await front.run("feature probe full");
		assert.deepEqual(held(), before);
	}),
);
