import type { Type } from "#ir";
import { didYouMean } from "./did-you-mean.ts";

/** What a field of a tracepoint's record is to a program. */
export type TracepointType =
	/** int, be, bool, chars, array: read at the offset. */
	| Type
	/** `__data_loc char[]`: u32 at the offset, low half offset from the record's start, high half length. */
	| { readonly kind: "dynstr" }
	/** `__data_loc T[]` of something else. element undefined: not known. */
	| { readonly kind: "dynarr"; readonly element: Type | undefined }
	/** `const char *` into the kernel. */
	| { readonly kind: "cstr" }
	/** Pointer into the process. `to` undefined: void or a struct. */
	| { readonly kind: "user-ptr"; readonly to: TracepointType | undefined }
	/** Pointer into the kernel. `struct`: C name, where it points at one. */
	| { readonly kind: "kernel-ptr"; readonly struct?: string; readonly to?: Type }
	/** A struct by value and the like: only its address is known. */
	| { readonly kind: "opaque"; readonly what: string };

export interface TracepointField {
	readonly name: string;
	/** As the kernel writes it: `__data_loc char[]`, `pid_t`, `char [16]`. */
	readonly ctype: string;
	/** In bytes from the start of the record (the context). */
	readonly offset: number;
	/** In bytes. */
	readonly size: number;
	readonly signed: boolean;
	readonly type: TracepointType;
}

export interface Tracepoint {
	/** `sched` */
	readonly category: string;
	/** `sched_process_exec` */
	readonly event: string;
	/** Without the four `common_…` ones. */
	readonly fields: readonly TracepointField[];
}

/** The stable tracepoints of a kernel: names and record layouts, as tracefs tells them. */
export interface TracepointTable {
	/** By `category:event`. */
	find(name: string): Tracepoint | undefined;
	/** All names, sorted: `sched:sched_process_exec`. */
	names(): readonly string[];
	/** The name that was probably meant. */
	suggest(name: string): string | undefined;
}

/** A table of these tracepoints. Of two with the same name the later one counts. */
export function tracepointTable(list: Iterable<Tracepoint>): TracepointTable {
	const byName = new Map<string, Tracepoint>();
	for (const t of list) byName.set(`${t.category}:${t.event}`, t);
	return lazyTable([...byName.keys()], (name) => byName.get(name));
}

export function lazyTable(
	allNames: readonly string[],
	make: (name: string) => Tracepoint | undefined,
): TracepointTable {
	const names = [...allNames].sort();
	return {
		find: make,
		names: () => names,
		suggest(name) {
			const event = name.slice(name.indexOf(":") + 1);
			// The right event under a wrong or missing category is nearer than any misspelling.
			return names.find((n) => n !== name && n.endsWith(`:${event}`)) ?? didYouMean(name, names);
		},
	};
}
