/** As much of the host's WebAssembly as is used here; not every host has it. */
export interface WasmMemory {
	readonly buffer: ArrayBufferLike;
	/** Adds pages of 64 KiB; the old buffer is detached, or where memory is shared shorter than the new one. @throws RangeError */
	grow(pages: number): number;
}

/** A table of functions. */
export interface WasmTable {
	readonly length: number;
	set(index: number, value: unknown): void;
	/** New entries are `value`. @throws RangeError */
	grow(by: number, value: unknown): number;
}

export interface WasmHost {
	readonly Table: new (limits: { element: "anyfunc"; initial: number }, value: unknown) => WasmTable;
	readonly Memory: new (limits: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory;
	readonly Module: new (bytes: Uint8Array) => object;
	readonly Instance: new (
		module: object,
		imports: Record<string, Record<string, unknown>>,
	) => { readonly exports: Readonly<Record<string, unknown>> };
}

export const WASM_PAGE = 0x1_0000;

/** The host's; undefined: it has none. */
export const wasmHost = (): WasmHost | undefined => (globalThis as { readonly WebAssembly?: WasmHost }).WebAssembly;

/** Magic and version: a module with nothing in it. */
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** Why generated code cannot run on this host; undefined: it can. */
export function wasmRefusal(host: WasmHost | undefined = wasmHost()): string | undefined {
	if (!host) return "the host has no WebAssembly";
	try {
		new host.Module(EMPTY_MODULE);
		return undefined;
	} catch (error) {
		return `the host does not allow generated code: ${error instanceof Error ? error.message : String(error)}`;
	}
}
