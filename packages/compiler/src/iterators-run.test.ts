// Iterators as programs write them, read in this machine's kernel.
import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { attachIterator, IteratorReader } from "@skep/bpf/live";
import { type Loaded, onKernel } from "./collection.test-support.ts";

const HEAD = `import { type chars, dPath, iter, type u32, type u64 } from "skep";
import type { task_struct } from "skep/kernel";
interface Row { pid: u32; short: chars<2>; comm: chars<16> }
function rowOf(task: task_struct): Row { return { pid: task.tgid, short: "a", comm: task.comm }; }
`;

/** One run over this process only. */
function reader({ collection }: Loaded, name: string): IteratorReader {
	using link = attachIterator(collection.program(name), { task: { pid: process.pid } }, name);
	return new IteratorReader(link);
}

test("records have no bytes that no member covers, and text is what the template says", (t) => {
	onKernel(
		t,
		`${HEAD}export const records = iter("task", ({ task, seq }) => { if (task) seq.write(rowOf(task)); });
export const lines = iter("task", (ctx) => {
	if (!ctx.task) return;
	if (ctx.seq.num === 0n) ctx.seq.print("first\\n");
	const row = rowOf(ctx.task);
	const n: u64 = 0xbeefn;
	ctx.seq.print(\`\${String(row.pid).padStart(9)} \${"x".padEnd(3)}|\${row.short.padEnd(4)}|\${n.toString(16)} \${n.toString(16).padStart(8, "0")}\\n\`);
});`,
		(loaded) => {
			const bytes = [...reader(loaded, "records").records(24)].map((v) => new Uint8Array(v.buffer, v.byteOffset, 24));
			assert.ok(bytes.length > 0);
			for (const row of bytes) {
				assert.equal(new DataView(row.buffer, row.byteOffset).getUint32(0, true), process.pid);
				assert.deepEqual([...row.subarray(4, 6), ...row.subarray(22)], [97, 0, 0, 0]);
			}
			const text = reader(loaded, "lines").text();
			const line = `${String(process.pid).padStart(9)} x  |a   |beef 0000beef\n`;
			assert.equal(text.slice(0, 6 + line.length), `first\n${line}`);
		},
	);
});

test("dPath says where a file is, and nothing where there is none", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "skep-dpath-"));
	const path = join(folder, "here");
	const fd = openSync(path, "w");
	t.after(() => {
		closeSync(fd);
		rmSync(folder, { recursive: true });
	});
	onKernel(
		t,
		`${HEAD}export const files = iter("task_file", ({ file, fd, seq }) => {
	if (!file || fd !== ${fd}) return;
	const text: chars<128> = dPath(file.f_path, 128);
	seq.print(\`\${text}\\n\`);
});
export const areas = iter("task_vma", ({ vma, seq }) => {
	if (!vma || vma.vm_file) return;
	const text: chars<64> = dPath(vma.vm_file.f_path, 64);
	seq.print(\`[\${text}]\\n\`);
});`,
		(loaded) => {
			assert.equal(reader(loaded, "files").text().split("\n")[0], path);
			assert.match(reader(loaded, "areas").text(), /^(\[\]\n)+$/);
		},
	);
});
