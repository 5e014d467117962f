import assert from "node:assert/strict";
import { readSync, statfsSync } from "node:fs";
import { test } from "node:test";
import { Btf } from "#btf";
import { insn } from "#isa";
import type { Kernel } from "#kernel";
import { attachIterator, BpfMap, type Link } from "../index.ts";
import { onKernel } from "../kernel.test-support.ts";
import { Counter, counting } from "./counting.test-support.ts";

/** Reads an iterator to its end; the bytes that it wrote. */
function readAll(kernel: Kernel, link: Link): number {
	const fd = kernel.bpf("ITER_CREATE", { link_fd: link.fd.number });
	assert.ok(fd >= 0, `ITER_CREATE: ${fd}`);
	let total = 0;
	for (const room = new Uint8Array(4096); ; ) {
		const count = readSync(fd, room);
		if (count === 0) break;
		total += count;
	}
	kernel.close(fd);
	return total;
}

function kernelBtf(kernel: Kernel): Btf | undefined {
	const bytes = kernel.btf();
	return typeof bytes === "number" ? undefined : Btf.decode(bytes);
}

const BPF_SEQ_WRITE = 127;
/** Writes 8 bytes a visit: what stands in slot 0. */
const write = [
	insn.load(8, 1, 6, 0),
	insn.load(8, 1, 1, 0),
	insn.mov(64, 2, { reg: 7 }),
	insn.mov(64, 3, { imm: 8 }),
	insn.call(BPF_SEQ_WRITE),
];

test(
	"an iterator runs when it is read: all tasks, one process, the elements of a map, cgroups in an order",
	onKernel((kernel, t) => {
		const btf = kernelBtf(kernel);
		if (!btf) return t.skip("needs the kernel's BTF");
		using counter = new Counter(kernel);
		const iterator = (name: string) =>
			counting(kernel, counter, {
				type: "tracing",
				attachType: "trace_iter",
				attachBtfId: btf.find(`bpf_iter_${name}`, "func")!,
				body: write,
			});
		{
			using program = iterator("task");
			{
				using link = attachIterator(program, {}, "task");
				assert.equal(counter.count, 0, "nothing runs before it is read");
				const bytes = readAll(kernel, link);
				assert.ok(counter.count > 2 && bytes === counter.count * 8, `${counter.count} ${bytes}`);
				assert.equal(link.info()?.iter?.target_name, "task");
				link.update(program);
			}
			counter.reset();
			const one = () => attachIterator(program, { task: { tid: process.pid } }, "task");
			if (/^(5\.|6\.0\.)/.test(kernel.release)) {
				assert.throws(one, /walks over all tasks whatever it is told/);
			} else {
				using link = one();
				readAll(kernel, link);
				// The thread, and the end of the list, at which the task is NULL.
				assert.equal(counter.count, 2);
				assert.equal(link.info()?.iter?.task?.tid, process.pid);
			}
		}
		counter.reset();
		{
			using map = BpfMap.create(kernel, { name: "walked", type: "hash", keySize: 4, valueSize: 4, maxEntries: 8 });
			for (const key of [1, 2, 3]) map.update(new Uint8Array([key, 0, 0, 0]), new Uint8Array(4));
			using program = iterator("bpf_map_elem");
			assert.throws(() => attachIterator(program), { code: "EBADF" });
			assert.throws(() => attachIterator(program, { map, task: { tid: 1 } }), { code: "ERR_NO_TARGET" });
			using link = attachIterator(program, { map });
			readAll(kernel, link);
			assert.equal(counter.count, 4);
			assert.equal(link.info()?.iter?.map_id, map.info().id);
		}
		counter.reset();
		const root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => {
			try {
				return statfsSync(path).type === 0x63677270;
			} catch {
				return false;
			}
		});
		if (!root || btf.find("bpf_iter_cgroup", "func") === undefined) return undefined;
		using program = iterator("cgroup");
		using link = attachIterator(program, { cgroup: { container: root, order: "self" } });
		readAll(kernel, link);
		assert.equal(counter.count, 2);
		assert.equal(link.info()?.iter?.cgroup?.order, 1);
		counter.reset();
		using down = attachIterator(program, { cgroup: { container: root } });
		readAll(kernel, down);
		assert.ok(counter.count >= 2);
		return undefined;
	}),
);
