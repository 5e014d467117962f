/**
 * Loads every object of libbpf-tools, as Debian has them, with bpftool and with skep, and says where they differ:
 *
 *     node scripts/objects/libbpf-tools.ts [--suite bookworm|trixie|sid] [--source DIR] [--verbose] [--times N]
 *
 * Objects come from the binary package: each tool carries its object in itself, and it is taken out of there. With --source
 * DIR (an unpacked bpfcc source package, or any libbpf-tools folder) clang-19 compiles them against this kernel's vmlinux.h
 * instead. Everything is made in a temporary folder, nothing is kept. Needs root, bpftool, apt-get or the source.
 * Exit code 1 where bpftool loads what skep does not.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { Btf } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { readObject } from "@skep/bpf/object";
import { explainPermission, openLinux } from "@skep/linux";

const { values: options } = parseArgs({
	options: {
		suite: { type: "string", default: "trixie" },
		source: { type: "string" },
		verbose: { type: "boolean", default: false },
		times: { type: "string", default: "1" },
	},
});
const work = mkdtempSync(join(tmpdir(), "skep-libbpf-tools-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));
const objects = join(work, "objects");
mkdirSync(objects);

/** The binary package of a Debian suite, fetched with lists of its own: the system's are left alone. */
function fetchPackage(suite: string): string {
	writeFileSync(join(work, "sources.list"), `deb ${mirror()} ${suite} main\n`);
	mkdirSync(join(work, "lists/partial"), { recursive: true });
	mkdirSync(join(work, "cache/archives/partial"), { recursive: true });
	const settings = [
		`Dir::Etc::SourceList=${join(work, "sources.list")}`,
		"Dir::Etc::SourceParts=/nonexistent",
		`Dir::State::Lists=${join(work, "lists")}`,
		"Dir::State::Status=/dev/null",
		`Dir::Cache=${join(work, "cache")}`,
	].flatMap((each) => ["-o", each]);
	for (const command of [["update"], ["download", "libbpf-tools"]])
		execFileSync("apt-get", ["-q", ...settings, ...command], { cwd: work, stdio: "pipe", timeout: 300_000 });
	const file = readdirSync(work).find((name) => name.endsWith(".deb"));
	if (!file) throw new Error("apt-get download left no package");
	execFileSync("dpkg-deb", ["-x", join(work, file), join(work, "unpacked")]);
	return file;
}

/** Where this machine's own packages come from. */
function mirror(): string {
	const text = readFileSync("/etc/apt/sources.list.d/debian.sources", "utf8");
	const found = /^URIs: *(\S+)/m.exec(text)?.[1];
	if (found === undefined) throw new Error("/etc/apt/sources.list.d/debian.sources names no mirror (URIs:)");
	return found;
}

const EM_BPF = 247;

/** Objects inside of an executable: ELF files for BPF, as long as their section table says. */
function embedded(bytes: Buffer): Buffer[] {
	const found: Buffer[] = [];
	const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
	for (let at = bytes.indexOf(magic, 1); at >= 0; at = bytes.indexOf(magic, at + 1)) {
		if (at + 64 > bytes.length || bytes.readUInt16LE(at + 18) !== EM_BPF) continue;
		const end = Number(bytes.readBigUInt64LE(at + 40)) + bytes.readUInt16LE(at + 58) * bytes.readUInt16LE(at + 60);
		found.push(bytes.subarray(at, at + end));
	}
	return found;
}

function takeOut(): void {
	for (const folder of ["usr/sbin", "usr/bin"].map((each) => join(work, "unpacked", each)).filter(existsSync))
		for (const tool of readdirSync(folder, { withFileTypes: true })) {
			if (!tool.isFile()) continue;
			for (const [i, object] of embedded(readFileSync(join(folder, tool.name))).entries())
				writeFileSync(join(objects, `${tool.name.replace(/-libbpf$/, "")}${i ? `-${i}` : ""}.o`), object);
		}
}

function compile(source: string): void {
	const tools = existsSync(join(source, "libbpf-tools")) ? join(source, "libbpf-tools") : source;
	const copy = join(work, "source");
	cpSync(tools, copy, { recursive: true });
	writeFileSync(
		join(copy, "vmlinux.h"),
		execFileSync("bpftool", ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"], { maxBuffer: 1 << 26 }),
	);
	const arch = process.arch === "arm64" ? "arm64" : "x86";
	for (const file of readdirSync(copy).filter((name) => name.endsWith(".bpf.c"))) {
		const flags = ["-g", "-O2", "-target", "bpf", `-D__TARGET_ARCH_${arch}`, `-I${copy}`];
		const include = `-I/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
		const out = join(objects, `${file.slice(0, -6)}.o`);
		const made = spawnSync("clang-19", [...flags, include, "-c", join(copy, file), "-o", out], { timeout: 120_000 });
		if (made.status !== 0) console.log(`${file}: clang-19 does not compile it`);
	}
}

/** Which objects bpftool loads, in a bpffs of our own. */
function byBpftool(files: readonly string[]): Map<string, boolean> {
	const script =
		'mount -t bpf bpf "$0" && for o in "$@"; do bpftool prog loadall "$o" "$0/x" >/dev/null 2>&1 && echo "OK $o" || echo "NO $o"; rm -rf "$0/x"; done';
	const folder = join(work, "bpffs");
	mkdirSync(folder);
	const out = execFileSync("unshare", ["-m", "sh", "-c", script, folder, ...files], {
		encoding: "utf8",
		timeout: 600_000,
	});
	return new Map(
		out
			.trim()
			.split("\n")
			.map((line) => [line.slice(3), line.startsWith("OK")]),
	);
}

if (options.source) compile(options.source);
else {
	const name = fetchPackage(options.suite);
	console.log(`objects of ${name} (Debian ${options.suite})`);
	takeOut();
}
const files = readdirSync(objects)
	.sort()
	.map((name) => join(objects, name));
const theirs = byBpftool(files);

const kernel = openLinux();
const vmlinux = kernel.btf();
if (typeof vmlinux === "number") throw new Error(`no BTF of the kernel: ${vmlinux}`);
const kernelBtf = Btf.decode(vmlinux, { section: "vmlinux" });
const times = Number(options.times);
let ours = 0;
let lost = 0;
let sum = 0;
for (const file of files) {
	let reason: string | undefined;
	// The clock of CPU time ticks every few milliseconds: only many runs together tell.
	const before = process.cpuUsage();
	for (let i = 0; i < times; i++) {
		try {
			const spec = readObject(new Uint8Array(readFileSync(file)), { name: basename(file) });
			Collection.load(kernel, spec, { kernelBtf, diagnose: explainPermission }).close();
		} catch (error) {
			reason = error instanceof Error ? error.message : String(error);
		}
	}
	const user = process.cpuUsage(before).user / 1000 / times;
	const bpftool = theirs.get(file) ?? false;
	if (reason === undefined) {
		ours++;
		sum += user;
	} else if (bpftool) lost++;
	const differs = bpftool === (reason === undefined) ? " " : "!";
	const size = `${Math.round(statSync(file).size / 1024)} KB`.padStart(7);
	const said =
		reason === undefined ? "" : options.verbose ? reason : reason.split("\n").slice(0, 2).join(" ").slice(0, 220);
	console.log(
		`${differs} ${basename(file).padEnd(22)}${size} ${user.toFixed(1).padStart(6)} ms  bpftool ${bpftool ? "ok" : "no"}  skep ${reason === undefined ? "ok" : "no"}  ${said}`,
	);
}
const loaded = [...theirs.values()].filter(Boolean).length;
console.log(
	`${files.length} objects: bpftool loads ${loaded}, skep ${ours} (user CPU ${sum.toFixed(0)} ms for these, mean of ${times}); bpftool alone: ${lost}`,
);
process.exitCode = lost > 0 ? 1 : 0;
