// Compiles the recording variant of a file, runs it on this machine's kernel and reads what it logged.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { PermissionError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import type { ManifestRecording, RecordingSite } from "@skep/bpf/spec";
import { openLinux } from "@skep/linux";
import { decodeTracepoints } from "#declare";
import { type CompileResult, compile } from "./compile.ts";

const data = (name: string) => readFileSync(fileURLToPath(new URL(`../data/${name}`, import.meta.url)));
export const kernel = Btf.decode(data("kernel.btf"));
export const tracepoints = decodeTracepoints(JSON.parse(data("tracepoints.json").toString()));

export interface LoggedEntry {
	readonly site: RecordingSite;
	readonly data: DataView;
}

/** One run, as the bytes say it. */
export interface LoggedRun {
	readonly program: string;
	readonly cpu: number;
	readonly time: bigint;
	readonly tgid: number;
	readonly pid: number;
	readonly uid: number;
	readonly gid: number;
	readonly cgroup: bigint;
	readonly comm: string;
	readonly truncated: boolean;
	readonly entries: readonly LoggedEntry[];
}

export const text = (v: DataView, from = 0, bytes = v.byteLength - from): string =>
	Buffer.from(v.buffer, v.byteOffset + from, bytes)
		.toString()
		.replace(/\0.*$/s, "");

/** Reads a record by the table of ManifestRecording, strictly: nothing may be left over or stand outside. */
export function decodeRun(v: DataView, recording: ManifestRecording): LoggedRun {
	const u32 = (at: number) => v.getUint32(at, true);
	const flags = u32(56);
	const end = 64 + u32(60);
	assert.ok(end <= v.byteLength, `${end} bytes in a record of ${v.byteLength}`);
	assert.equal(flags & ~1, 0);
	const entries: LoggedEntry[] = [];
	for (let at = 64; at < end; ) {
		const site = recording.sites[v.getUint16(at, true)];
		const bytes = v.getUint16(at + 2, true);
		assert.ok(site, `site ${v.getUint16(at, true)} of ${recording.sites.length}`);
		assert.equal(u32(at + 4), 0);
		assert.ok(at + 8 + bytes <= end);
		entries.push({ site, data: new DataView(v.buffer, v.byteOffset + at + 8, bytes) });
		at += 8 + ((bytes + 7) & ~7);
		assert.ok(at <= end);
	}
	const program = recording.programs[u32(0)];
	assert.ok(program !== undefined);
	return {
		program,
		cpu: u32(4),
		time: v.getBigUint64(8, true),
		pid: u32(16),
		tgid: u32(20),
		uid: u32(24),
		gid: u32(28),
		cgroup: v.getBigUint64(32, true),
		comm: text(v, 40, 16),
		truncated: (flags & 1) !== 0,
		entries,
	};
}

/** Fields of one struct by path (`cred`, `comm`, `uid.val`), from the entries with its address. */
export function fieldsOf(run: LoggedRun, address: bigint): Map<string, DataView> {
	const found = new Map<string, DataView>();
	for (const { site, data: v } of run.entries)
		if (site.kind === "field" && v.getBigUint64(0, true) === address)
			found.set(site.path.join("."), new DataView(v.buffer, v.byteOffset + 8, v.byteLength - 8));
	return found;
}

export const entriesOf = <K extends RecordingSite["kind"]>(
	run: LoggedRun,
	kind: K,
): { site: RecordingSite & { kind: K }; data: DataView }[] =>
	run.entries.flatMap(({ site, data: v }) =>
		site.kind === kind ? [{ site: site as RecordingSite & { kind: K }, data: v }] : [],
	);

export interface Recorded {
	readonly collection: Collection;
	readonly recording: ManifestRecording;
	/** Runs that were logged since the last call. */
	runs(): LoggedRun[];
	/** Records of a ring buffer since the last call. */
	records(map: string): DataView[];
	/** A per-CPU counter, all CPUs' values added. */
	counter(map: string, key: number): bigint;
}

export function compileFile(source: string | URL, recording: boolean): CompileResult {
	const entry = typeof source === "string" ? "t.ts" : fileURLToPath(source);
	const read = (path: string): string | undefined => {
		if (typeof source === "string") return path === entry ? source : undefined;
		return existsSync(path) ? readFileSync(path, "utf8") : undefined;
	};
	return compile({ entry, read, kernel, tracepoints, recording });
}

export const describeDiagnostics = (r: CompileResult): string =>
	r.diagnostics.map((d) => `${d.code} ${d.line}:${d.column} ${d.message}`).join("\n");

/**
 * Runs `body` on the loaded recording variant (`recording` false: on the plain object). Skips where the kernel may not be
 * asked. Nothing stays afterwards.
 */
export function onRecording(t: TestContext, source: string | URL, body: (loaded: Recorded) => void): void {
	const result = compileFile(source, true);
	assert.ok(result.object, describeDiagnostics(result));
	const recording = result.manifest?.recording;
	assert.ok(recording);
	if (process.platform !== "linux") {
		t.skip(`needs Linux, this is ${process.platform}`);
		return;
	}
	try {
		load(result.object, recording, body);
	} catch (error) {
		if (!(error instanceof PermissionError)) throw error;
		t.skip(`needs CAP_BPF and CAP_PERFMON: ${error.missing.join(", ")}`);
	}
}

function load(object: Uint8Array, recording: ManifestRecording, body: (loaded: Recorded) => void): void {
	using collection = Collection.load(openLinux(), readObject(object, { name: "t" }));
	const readers = new Map<string, RingBufferReader>();
	for (const [name, map] of collection.maps) if (map.type === "ringbuf") readers.set(name, new RingBufferReader(map));
	const records = (map: string): DataView[] => {
		const found: DataView[] = [];
		readers.get(map)!.drain((view, offset, length) => {
			const from = view.byteOffset + offset;
			found.push(new DataView(view.buffer.slice(from, from + length)));
		});
		return found;
	};
	try {
		body({
			collection,
			recording,
			runs: () => records(recording.map).map((v) => decodeRun(v, recording)),
			records,
			counter: (map, key) =>
				(collection.map(map).lookupPerCpu(new Uint8Array(Uint32Array.of(key).buffer)) ?? []).reduce(
					(sum, bytes) => sum + new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true),
					0n,
				),
		});
	} finally {
		for (const r of readers.values()) r.close();
	}
}

export const u64 = (v: DataView | undefined, at = 0): bigint => v!.getBigUint64(at, true);

export const bytesOf = (v: DataView): Uint8Array => new Uint8Array(v.buffer, v.byteOffset, v.byteLength);

/** Attaches all programs while `what` runs. */
export function during(loaded: Recorded, what: () => void): void {
	const links = [...loaded.collection.programs.keys()].map((name) => loaded.collection.attach(name));
	try {
		what();
	} finally {
		for (const l of links) l[Symbol.dispose]();
	}
}

/** Address of the current task, and of its parents in turn. */
export function tasksOf(run: LoggedRun): bigint[] {
	const [current] = entriesOf(run, "current");
	assert.ok(current);
	const tasks = [u64(current.data)];
	for (let level = 0; level < 4; level++) tasks.push(u64(fieldsOf(run, tasks[level]!).get("real_parent")));
	return tasks;
}
