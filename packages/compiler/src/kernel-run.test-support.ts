// Runs statements in this machine's kernel: compiled as xdp programs, each result is kept in a map and compared.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Btf } from "@skep/bpf/btf";
import { decodeTracepoints } from "#declare";
import { type CompileResult, compile } from "./compile.ts";

const data = (name: string) => readFileSync(fileURLToPath(new URL(`../data/${name}`, import.meta.url)));
const kernel = Btf.decode(data("kernel.btf"));
const tracepoints = decodeTracepoints(JSON.parse(data("tracepoints.json").toString()));

export interface Case {
	/** Declarations at module level: the variables. */
	readonly variables: readonly string[];
	/** Statements before the expression. */
	readonly before?: string;
	readonly expression: string;
	/** As u64. */
	readonly expected: bigint;
}

function program(cases: readonly Case[], imports: string): string {
	const words = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"].join(", ") + imports;
	const lines = [`import { array, ${words}, XDP, xdp } from "skep";`, `const out = array<u64>(${cases.length});`];
	const variables = new Set(cases.flatMap((c) => c.variables));
	lines.push(...variables, `export const program = xdp({ attach: false }, () => {`);
	for (const [i, c] of cases.entries()) lines.push(`  { ${c.before ?? ""} out.set(${i}, ${c.expression}); }`);
	lines.push("  return XDP.PASS;", "});");
	return `${lines.join("\n")}\n`;
}

/** Compiles a file against the shipped kernel types. */
export const compileAgainstShipped = (
	entry: string,
	read: (path: string) => string | undefined,
	optimise: boolean,
): CompileResult => compile({ entry, read, kernel, tracepoints, optimise });

/** Loads every program of the objects in a bpffs of their own. @throws where the verifier refuses one */
export function loadAll(objects: readonly Uint8Array[]): void {
	const folder = mkdtempSync(join(tmpdir(), "skep-vocabulary-"));
	try {
		for (const [i, o] of objects.entries()) writeFileSync(join(folder, `${i}.o`), o);
		const script = `mount -t bpf bpf /sys/fs/bpf && cd ${folder} && for i in $(seq 0 ${objects.length - 1}); do
			bpftool prog loadall $i.o /sys/fs/bpf/p$i >log 2>&1 || { tail -40 log >&2; exit 1; }
		done`;
		execFileSync("unshare", ["-m", "sh", "-c", script], { stdio: ["ignore", "ignore", "pipe"] });
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** Runs programs on one packet each, in a bpffs of their own, and gives the values of their maps `out`. */
function run(objects: readonly Uint8Array[]): bigint[][] {
	const folder = mkdtempSync(join(tmpdir(), "skep-semantics-"));
	try {
		for (const [i, o] of objects.entries()) writeFileSync(join(folder, `${i}.o`), o);
		writeFileSync(join(folder, "packet"), new Uint8Array(64));
		const script = `mount -t bpf bpf /sys/fs/bpf && cd ${folder} && for i in $(seq 0 ${objects.length - 1}); do
			bpftool prog loadall $i.o /sys/fs/bpf/p$i pinmaps /sys/fs/bpf/m$i >log 2>&1 || { tail -40 log >&2; exit 1; }
			bpftool prog run pinned /sys/fs/bpf/p$i/program data_in packet repeat 1 >/dev/null || exit 1
			bpftool -j map dump pinned /sys/fs/bpf/m$i/out >$i.json || exit 1
		done`;
		execFileSync("unshare", ["-m", "sh", "-c", script], { stdio: ["ignore", "ignore", "pipe"] });
		return objects.map((_, i) =>
			(JSON.parse(readFileSync(join(folder, `${i}.json`), "utf8")) as { value: string[] }[]).map((row) =>
				row.value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
			),
		);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

export function canRun(t: TestContext): boolean {
	try {
		execFileSync("unshare", ["-m", "sh", "-c", "mount -t bpf bpf /sys/fs/bpf && bpftool prog show >/dev/null"], {
			stdio: "ignore",
		});
		return true;
	} catch {
		t.skip("needs root with CAP_BPF and CAP_SYS_ADMIN, unshare and bpftool");
		return false;
	}
}

export function check(t: TestContext, all: readonly Case[], optimise = true, imports = ""): void {
	if (!canRun(t)) return;
	const SIZE = 60;
	const groups = Array.from({ length: Math.ceil(all.length / SIZE) }, (_, i) => all.slice(i * SIZE, i * SIZE + SIZE));
	const objects = groups.map((group) => {
		const source = program(group, imports);
		const result = compile({
			entry: "t.ts",
			read: (path) => (path === "t.ts" ? source : undefined),
			kernel,
			tracepoints,
			optimise,
		});
		assert.ok(
			result.object,
			result.diagnostics.map((d) => `${d.code} ${d.line}: ${d.message}\n${source.split("\n")[d.line - 1]}`).join("\n"),
		);
		return result.object;
	});
	const results = run(objects);
	const wrong: string[] = [];
	for (const [g, group] of groups.entries())
		for (const [i, c] of group.entries())
			if (results[g]![i] !== c.expected)
				wrong.push(
					`${c.variables.join(" ")} ${c.before ?? ""} ${c.expression}: ${results[g]![i]}, expected ${c.expected}`,
				);
	assert.deepEqual(wrong, [], `${wrong.length} of ${all.length} differ`);
}
