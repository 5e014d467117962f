// `npm run bench:vm`: programs on the virtual kernel's engines beside the kernel's JIT (BPF_PROG_TEST_RUN), measured in turn in
// the same run. Needs root, clang-19 and libbpf-dev. Decides nothing.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collection } from "@skep/bpf/collection";
import { encode, insn } from "@skep/bpf/isa";
import { readObject } from "@skep/bpf/object";
import { openLinux } from "@skep/linux";
import { VirtualKernel } from "@skep/vm";
import { newEngine, prepare } from "@skep/vm/engine";
import { Memory, newCpu } from "@skep/vm/machine";
import { geomean, print, run } from "../measure.ts";

/** In the mean. */
const PROGRAMS = [
	"fib",
	"prime",
	"log2",
	"memcompare",
	"packet_checksum",
	"siphash",
	"jhash",
	"crc32",
	"matmul",
	"loop_100k",
	"subprograms",
	"array_map",
	"hash_map",
] as const;
/** Beside it. */
const OTHERS = ["empty", "rounds", "helper_calls"] as const;
const ENGINES = {
	checked: { engine: "jit" },
	"no fuel": { engine: "jit", fuel: false },
	unchecked: { engine: "jit", checked: false, fuel: false },
	interpreter: { engine: "interpreter" },
} as const;
type Column = keyof typeof ENGINES;
const ROUNDS = 60;
/** Nanoseconds that one measurement takes: so short that some of the rounds are not interrupted. */
const SLICE = 500_000;
/** Milliseconds until V8 has made its best of a program, on a busy machine. */
const WARM = 500;

const packet = Uint8Array.from({ length: 512 }, (_, i) => (i % 256) * 7);
/** Nanoseconds of this thread. */
const cpuTime = (): number => {
	// The kernel brings a thread's time up to date where the process's is asked for.
	process.cpuUsage();
	const { user, system } = process.threadCpuUsage();
	return (user + system) * 1000;
};

/** Of one program: nanoseconds. */
type Row = Record<Column | "linux", number>;

interface Times {
	ours: number;
	linux: number;
}

/** Nanoseconds of one run of a program, the least of some rounds. In a process of its own, as it would be in use. */
function measure(object: string, name: string, column: Column): Times {
	const spec = readObject(readFileSync(object), { name: "programs" });
	const only = { programs: (program: { readonly name: string }) => program.name === name };
	const linux = openLinux();
	using theirs = Collection.load(linux, spec, only);
	const program = theirs.programs.get(name)!;
	const { retval } = program.testRun({ data: packet, repeat: 1 });
	const repeats = Math.max(1, Math.round(SLICE / program.testRun({ data: packet, repeat: 200 }).duration));
	const times = column === "interpreter" ? Math.max(1, Math.round(repeats / 30)) : repeats;
	const virtual = new VirtualKernel({ fuel: 1_000_000_000, cpus: linux.possibleCpus });
	using ours = Collection.load(virtual, spec, only);
	const repeat = virtual.repeater(ours.programs.get(name)!.fd.number, packet, ENGINES[column]);
	for (const until = performance.now() + WARM; performance.now() < until; ) repeat(times);
	const best = { ours: Number.POSITIVE_INFINITY, linux: Number.POSITIVE_INFINITY };
	for (let round = 0; round < ROUNDS; round++) {
		best.linux = Math.min(best.linux, program.testRun({ data: packet, repeat: repeats }).duration);
		const before = cpuTime();
		const result = repeat(times);
		best.ours = Math.min(best.ours, (cpuTime() - before) / times);
		if (!CHANGING.has(name) && result !== retval) throw new Error(`${name}: ${result}, on Linux ${retval}`);
	}
	return best;
}
/** Their results are others each time. */
const CHANGING: ReadonlySet<string> = new Set(["array_map", "hash_map", "helper_calls"]);

/** Milliseconds to translate and compile 1,000 instructions, warm: straight code with branches, made anew each time. */
function translating(): number {
	const body = Array.from({ length: 8 }, (_, i) => [
		insn.mov(64, 2, { reg: 1 }),
		insn.alu("mul", 64, 2, { imm: 31 + i }),
		insn.store(8, 10, -8 * (i + 1), { reg: 2 }),
		insn.jump("gt", 64, 2, { imm: 5 }, 1),
		insn.load(8, 1, 10, -8 * (i + 1)),
	]).flat();
	let best = Number.POSITIVE_INFINITY;
	for (let round = 0; round < 300; round++) {
		const list = Array.from({ length: 25 }, () => body).flat();
		const insns = encode([insn.mov(64, 1, { imm: round }), ...list, insn.mov(64, 0, { reg: 1 }), insn.exit()]);
		const memory = new Memory(1 << 20);
		const cpu = newCpu(0, memory.allocate(4096, "stack")!);
		const engine = newEngine(memory, { helper: () => false }, { engine: "jit" });
		const code = prepare(insns, { id: 1 });
		cpu.fuel = 1_000_000;
		const before = performance.now();
		engine.run(code, cpu);
		best = Math.min(best, ((performance.now() - before) * 1000) / (insns.length / 8));
	}
	return best;
}

/** Nanoseconds of one run, begun by JavaScript each time: of a program that gives 2. */
function fromJavaScript(): number {
	const memory = new Memory(1 << 20);
	const cpu = newCpu(0, memory.allocate(4096, "stack")!);
	const engine = newEngine(memory, { helper: () => false }, { engine: "jit" });
	const code = prepare(encode([insn.mov(32, 0, { imm: 2 }), insn.exit()]), { id: 1 });
	const some = (times: number): void => {
		for (let left = times; left > 0; left--) {
			cpu.registers[2] = 5;
			cpu.registers[3] = 0;
			cpu.fuel = 1_000_000;
			engine.run(code, cpu);
		}
	};
	const TIMES = 1000;
	for (let i = 0; i < 5000; i++) some(TIMES);
	let best = Number.POSITIVE_INFINITY;
	for (let round = 0; round < ROUNDS * 10; round++) {
		const before = performance.now();
		some(TIMES);
		best = Math.min(best, ((performance.now() - before) * 1_000_000) / TIMES);
	}
	return best;
}

/** Nanoseconds of a tail call: two programs that call each other 33 times. */
function tailCalls(object: string): { ours: number; linux: number } {
	const spec = readObject(readFileSync(object), { name: "programs" });
	const times = (collection: Collection): void => {
		const program = collection.programs.get("tail_calls")!;
		collection.map("next").update(Uint8Array.of(0, 0, 0, 0), new Uint8Array(Uint32Array.of(program.fd.number).buffer));
	};
	const CALLS = 33;
	using theirs = Collection.load(openLinux(), spec);
	times(theirs);
	const virtual = new VirtualKernel();
	using ours = Collection.load(virtual, spec);
	times(ours);
	const repeat = virtual.repeater(ours.programs.get("tail_calls")!.fd.number, packet, { engine: "jit" });
	repeat(20_000);
	let best = Number.POSITIVE_INFINITY;
	let linux = Number.POSITIVE_INFINITY;
	for (let round = 0; round < ROUNDS; round++) {
		const before = cpuTime();
		repeat(5000);
		best = Math.min(best, (cpuTime() - before) / 5000 / CALLS);
		linux = Math.min(
			linux,
			theirs.programs.get("tail_calls")!.testRun({ data: packet, repeat: 5000 }).duration / CALLS,
		);
	}
	return { ours: best, linux };
}

function table(object: string): void {
	const rows = new Map<string, Row>();
	const columns = Object.keys(ENGINES) as Column[];
	for (const name of [...PROGRAMS, ...OTHERS]) {
		const row = { linux: Number.POSITIVE_INFINITY } as Row;
		for (const column of columns) {
			const text = run(process.execPath, [import.meta.filename, object, name, column]);
			const { ours, linux } = JSON.parse(text) as Times;
			row[column] = ours;
			row.linux = Math.min(row.linux, linux);
		}
		rows.set(name, row);
	}
	const line = (name: string): (string | number)[] => {
		const row = rows.get(name)!;
		return [
			name,
			row.linux.toFixed(0),
			...columns.flatMap((c) => [row[c].toFixed(0), (row[c] / row.linux).toFixed(2)]),
		];
	};
	const means = columns.map((c) => geomean(PROGRAMS.map((name) => rows.get(name)![c] / rows.get(name)!.linux)));
	print("Programs on the virtual kernel and on Linux: nanoseconds a run, ratio", [
		["", "linux", ...columns.flatMap((c) => [c, "ratio"])],
		...PROGRAMS.map(line),
		["geometric mean", "", ...means.flatMap((mean) => ["", mean.toFixed(2)])],
		...OTHERS.map(line),
	]);
	const tail = tailCalls(object);
	const [empty, rounds] = [rows.get("empty")!, rows.get("rounds")!];
	print("Beside it (must: 1 ms, 10 ns, 5 ns, 7 ns)", [
		["", "JIT", "linux"],
		["translating 1,000 instructions, ms", translating().toFixed(2), ""],
		["a run from JavaScript, ns", fromJavaScript().toFixed(1), ""],
		["a run of many, ns", empty.checked.toFixed(1), empty.linux.toFixed(1)],
		["a tail call, ns", tail.ours.toFixed(1), tail.linux.toFixed(1)],
		["a round of bpf_loop, ns", (rounds.checked / 1000).toFixed(1), (rounds.linux / 1000).toFixed(1)],
	]);
}

const [given, name, column] = process.argv.slice(2);
if (given && name && column) process.stdout.write(JSON.stringify(measure(given, name, column as Column)));
else {
	const folder = mkdtempSync(join(tmpdir(), "skep-bench-"));
	try {
		const object = join(folder, "programs.o");
		const source = join(import.meta.dirname, "programs.c");
		const include = "-I/usr/include/x86_64-linux-gnu";
		run("clang-19", ["-O2", "-mcpu=v3", "-g", "-fno-builtin", "-target", "bpf", include, "-c", source, "-o", object]);
		table(object);
	} finally {
		rmSync(folder, { recursive: true });
	}
}
