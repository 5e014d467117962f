import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { ProgramHandle } from "./programs.ts";
import type { ProgramBinding } from "./session.ts";

/** What a file asks for by `load(import.meta, {…})`. */
export interface LoadRequest {
	/** Of the module. */
	readonly url: string;
	readonly kernel?: "linux" | "virtual" | undefined;
	/** Instead of the command line's, by the option's name. */
	readonly options?: Readonly<Record<string, unknown>> | undefined;
	/** By map. */
	readonly maxEntries?: Readonly<Record<string, number>> | undefined;
	/** false: nothing is attached; programs' `attach()` does it. */
	readonly attach?: boolean | undefined;
	readonly pinPath?: string | undefined;
}

export interface LoadedBinding {
	readonly kernel: "linux" | "virtual";
	readonly programs: Readonly<Record<string, ProgramBinding>>;
	close(): void;
}

type Loader = (request: LoadRequest) => Promise<LoadedBinding>;

let loader: Loader | undefined;
let provider: (() => Promise<void>) | undefined;

/** Who does what `load()` asks for. */
export function onLoad(load: Loader): void {
	loader = load;
}

/** Called where `load()` is used and nobody has said `onLoad`: it is to do so. */
export function provideLoader(provide: () => Promise<void>): void {
	provider = provide;
}

/** The explicit door: compiles, loads and attaches this module; its handles work from then on. */
export async function load(meta: { readonly url: string }, options: Omit<LoadRequest, "url"> = {}): Promise<object> {
	if (typeof meta?.url !== "string")
		throw new BpfError("ERR_ARGUMENT", "load(import.meta, …): import.meta is expected first");
	if (loader === undefined) await provider?.();
	if (loader === undefined) throw new NotSupportedError("load()", "this build of skep has no compiler");
	const loaded = await loader({ ...options, url: meta.url });
	return {
		kernel: loaded.kernel,
		programs: Object.fromEntries(
			Object.entries(loaded.programs).map(([name, program]) => [name, new ProgramHandle(() => program)]),
		),
		[Symbol.dispose]: () => loaded.close(),
	};
}
