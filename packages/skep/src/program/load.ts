import { NotSupportedError } from "@skep/bpf/base";

/** The explicit door, `await load(import.meta)`. */
export function load(): Promise<never> {
	return Promise.reject(
		new NotSupportedError(
			"load(import.meta)",
			'this version of skep does not build it yet; "skep run FILE.ts" and "node --import skep/register FILE.ts" load the file before it runs',
		),
	);
}
