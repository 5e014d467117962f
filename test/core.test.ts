// CO-RE is real: an object compiled against kernel types whose offsets are all wrong runs right on the kernel that runs here.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PermissionError } from "@skep/bpf/base";
import { Btf, BtfBuilder, recordDecoder } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { compile } from "@skep/compiler";
import { decodeTracepoints } from "@skep/compiler/declare";
import { chooseKernel } from "../packages/skep/src/backend/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const data = join(root, "packages/compiler/data");
const tracepoints = decodeTracepoints(JSON.parse(readFileSync(join(data, "tracepoints.json"), "utf8")));
const shipped = Btf.decode(readFileSync(join(data, "kernel.btf")));
const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);

/** Every struct of the kernel with its members 128 bytes further on. */
function doctored(): Btf {
	const builder = new BtfBuilder();
	for (let id = 1; id <= shipped.count; id++) {
		const type = shipped.type(id);
		const moved = type.kind === "struct" && type.name !== "" && type.members.length > 0;
		builder.add(
			moved
				? {
						...type,
						size: type.size + 128,
						members: type.members.map((m) => ({ ...m, bitOffset: m.bitOffset + 1024 })),
					}
				: type,
		);
	}
	return builder.finish();
}

function build(name: string, kernel: Btf): Uint8Array {
	const result = compile({ entry: join(root, "examples", name, `${name}.ts`), read, kernel, tracepoints });
	assert.deepEqual(result.diagnostics, []);
	return result.object!;
}

/** What a program's ring buffer said of the process that ran `/usr/bin/true`. */
function recordOfTrue(
	t: TestContext,
	object: Uint8Array,
	map: string,
	program: string,
): Record<string, unknown> | undefined {
	let kernel: ReturnType<typeof chooseKernel>["kernel"];
	try {
		({ kernel } = chooseKernel("linux"));
	} catch (error) {
		if (!(error instanceof PermissionError)) throw error;
		t.skip(`needs CAP_BPF and CAP_PERFMON: ${error.missing.join(", ")}`);
		return undefined;
	}
	const spec = readObject(object, { name: "doctored" });
	using collection = Collection.load(kernel, spec);
	using reader = new RingBufferReader(collection.map(map));
	collection.attach(program);
	const { pid } = spawnSync("/usr/bin/true");
	const type = spec.btf!.find(spec.manifest!.maps.find((m) => m.name === map)!.record!, "struct")!;
	const decode = recordDecoder(spec.btf!, type);
	const records: Record<string, unknown>[] = [];
	reader.drain((view, offset) => records.push(decode(view, offset) as Record<string, unknown>));
	const found = records.find((r) => r["pid"] === pid);
	assert.ok(found, `a record of pid ${pid} among ${records.length}`);
	return found;
}

test("the doctored types give another object", () => {
	assert.notDeepEqual(build("exec", doctored()), build("exec", shipped));
});

test("exec, compiled against doctored types, says what happened", (t) => {
	const record = recordOfTrue(t, build("exec", doctored()), "events", "sched_process_exec");
	if (!record) return;
	assert.equal(record["ppid"], process.pid);
	assert.equal(record["filename"], "/usr/bin/true");
	assert.equal(record["comm"], "true");
});

test("exec-tree, compiled against doctored types, says what happened", (t) => {
	const record = recordOfTrue(t, build("exec-tree", doctored()), "events", "sched_process_exec");
	if (!record) return;
	const tree = record["tree"] as { pid: number; comm: string }[];
	assert.equal(record["file"], "true");
	assert.equal(tree[0]!.pid, process.pid);
	assert.equal(tree[1]!.pid, process.ppid);
	assert.equal(record["inode"], BigInt(readInode("/usr/bin/true")));
});

function readInode(path: string): string {
	return spawnSync("stat", ["-L", "-c", "%i", path], { encoding: "utf8" }).stdout.trim();
}
