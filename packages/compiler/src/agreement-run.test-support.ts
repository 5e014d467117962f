// Compiles generated files four ways, runs them in this machine's kernel and compares with what they say of themselves.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BpfError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { Collection } from "@skep/bpf/collection";
import type { Kernel } from "@skep/bpf/kernel";
import { RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import { decodeTracepoints } from "#declare";
import type { Generated } from "./agreement.test-support.ts";
import { type Choose, inputBytes, randomInput, recordBytes, World } from "./agreement-world.test-support.ts";
import { compile } from "./compile.ts";

const data = (name: string) => readFileSync(fileURLToPath(new URL(`../data/${name}`, import.meta.url)));
const types = Btf.decode(data("kernel.btf"));
const tracepoints = decodeTracepoints(JSON.parse(data("tracepoints.json").toString()));

/** Every way a file is compiled. */
export const WAYS = [
	{ cpu: "v3", optimise: true },
	{ cpu: "v3", optimise: false },
	{ cpu: "v4", optimise: true },
	{ cpu: "v4", optimise: false },
] as const;

const key = (n: number): Uint8Array => Uint8Array.of(n, 0, 0, 0);
const u64 = (bytes: Uint8Array): bigint => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The first disagreement, in words; undefined: all agree. A program that is too large for the verifier agrees. */
export function disagreement(
	kernel: Kernel,
	file: Generated,
	choose: Choose,
	ways: readonly (typeof WAYS)[number][] = WAYS,
): string | undefined {
	const runs = Array.from({ length: 4 }, () => ({
		input: randomInput(choose),
		packet: Uint8Array.from({ length: 20 + choose(40) }, () => choose(256)),
	}));
	for (const way of ways) {
		const name = `${way.cpu} ${way.optimise ? "optimised" : "as lowered"}`;
		const result = compile({
			entry: "t.ts",
			read: (path) => (path === "t.ts" ? file.source : undefined),
			kernel: types,
			tracepoints,
			...way,
		});
		if (result.diagnostics.every((d) => d.code === "SK3006") && !result.object) return undefined;
		if (!result.object)
			return `${name}: ${result.diagnostics.map((d) => `${d.code} ${d.line}:${d.column} ${d.message}\n${file.source.split("\n")[d.line - 1]}`).join("\n")}`;
		let collection: Collection;
		try {
			collection = Collection.load(kernel, readObject(result.object));
		} catch (error) {
			if (!(error instanceof BpfError)) throw error;
			return `${name}: the kernel refuses: ${error.message}\n${String((error as { log?: unknown }).log ?? "").slice(-6000)}`;
		}
		const reader = new RingBufferReader(collection.map("events"));
		try {
			const world = new World();
			for (const [n, { input, packet }] of runs.entries()) {
				world.input = input;
				world.packet = packet;
				world.records = [];
				collection.map("input").update(key(0), inputBytes(input));
				const retval = BigInt(collection.program("program").testRun({ data: packet }).retval);
				const found: string[] = [];
				reader.drain(
					(view: DataView, at: number, length: number) =>
						void found.push(hex(new Uint8Array(view.buffer, view.byteOffset + at, length))),
				);
				const expected = file.run(world);
				const where = `${name}, run ${n} of ${JSON.stringify(input, (_, v) => (typeof v === "bigint" ? `${v}` : v))}`;
				if (retval !== expected) return `${where}: returns ${retval}, expected ${expected}`;
				const out = Array.from({ length: file.outputs }, (_, i) => u64(collection.map("out").lookup(key(i))!));
				for (let i = 0; i < file.outputs; i++)
					if (out[i] !== (world.out[i] ?? 0n)) return `${where}: out[${i}] is ${out[i]}, expected ${world.out[i]}`;
				const records = world.records.map((r) => hex(recordBytes(r)));
				if (found.join() !== records.join())
					return `${where}: records\n${found.join("\n")}\nexpected\n${records.join("\n")}`;
				for (let i = 0; i < 4; i++) {
					const value = hex(collection.map("points").lookup(key(i))!);
					if (value !== hex(recordBytes(world.array[i]!)))
						return `${where}: points[${i}] is\n${value}, expected\n${hex(recordBytes(world.array[i]!))}`;
				}
			}
		} finally {
			reader.close();
			collection.close();
		}
	}
	return undefined;
}
