/**
 * Runs as a child in a mount namespace of its own (`unshare --mount`), where a bpffs may be mounted: pins, opens, unpins, and
 * prints what happened as JSON. The folder to mount on is the first argument.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openLinux } from "@skep/linux";
import { Btf, BtfBuilder } from "#btf";
import { encode, insn } from "#isa";
import {
	attachIterator,
	attachRawTracepoint,
	attachTracepoint,
	BpfMap,
	IteratorReader,
	Link,
	loadBtf,
	Program,
	traceFds,
	unpin,
} from "./index.ts";
import { pin } from "./pins.ts";

const root = process.argv[2]!;
const kernel = openLinux();
const tracer = traceFds();
const tell = (call: () => unknown): string => {
	try {
		return String(call());
	} catch (error) {
		return error instanceof Error ? `${"code" in error ? error.code : ""} ${error.message}` : "?";
	}
};
const program = (type: "raw_tracepoint" | "tracepoint") =>
	Program.load(kernel, {
		name: "pinned",
		type,
		license: "GPL",
		insns: encode([insn.mov(64, 0, { imm: 0 }), insn.exit()]),
	});
const key = new Uint8Array(4);
const builder = new BtfBuilder();
builder.add({ kind: "int", name: "int", size: 4, offset: 0, bits: 32, signed: true, char: false, bool: false });

const outside = join(root, "outside");
const bpffs = join(root, "bpf");
for (const folder of [outside, bpffs]) mkdirSync(folder);
execFileSync("mount", ["-t", "bpf", "bpf", bpffs]);
writeFileSync(join(outside, "file"), "precious");
const at = (name: string) => join(bpffs, name);
/** A fresh bpffs holds two preloaded iterators, `maps.debug` and `progs.debug`. */
const pins = () =>
	readdirSync(bpffs)
		.filter((name) => !name.includes("."))
		.sort();

const result: Record<string, unknown> = {};
{
	using map = BpfMap.create(kernel, { name: "m", type: "array", keySize: 4, valueSize: 4, maxEntries: 3 });
	map.update(key, Uint8Array.of(7, 0, 0, 0));
	map.pin(at("map"));
	result["again"] = tell(() => map.pin(at("map")));
	result["dots"] = tell(() => map.pin(at("map.x")));
	result["noFolder"] = tell(() => map.pin(at("none/map")));
	result["ordinary"] = tell(() => map.pin(join(outside, "map")));
	result["ordinaryGone"] = tell(() => map.pin("/no/such/folder/map"));
}
{
	using map = BpfMap.fromPin(kernel, at("map"));
	result["value"] = map?.lookup(key)?.[0];
	result["entries"] = map?.maxEntries;
}
result["asProgram"] = tell(() => Program.fromPin(kernel, at("map")));
result["nothing"] = tell(() => BpfMap.fromPin(kernel, at("nothing")));
result["file"] = tell(() => BpfMap.fromPin(kernel, join(outside, "file")));
{
	using loaded = program("raw_tracepoint");
	loaded.pin(at("program"));
	using link = attachRawTracepoint(loaded, "sched_process_exec");
	link.pin(at("link"));
	using event = program("tracepoint");
	using second = attachTracepoint(event, "sched", "sched_process_exec");
	// Perf events have links since 5.15.
	if (second.way === "bpf_link") second.pin(at("perf"));
}
{
	using again = Program.fromPin(kernel, at("program"));
	result["program"] = again?.name;
	using link = Link.fromPin(kernel, at("link"));
	result["link"] = link?.info()?.raw_tracepoint?.tp_name;
	result["stillAttached"] = link?.info()?.prog_id === again?.info().id;
	using perf = Link.fromPin(kernel, at("perf"));
	result["perf"] = perf?.info()?.type;
}
{
	using reading = BpfMap.fromPin(kernel, at("map"), "read");
	result["read"] = [reading?.lookup(key)?.[0], tell(() => reading?.update(key, key))];
	using writing = BpfMap.fromPin(kernel, at("map"), "write");
	result["write"] = [writing?.update(key, Uint8Array.of(8, 0, 0, 0)), tell(() => writing?.lookup(key))];
	using frozen = BpfMap.fromPin(kernel, at("map"));
	frozen?.freeze();
	result["frozen"] = tell(() => frozen?.update(key, key));
	result["asLink"] = tell(() => Link.fromPin(kernel, at("program")));
	result["asMap"] = tell(() => BpfMap.fromPin(kernel, at("link")));
	using types = loadBtf(kernel, builder.encode());
	result["btf"] = tell(() => pin(types, at("types")));
}
{
	const btf = Btf.decode(kernel.btf() as Uint8Array, { section: "vmlinux" });
	// Writes "x\n" for each map there is.
	using program = Program.load(kernel, {
		name: "pinned",
		type: "tracing",
		attachType: "trace_iter",
		attachBtfId: btf.find("bpf_iter_bpf_map", "func"),
		license: "GPL",
		insns: encode([
			insn.load(8, 2, 1, 0),
			insn.load(8, 3, 1, 8),
			insn.jump("eq", 64, 3, { imm: 0 }, 6),
			insn.load(8, 1, 2, 0),
			insn.store(2, 10, -2, { imm: 0x0a78 }),
			insn.mov(64, 2, { reg: 10 }),
			insn.alu("add", 64, 2, { imm: -2 }),
			insn.mov(64, 3, { imm: 2 }),
			insn.call(127),
			insn.mov(64, 0, { imm: 0 }),
			insn.exit(),
		]),
	});
	using link = attachIterator(program);
	link.pin(at("iter"));
	const lines = new Set(IteratorReader.fromPin(kernel, at("iter"))?.text().trim().split("\n"));
	// What anybody else does with the pin.
	const file = new Set(readFileSync(at("iter"), "utf8").trim().split("\n"));
	result["iterator"] = [[...lines], [...file], IteratorReader.fromPin(kernel, at("nothing")) === undefined];
	unpin(kernel, at("iter"));
}
result["names"] = pins();
result["unpinned"] = ["map", "program", "link", "perf", "nothing"].map((name) => unpin(kernel, at(name)));
result["precious"] = tell(() => unpin(kernel, join(outside, "file")));
result["left"] = pins();
result["open"] = tracer.open().map((each) => each.what);
execFileSync("umount", [bpffs]);
console.log(JSON.stringify(result));
