import { chars, iter, type u8, type u64 } from "skep";
import type { kallsym_iter } from "skep/kernel";

/** A symbol of the kernel, as `/proc/kallsyms` lists them. */
export interface Symbol {
	/** 0: not shown to who reads it. */
	address: u64;
	/** Character: T text, D data, R read-only, B zeroed …, in lower case where it is local. */
	type: u8;
	/** Empty: the kernel itself. */
	module: chars<64>;
	name: chars<128>;
}

const rowOf = (symbol: kallsym_iter): Symbol => ({
	address: symbol.show_value !== 0 ? symbol.value : 0n,
	type: symbol.type,
	module: chars(symbol.module_name, 64),
	name: chars(symbol.name, 128),
});

export const ksyms = iter("ksym", ({ ksym, seq }) => {
	if (ksym) seq.write(rowOf(ksym));
});

/** The same as lines, for `cat`. */
export const lines = iter("ksym", { attach: false }, ({ ksym, seq }) => {
	if (!ksym) return;
	const s = rowOf(ksym);
	seq.print(`${s.address.toString(16).padStart(16, "0")} ${String.fromCharCode(s.type)} ${s.name} ${s.module}\n`);
});
