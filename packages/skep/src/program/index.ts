/**
 * What `import … from "skep"` gives the user half of a file, and how a run gives it something to stand on.
 *
 * A handle (`ringbuf(…)`, `tracepoint(…)`) takes the place of its constructor's call from the stack and looks itself up in
 * the active session by that place: the compiler knows the same ones. `activate` makes a session the active one; the
 * bindings are what a session has to offer. The public vocabulary is `program.ts`; nothing here knows how a file is
 * compiled or loaded.
 */
export { BindError, KernelHalfError, NotLoadedError } from "./errors.ts";
export { mapHandleAt } from "./handles.ts";
export { histogramEntries, renderHistogram } from "./histogram.ts";
export { type LoadedBinding, type LoadRequest, onLoad, provideLoader } from "./load.ts";
export { total } from "./maps.ts";
export type {
	ActiveSession,
	Codec,
	IteratorBinding,
	LinkBinding,
	MapBinding,
	ProgramBinding,
	RawMap,
	RecordSource,
	VariableBinding,
} from "./session.ts";
export { activate } from "./session.ts";
export { evaluatedText, formatSite, type Site, siteOfHandle } from "./site.ts";
