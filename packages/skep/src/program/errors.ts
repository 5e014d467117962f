import { BpfError } from "@skep/bpf/base";
import type { Site } from "./site.ts";

/** The two halves of a file do not belong together: a call in JavaScript has no compiled twin, or another one. */
export class BindError extends BpfError {
	readonly site: Site;
	constructor(site: Site, message: string) {
		super("ERR_BIND", message);
		this.site = site;
	}
}

/** A handle was used before anything was loaded for it. */
export class NotLoadedError extends BpfError {
	constructor(what: string) {
		super(
			"ERR_NOT_LOADED",
			`${what} is used, but nothing is loaded into a kernel: run the file with "skep run FILE.ts" or "node --import skep/register FILE.ts", or write \`await load(import.meta)\` before it`,
		);
	}
}

/** A word of the kernel half was used by user code. */
export class KernelHalfError extends BpfError {
	readonly word: string;
	constructor(word: string, instead?: string) {
		super(
			"ERR_KERNEL_HALF",
			`${word} is of the kernel half and has no meaning in user code${instead === undefined ? "" : `: ${instead}`}`,
		);
		this.word = word;
	}
}
