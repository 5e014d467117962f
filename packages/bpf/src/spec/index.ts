/**
 * Specs: what an object says, as plain values. A reader makes them, `relocate` turns one into another, `collection`
 * loads them. Nothing here runs, nothing here knows a kernel.
 */
export type { CollectionSpec } from "./collection.ts";
export type { ExternSpec, KconfigExtern, KsymExtern } from "./extern.ts";
export type {
	Manifest,
	ManifestHandle,
	ManifestMap,
	ManifestOption,
	ManifestProgram,
	ManifestRecording,
	OptionJson,
	OptionType,
	RecordingSite,
	TargetJson,
} from "./manifest.ts";
export type { MapSpec, MapValue, StructOps } from "./map.ts";
export {
	CORE_KINDS,
	type CoreKind,
	type CoreRelocation,
	type FunctionSpec,
	type LineInfo,
	type OuterReference,
	type ProgramSpec,
	type Reference,
} from "./program.ts";
export type { VariableSpec } from "./variable.ts";
