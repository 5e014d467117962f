import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { BpfError, LinkError, NotSupportedError, PermissionError } from "#base";
import { Btf } from "#btf";
import { type Kernel, versionCode } from "#kernel";
import { readObject } from "#object";
import type { CollectionSpec } from "#spec";
import { Collection, type LoadOptions } from "./index.ts";
import { onKernel } from "./kernel.test-support.ts";

const read = (name: string): CollectionSpec =>
	readObject(new Uint8Array(readFileSync(new URL(`../../testdata/objects/${name}.bpf.o`, import.meta.url))), { name });
const PACKET = new Uint8Array(64);
const ZERO = new Uint8Array(4);
const words = (bytes: Uint8Array | undefined): bigint[] => [...new BigUint64Array(bytes!.slice().buffer)];

/** Bloom filters came with 5.16. */
const known = (kernel: Kernel): LoadOptions => {
	const fd = kernel.bpf("MAP_CREATE", { map_type: 30, key_size: 0, value_size: 4, max_entries: 1 });
	if (fd >= 0) kernel.close(fd);
	return fd >= 0 ? {} : { maps: (map) => map.name !== "bloom" };
};

/** Loads; undefined, and the test skipped, where the kernel lacks a function that the object calls. */
function loaded(kernel: Kernel, t: TestContext, name: string, options: LoadOptions = {}): Collection | undefined {
	try {
		return Collection.load(kernel, read(name), options);
	} catch (error) {
		if (!(error instanceof NotSupportedError) || !/^kfunc/.test(error.message)) throw error;
		t.skip(error.message);
		return undefined;
	}
}

test(
	"maps hold maps and programs from the start",
	onKernel((kernel) => {
		using collection = Collection.load(kernel, read("values"), known(kernel));
		assert.equal(collection.program("entry").testRun({ data: PACKET }).retval, 42, "the tail call found its program");
		assert.deepEqual(words(collection.map("second").lookup(ZERO)), [5n], "through slot 3 of the outer map");
		assert.deepEqual(words(collection.map("first").lookup(ZERO)), [0n]);
	}),
);

test(
	"what is only declared: structs of signatures, weak variables without an address; records say nothing of a buffer's sizes",
	onKernel((kernel, t) => {
		using collection = loaded(kernel, t, "declared", { programs: () => true });
		if (!collection) return undefined;
		const { ring, samples } = Object.fromEntries(collection.maps);
		assert.deepEqual([ring!.valueSize, samples!.keySize, samples!.valueSize], [0, 4, 4]);
		const record = collection.spec.btf!.find("record", "struct");
		assert.deepEqual([collection.spec.maps.get("ring")!.valueType, record], [record, record]);
		const { retval } = collection.program("ask").testRun({});
		assert.ok(retval === 1 || retval === 2, "runqueues is there, or taken as missing");
		const globals = collection.section(".bss");
		assert.deepEqual([globals.get("found"), globals.get("absent")], [1, 1]);
		return undefined;
	}),
);

test(
	"programs that are not loaded leave their slots empty, and that is said",
	onKernel((kernel) => {
		using collection = Collection.load(kernel, read("values"), {
			...known(kernel),
			programs: (p) => p.name === "entry",
		});
		assert.deepEqual(collection.notes, ["map jumps: slot 2 stays empty, tail is not loaded"]);
		assert.equal(collection.program("entry").testRun({ data: PACKET }).retval, 7);
	}),
);

test(
	"the kernel's configuration, symbols and functions arrive in the program",
	onKernel((kernel, t) => {
		const config = kernel.config?.();
		if (typeof config !== "string") return t.skip("needs /proc/config.gz or /boot/config-*");
		using collection = loaded(kernel, t, "kernel");
		if (!collection) return undefined;
		collection.attach("look");
		readFileSync("/proc/self/stat");
		const seen = words(collection.map(".bss").lookup(ZERO));
		const hz = BigInt(/^CONFIG_HZ=(\d+)$/m.exec(config)![1]!);
		const host = /^CONFIG_DEFAULT_HOSTNAME="(.*)"$/m.exec(config)![1]!;
		const jit = /^CONFIG_BPF_JIT=y$/m.test(config) ? 121n : 110n;
		const address = kernel.symbols!(new Set(["vfs_unlink"])).get("vfs_unlink");
		assert.deepEqual(seen, [
			BigInt(versionCode(kernel.version ?? kernel.release)),
			1n,
			/^CONFIG_ARCH_HAS_SYSCALL_WRAPPER=y$/m.test(config) ? 1n : 0n,
			1n,
			1n,
			jit,
			hz,
			BigInt(host.charCodeAt(0) << 8),
			0n,
			address,
			0n,
			0n,
			1n,
			2n,
		]);
		return undefined;
	}),
);

const good =
	'CONFIG_BPF_SYSCALL=y\nCONFIG_NET=m\nCONFIG_BPF_JIT=y\nCONFIG_HZ=0x64\nCONFIG_DEFAULT_HOSTNAME="a \\" long one"\n';

test(
	"options of the configuration that are missing or do not fit are told by name",
	onKernel((kernel, t) => {
		const probe = loaded(kernel, t, "kernel", { kconfig: good });
		if (!probe) return;
		probe.close();
		const load = (kconfig: string) => {
			Collection.load(kernel, read("kernel"), { kconfig }).close();
		};
		const cases: readonly (readonly [string, string, RegExp])[] = [
			["CONFIG_HZ=0x64", "", /option CONFIG_HZ of the kernel's configuration: it is not set/],
			["CONFIG_BPF_SYSCALL=y", "CONFIG_BPF_SYSCALL=m", /its value is m, but the object declares it for y or n/],
			["CONFIG_HZ=0x64", "CONFIG_HZ=y", /its value is y, but the object declares it for a number/],
			["CONFIG_HZ=0x64", "CONFIG_HZ=99999999999999999999", /does not fit into unsigned 64 bits/],
			["CONFIG_NET=m", "CONFIG_NET=1", /its value is 1, but the object declares it for y, n or m/],
			["CONFIG_BPF_JIT=y", 'CONFIG_BPF_JIT="y"', /declares it for y, n, m or a number/],
		];
		for (const [from, to, message] of cases)
			assert.throws(
				() => load(good.replace(from, to)),
				(e) => e instanceof LinkError && message.test(e.message),
				to,
			);
		assert.throws(
			() => Collection.load(kernel, read("kernel"), { symbols: () => new Map() }),
			(e) => e instanceof NotSupportedError && /kernel symbol vfs_unlink .* \/proc\/kallsyms/.test(e.message),
		);
	}),
);

test(
	"an arena is mapped, its variables have their first values, programs change them",
	onKernel((kernel) => {
		using loaded = Collection.load(kernel, read("arena"));
		const { bytes } = loaded.arenas.get("memory")!;
		const number = loaded.spec.variables.get("number")!;
		const value = () => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(number.offset, true);
		assert.equal(value(), 41n);
		loaded.program("count").testRun({ ctx: new Uint8Array(0) });
		assert.equal(value(), 44n);
	}),
);

test(
	"bpf_throw ends in the callback that only a tag names; hidden functions are checked with their callers' knowledge",
	onKernel((kernel, t) => {
		using collection = loaded(kernel, t, "exception");
		if (collection) assert.equal(collection.program("thrower").testRun({ data: PACKET }).retval, 33);
	}),
);

test(
	"struct_ops: programs are loaded as the kernel's members, the table is ready to be registered",
	onKernel((kernel, t) => {
		const bytes = kernel.btf();
		if (typeof bytes === "number" || Btf.decode(bytes).find("bpf_struct_ops_tcp_congestion_ops") === undefined)
			return t.skip("needs a kernel with struct_ops for congestion control");
		const spec = read("struct-ops");
		if (versionCode(kernel.release) < versionCode("6.4")) {
			assert.throws(
				() => Collection.load(kernel, spec),
				(e) => e instanceof NotSupportedError && e.since === "6.4" && /struct_ops map linked/.test(e.message),
			);
			using older = Collection.load(kernel, spec, { maps: (map) => ["written", ".bss"].includes(map.name) });
			assert.deepEqual([...older.structOps.keys()], ["written"]);
			return undefined;
		}
		using collection = Collection.load(kernel, spec);
		assert.deepEqual([...collection.structOps.keys()], ["linked", "written"]);
		assert.deepEqual(collection.notes, [
			"program never (struct_ops/run) stands in no struct_ops map that is loaded, so it is not loaded",
		]);
		const fds = new Uint32Array(collection.structOps.get("linked")!.value.slice().buffer);
		for (const name of ["skep_ssthresh", "skep_cong_avoid", "skep_undo_cwnd"])
			assert.ok(fds.includes(collection.program(name).fd.number), name);
		const available = () => readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");
		const link = collection.attach("linked");
		assert.match(available(), /skep_test_link/);
		link.close();
		assert.doesNotMatch(available(), /skep_test_link/);
		assert.throws(
			() => Collection.load(kernel, spec, { maps: (map) => map.name === "absent" || !map.structOps }),
			/struct_ops no_such_ops \(map absent\) is not supported: the running kernel has no struct bpf_struct_ops_no_such_ops/,
		);
		return undefined;
	}),
);

test(
	"legacy objects without BTF are loaded and run",
	onKernel((kernel) => {
		for (const name of ["legacy", "legacy-samples"]) {
			using collection = Collection.load(kernel, read(name));
			assert.equal(collection.program("prog").testRun({ data: PACKET }).retval, 2);
			const key = new Uint8Array([1, 0, 0, 0]);
			assert.deepEqual(words(collection.map("counts").lookup(key)), [1n]);
		}
	}),
);

test(
	"poisoned instructions load where they are dead, and are told by name where they are reached",
	onKernel((kernel) => {
		const spec = read("poison");
		Collection.load(kernel, spec).close();
		const refused = (name: string, more: Parameters<typeof Collection.load>[2] = {}): Error => {
			try {
				Collection.load(kernel, spec, { programs: (p) => p.name === name, ...more }).close();
			} catch (error) {
				return error as Error;
			}
			return assert.fail(`${name} was loaded`);
		};
		const live = refused("live");
		assert.ok(live instanceof LinkError, String(live));
		assert.match(live.message, /program live \(.*\): (field no_such_field of )?struct task_struct/);
		assert.match(live.message, /no_such_field of struct task_struct does not exist on this kernel/);
		assert.match(refused("unmapped", { maps: () => false }).message, /uses map spare, which was not created/);
		assert.match(refused("stand_in").message, /replaces a function of a loaded program: say which/);
	}),
);

test(
	"programs may replace functions of other programs, by name",
	onKernel((kernel, t) => {
		using whole = loaded(kernel, t, "exception");
		if (!whole) return;
		const target = { program: whole.program("thrower") };
		const load = (given: typeof target & { function?: string }) =>
			Collection.load(kernel, read("poison"), {
				programs: (p) => p.name === "stand_in",
				attachTo: { stand_in: given },
			}).close();
		assert.throws(
			() => load({ ...target, function: "nobody" }),
			(e) => e instanceof LinkError && /attaches to nobody, which program thrower does not have/.test(e.message),
		);
		try {
			load({ ...target, function: "weak" });
		} catch (error) {
			// Locked-down kernels refuse it; others look closer at what may replace what.
			assert.ok(error instanceof PermissionError || error instanceof BpfError, String(error));
		}
	}),
);

test(
	"big-endian objects are read, and refused where they should run",
	onKernel((kernel) => {
		const spec = read("values-eb");
		assert.equal(spec.byteOrder, "big");
		assert.throws(
			() => Collection.load(kernel, spec),
			(e) => e instanceof NotSupportedError && /compiled for big-endian machines/.test(e.message),
		);
	}),
);

test(
	"a size that the object leaves open is asked for, a target BTF may be given",
	onKernel((kernel) => {
		const spec = read("legacy");
		const open = { ...spec, maps: new Map([...spec.maps].map(([k, m]) => [k, { ...m, maxEntries: 0 }])) };
		assert.throws(
			() => Collection.load(kernel, open),
			/map counts \(array\): the object leaves max_entries open.*option maxEntries/,
		);
		Collection.load(kernel, open, { maxEntries: { counts: 2, seen: 3 } }).close();
		const own = readFileSync("/sys/kernel/btf/vmlinux");
		const asked: string[] = [];
		Collection.load(kernel, read("poison"), {
			coreBtf: (release) => {
				asked.push(release);
				return Btf.decode(own);
			},
		}).close();
		assert.deepEqual(asked, [kernel.release]);
	}),
);
