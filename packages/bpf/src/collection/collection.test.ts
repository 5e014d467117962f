import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { explainPermission } from "@skep/linux";
import { BpfError, LinkError, NotSupportedError, PermissionError, VerifierError } from "#base";
import type { Kernel } from "#kernel";
import { RingBufferReader } from "#live";
import { readObject } from "#object";
import { Collection, type LoadOptions, planAttach } from "./index.ts";
import { onKernel } from "./kernel.test-support.ts";

const object = (name: string) => readFileSync(new URL(`../../testdata/${name}`, import.meta.url));
const spec = readObject(object("collection/exec.bpf.o"), { name: "exec.bpf.o" });
const only = (...names: string[]): LoadOptions => ({ programs: (program) => names.includes(program.name) });

function refusal(kernel: Kernel, options: LoadOptions): Error {
	try {
		Collection.load(kernel, spec, { diagnose: explainPermission, ...options }).close();
	} catch (error) {
		assert.ok(error instanceof Error);
		return error;
	}
	return assert.fail("the kernel took it");
}

test(
	"an object is loaded, attached three ways, and its records arrive with the options in them",
	onKernel((kernel) => {
		using collection = Collection.load(kernel, spec, {
			diagnose: explainPermission,
			variables: { opt_mark: 77, opt_mark_set: true, opt_name: "skep" },
			maxEntries: { events: 100_000 },
		});
		assert.deepEqual([...collection.programs.keys()], ["on_exec", "on_raw", "on_typed", "filter"]);
		assert.deepEqual(collection.notes, []);
		assert.equal(collection.map("events").maxEntries, 131_072, "rounded up to a power of two");
		assert.equal(collection.map("perf").maxEntries, kernel.possibleCpus);
		using reader = new RingBufferReader(collection.map("events"));
		for (const name of ["on_exec", "on_raw", "on_typed"]) collection.attach(name);
		assert.deepEqual(
			collection.links.map((link) => link.target),
			["tracepoint sched/sched_process_exec", "raw tracepoint sched_process_exec", "tp_btf/sched_process_exec"],
		);
		for (let i = 0; i < 5; i++) execFileSync("/bin/true");
		const comms: string[] = [];
		const count = reader.drain((view, offset, length) => {
			assert.equal(length, 32);
			assert.equal(view.getUint32(offset + 12, true), 77);
			const bytes = Array.from({ length: 16 }, (_, i) => view.getUint8(offset + 16 + i));
			comms.push(String.fromCharCode(...bytes.slice(0, bytes.indexOf(0))));
		});
		assert.ok(count >= 5, `${count} records`);
		assert.ok(comms.filter((comm) => comm === "true").length >= 5, comms.join());
		const words = new DataView(collection.map(".bss").lookup(new Uint8Array(4))!.buffer);
		assert.ok(words.getUint16(0, true) >= 5 && words.getUint16(2, true) >= 5 && words.getUint32(4, true) >= 5);
		const info = collection.program("on_exec").info();
		assert.ok(
			info.btf_id > 0 && info.nr_func_info === 2 && info.nr_line_info > 4,
			"functions and lines are known to the kernel",
		);
		assert.ok(collection.map("counts").info().btf_value_type_id > 0);
		assert.throws(
			() => collection.map(".rodata").update(new Uint8Array(4), new Uint8Array(collection.map(".rodata").valueSize)),
			{ code: "EPERM" },
		);
	}),
);

test(
	"a variable changes what a program does",
	onKernel((kernel) => {
		for (const verdict of [1, 2, 3]) {
			using collection = Collection.load(kernel, spec, { ...only("filter"), variables: { verdict } });
			assert.equal(collection.program("filter").testRun({ data: new Uint8Array(64) }).retval, verdict);
		}
		assert.throws(
			() => Collection.load(kernel, spec, { variables: { opt_nothing: 1 } }),
			/no variable opt_nothing.*opt_mark/,
		);
		assert.throws(
			() => Collection.load(kernel, spec, { variables: { opt_mark_set: 300 } }),
			/1 bytes.*300 does not fit/,
		);
		assert.throws(
			() => Collection.load(kernel, spec, { variables: { opt_name: "x".repeat(17) } }),
			/16 bytes, the value 17/,
		);
	}),
);

test(
	"what the verifier refuses names the source line and carries the whole log",
	onKernel((kernel) => {
		const error = refusal(kernel, only("unchecked"));
		assert.ok(error instanceof VerifierError, String(error));
		assert.match(
			error.message,
			/refused unchecked \(.*exec\.bpf\.c:\d+(:\d+)?\): R\d invalid mem access 'map_value_or_null'/,
		);
		assert.match(error.log, /processed \d+ insns/);
	}),
);

test(
	"what this kernel lacks is named, what it forbids is explained",
	onKernel((kernel) => {
		assert.match(
			refusal(kernel, only("nowhere")).message,
			/tp_btf\/no_such_tracepoint is not supported: .* has no tracepoint no_such_tracepoint/,
		);
		using collection = Collection.load(kernel, spec, only("no_event", "filter"));
		assert.throws(() => collection.attach("no_event"), NotSupportedError);
		assert.throws(
			() => collection.attach("filter"),
			(error) => error instanceof BpfError && error.code === "ERR_NO_TARGET" && /say the device/.test(error.message),
		);
		assert.throws(() => collection.attach("filter", { device: "no-such-device" }), {
			code: "ENODEV",
			message: /no such network device/,
		});
		assert.throws(
			() => collection.attach("on_exec"),
			/no program on_exec is loaded; there are: filter, no_event|no_event, filter/,
		);
		try {
			Collection.load(kernel, spec, { ...only("on_unlink"), diagnose: explainPermission }).close();
		} catch (error) {
			assert.ok(error instanceof PermissionError, String(error));
			assert.deepEqual(error.missing, ["lockdown"]);
		}
	}),
);

test(
	"a weak kfunc that is missing is refused only where it is reached",
	onKernel((kernel) => {
		const error = refusal(kernel, only("weak"));
		assert.ok(error instanceof NotSupportedError, String(error));
		assert.match(error.message, /^kfunc \w+ is not supported: program weak \(.*exec\.bpf\.c:\d+.*\) calls it/);
	}),
);

test(
	"a CO-RE access that this kernel cannot satisfy is told by its name",
	onKernel((kernel) => {
		const kitchen = readObject(object("kitchen.bpf.o"), { name: "kitchen.bpf.o" });
		const maps = new Map([...kitchen.maps].map(([name, map]) => [name, { ...map, pinning: "none" as const }]));
		using first = Collection.load(kernel, { ...kitchen, maps }, only("first", "third"));
		assert.deepEqual([...first.programs.keys()], ["first", "third"]);
		assert.throws(
			() => Collection.load(kernel, { ...kitchen, maps }, only("second")),
			(error) => error instanceof LinkError && /HUE_RED of enum hue does not exist/.test(error.message),
		);
		assert.throws(() => Collection.load(kernel, kitchen, { pinPath: "/tmp" }), {
			code: "ERR_NO_BPFFS",
			message:
				/^cannot open the map pinned at \/tmp\/\w+: .* is not in a BPF file system.*mount -t bpf bpf \/sys\/fs\/bpf/,
		});
	}),
);

test("the plan says where a program goes, and why", () => {
	const program = (name: string) => spec.programs.get(name)!;
	assert.deepEqual(planAttach(program("on_exec")), {
		way: "tracepoint",
		category: "sched",
		name: "sched_process_exec",
		why: "section tracepoint/sched/sched_process_exec: a perf event of the tracepoint",
	});
	assert.equal(planAttach(program("on_raw")).way, "raw_tracepoint");
	assert.equal(planAttach(program("on_typed")).way, "tracing");
	assert.deepEqual(planAttach(program("filter")), {
		way: "none",
		wants: "device",
		why: "section xdp names no network device",
	});
	assert.equal(planAttach(program("filter"), { device: 3 }).way, "xdp");
	assert.equal(planAttach({ ...program("on_exec"), attachTo: "nothing" }).way, "none");
});

test(
	"maps and variables by the object's own types, while programs run",
	onKernel((kernel) => {
		using collection = Collection.load(kernel, spec, { ...only("filter"), variables: { opt_name: "skep" } });
		const counts = collection.typed<number, bigint>("counts");
		counts.update(7, 5n);
		assert.deepEqual(new Map(counts.entries()).get(7), 5n);
		assert.throws(() => collection.typed("nope"), /no map nope is loaded/);
		assert.throws(() => collection.typed("events"), { code: "ERR_NO_BTF" });
		const data = collection.section(".data");
		assert.equal(collection.section(".data"), data);
		const filter = collection.program("filter");
		const run = () => filter.testRun({ data: new Uint8Array(64) }).retval;
		assert.deepEqual([data.mapped, data.get("verdict"), run()], [true, 2, 2]);
		data.set("verdict", 1);
		assert.equal(run(), 1);
		const fixed = collection.section(".rodata");
		assert.deepEqual([fixed.get("opt_mark"), fixed.get("opt_name")], [1, "skep"]);
		assert.throws(() => fixed.set("opt_mark", 2), { code: "EPERM" });
	}),
);
