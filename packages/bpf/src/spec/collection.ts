import type { Btf } from "#btf";
import type { ExternSpec } from "./extern.ts";
import type { Manifest } from "./manifest.ts";
import type { MapSpec } from "./map.ts";
import type { FunctionSpec, ProgramSpec } from "./program.ts";
import type { VariableSpec } from "./variable.ts";

/** Everything that an object says, as plain values: same bytes in, same value out. */
export interface CollectionSpec {
	readonly name: string;
	readonly byteOrder: "little" | "big";
	readonly license: string;
	/** `version` section; 0: none. */
	readonly kernelVersion: number;
	readonly maps: ReadonlyMap<string, MapSpec>;
	readonly programs: ReadonlyMap<string, ProgramSpec>;
	/** Subprograms that programs refer to. */
	readonly functions: ReadonlyMap<string, FunctionSpec>;
	readonly variables: ReadonlyMap<string, VariableSpec>;
	/** What the object wants to know of the kernel (`.kconfig`, `.ksyms`), by name. Absent: nothing. */
	readonly externs?: ReadonlyMap<string, ExternSpec>;
	readonly btf: Btf | undefined;
	readonly manifest: Manifest | undefined;
	/** What the reader passed over, as libbpf does, in words. Absent: nothing. */
	readonly notes?: readonly string[];
}
