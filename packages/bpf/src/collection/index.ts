/**
 * Collections: what an object says, made real on a kernel. `Collection.load` relocates a spec, creates its maps, loads its
 * BTF and programs; `attach` attaches a program by its type and section; closing the collection closes all it made, in
 * reverse order. `planAttach` says beforehand, as a value, which way a program would be attached and why.
 */
export { Collection } from "./collection.ts";
export type { ReadyStructOps } from "./load.ts";
export type { LoadOptions, ProgramTarget, VariableValue } from "./options.ts";
export { type AttachPlan, type AttachTarget, planAttach } from "./plan.ts";
export { KEYRINGS, type ProgramSignatures, type Signable, type SignedForm, signablePrograms } from "./signed.ts";
