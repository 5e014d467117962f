import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BpfError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { decodeTracepoints, type TracepointJson, type TracepointTable } from "@skep/compiler/declare";
import { readBtfFile } from "./files.ts";

/** What the compiler is given to know the kernel by. */
export interface KernelData {
	readonly kernel: Btf;
	readonly tracepoints: TracepointTable;
}

/** The types that the compiler's package ships, merged from several kernels, or those of a BTF file; and its tracepoints. */
export function kernelData(btf: string | undefined): KernelData {
	const kernel =
		btf === undefined ? Btf.decode(readFileSync(dataFile("kernel.btf")), { section: "kernel.btf" }) : readBtfFile(btf);
	return { kernel, tracepoints: shippedTracepoints() };
}

/** Tracepoints as programs are compiled for them. */
export function shippedTracepoints(): TracepointTable {
	return decodeTracepoints(JSON.parse(readFileSync(dataFile("tracepoints.json"), "utf8")) as TracepointJson);
}

/** `data/` of @skep/compiler: beside its `src` in a checkout, beside its `dist` as installed; the bundle finds it by name. */
function dataFile(name: string): string {
	const entrance = import.meta.resolve("@skep/compiler");
	const path = fileURLToPath(new URL(`../data/${name}`, entrance));
	if (!existsSync(path))
		throw new BpfError("ERR_FILE", `${path} is missing: this installation of @skep/compiler is not whole`);
	return path;
}
