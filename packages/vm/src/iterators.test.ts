// Iterators of the virtual kernel, by the contract: what a program sees of its objects, what is read, what is refused.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Btf } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import { attachIterator, BpfMap, IteratorReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { compile } from "@skep/compiler";
import { decodeTracepoints } from "@skep/compiler/declare";
import { VirtualKernel, virtualBtf } from "@skep/vm";

const data = new URL("../../compiler/data/", import.meta.url);
const kernelTypes = Btf.decode(new Uint8Array(readFileSync(new URL("kernel.btf", data))));
const tracepoints = decodeTracepoints(JSON.parse(readFileSync(new URL("tracepoints.json", data), "utf8")));

function machine(): VirtualKernel {
	return new VirtualKernel({
		btf: virtualBtf(kernelTypes),
		tasks: [
			{ pid: 40, tgid: 40, comm: "bee", uid: 7, gid: 8, parent: 1, cgroupId: 1n },
			{ pid: 41, tgid: 40, comm: "drone", uid: 7, gid: 8, parent: 1, cgroupId: 1n },
		],
	});
}

function load(kernel: VirtualKernel, source: string): Collection {
	const input = {
		entry: "t.ts",
		read: (path: string) => (path === "t.ts" ? source : undefined),
		kernel: kernelTypes,
		tracepoints,
	};
	const result = compile(input);
	assert.ok(result.object, result.diagnostics.map((d) => `${d.line}:${d.column} ${d.message}`).join("\n"));
	return Collection.load(kernel, readObject(result.object));
}

function text(collection: Collection, name: string, task?: { readonly pid?: number; readonly tid?: number }): string {
	using link = attachIterator(collection.program(name), task ? { task } : {}, name);
	return new IteratorReader(link, { chunk: 7 }).text();
}

test("programs walk over tasks, all or some, and once more at the end", () => {
	const kernel = machine();
	using collection = load(
		kernel,
		`import { iter } from "skep";
export const tasks = iter("task", ({ task, seq }) => {
	if (!task) return seq.print(\`end \${seq.num}\\n\`);
	seq.print(\`\${seq.num} \${task.pid} \${task.tgid} \${task.real_parent.tgid} \${task.cred.uid.val} \${task.comm}\\n\`);
});`,
	);
	assert.equal(text(collection, "tasks"), "0 1 1 0 0 init\n1 40 40 1 7 bee\n2 41 40 1 7 drone\nend 3\n");
	assert.equal(text(collection, "tasks", { tid: 41 }), "0 41 40 1 7 drone\nend 1\n");
	assert.equal(text(collection, "tasks", { pid: 40 }), "0 40 40 1 7 bee\n1 41 40 1 7 drone\nend 2\n");
	assert.equal(text(collection, "tasks", { pid: 99 }), "end 0\n");
});

test("maps, programs and links are what ids and infos say", () => {
	const kernel = machine();
	using map = BpfMap.create(kernel, { name: "comb", type: "hash", keySize: 8, valueSize: 16, maxEntries: 3 });
	using collection = load(
		kernel,
		`import { iter } from "skep";
export const maps = iter("bpf_map", ({ map, seq }) => {
	if (map && map.map_type === 1) seq.print(\`\${map.id} \${map.name} \${map.key_size} \${map.value_size} \${map.max_entries}\\n\`);
});
export const programs = iter("bpf_prog", ({ prog, seq }) => {
	if (prog) seq.print(\`\${prog.aux.id} \${prog.aux.name} \${prog.type} \${prog.len > 4} \${prog.aux.attach_func_name.readString(32)}\\n\`);
});
export const links = iter("bpf_link", ({ link, seq }) => {
	if (link) seq.print(\`\${link.id} \${link.type} \${link.prog.aux.id}\\n\`);
});`,
	);
	assert.equal(text(collection, "maps"), `${map.info().id} comb 8 16 3\n`);
	const ids = ["maps", "programs", "links"].map((name) => collection.program(name).info().id);
	assert.equal(
		text(collection, "programs"),
		`${ids[0]} maps 26 1 bpf_iter_bpf_map\n${ids[1]} programs 26 1 bpf_iter_bpf_prog\n${ids[2]} links 26 1 bpf_iter_bpf_link\n`,
	);
	using link = attachIterator(collection.program("links"), {}, "links");
	const { id, type } = link.info()!;
	assert.equal(new IteratorReader(link).text(), `${id} ${type} ${ids[2]}\n`);
	assert.deepEqual(link.info()!.iter, { target_name: "bpf_link" });
});

test("an iterator that it has not, a run that is none, and a pin that is read again", () => {
	const kernel = machine();
	assert.throws(
		() => load(kernel, `import { iter } from "skep"; export const s = iter("tcp", ({ seq }) => seq.print("x"));`),
		/the virtual kernel walks over tasks, maps, programs and links, not tcp/,
	);
	using collection = load(
		kernel,
		`import { iter, type u32 } from "skep";
interface Row { pid: u32 }
export const rows = iter("task", ({ task, seq }) => { if (task) seq.write<Row>({ pid: task.pid }); });`,
	);
	using map = BpfMap.create(kernel, { name: "m", type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
	assert.equal(kernel.read(map.fd.number, new Uint8Array(4)), -22);
	assert.equal(kernel.read(999, new Uint8Array(4)), -9);
	assert.equal(kernel.bpf("ITER_CREATE", { link_fd: map.fd.number }), -22);
	const link = attachIterator(collection.program("rows"), {}, "rows");
	link.pin("/sys/fs/bpf/rows");
	link.close();
	const read = () =>
		[...IteratorReader.fromPin(kernel, "/sys/fs/bpf/rows")!.records(4)].map((v) => v.getUint32(0, true));
	assert.deepEqual(read(), [1, 40, 41]);
	kernel.endTask(41);
	assert.deepEqual(read(), [1, 40]);
	const saved = kernel.snapshot();
	kernel.endTask(40);
	kernel.restore(saved);
	assert.deepEqual(read(), [1, 40]);
	kernel.unlink("/sys/fs/bpf/rows");
	assert.equal(IteratorReader.fromPin(kernel, "/sys/fs/bpf/rows"), undefined);
});
