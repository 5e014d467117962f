import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Btf } from "@skep/bpf/btf";
import { VirtualKernel, type VirtualKernelOptions, virtualBtf } from "@skep/vm";

/** What `data/tracepoints.json` of @skep/compiler names, as far as names go. */
interface Tracepoints {
	readonly events: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
	readonly syscalls: Readonly<Record<string, unknown>>;
}

/**
 * A virtual kernel that has the tracepoints that the compiler knows, and its types, laid out anew so that no offset is a real
 * kernel's. Each call makes another one.
 */
export function openVirtual(options: Omit<VirtualKernelOptions, "btf" | "tracepoints"> = {}): VirtualKernel {
	return new VirtualKernel({
		...options,
		btf: ownTypes,
		tracepoints: tracepointNames(),
		now: () => performance.now() * 1e6,
	});
}

const dataFile = (name: string): string =>
	fileURLToPath(new URL(`../data/${name}`, import.meta.resolve("@skep/compiler")));

let types: Uint8Array | undefined;

function ownTypes(): Uint8Array {
	types ??= virtualBtf(Btf.decode(readFileSync(dataFile("kernel.btf")), { section: "kernel.btf" }));
	return types;
}

function* tracepointNames(): Generator<string> {
	const { events, syscalls } = JSON.parse(readFileSync(dataFile("tracepoints.json"), "utf8")) as Tracepoints;
	for (const [category, names] of Object.entries(events)) {
		for (const name of Object.keys(names)) yield `${category}:${name}`;
	}
	for (const name of Object.keys(syscalls)) {
		yield `syscalls:sys_enter_${name}`;
		yield `syscalls:sys_exit_${name}`;
	}
}
