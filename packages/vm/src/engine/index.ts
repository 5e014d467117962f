/**
 * Runs programs: RFC 9669 whole, with what Linux and LLVM added (the table of `@skep/bpf/isa`).
 *
 * `prepare` decodes instructions once into flat words; `run` runs them on a `Cpu` until exit, `callback` enters a
 * function by its code address from within a helper. Calls leave through `Callables`: the engine knows no helper and no
 * map. Memory is checked at every access: what a verifier would have refused ends with VmFault, never with the process.
 */
export { type Engine, type EngineChoice, type EngineName, type EngineOptions, newEngine } from "./engine.ts";
export { callback, resume, run } from "./interpreter.ts";
export { type Code, type PrepareOptions, prepare, type Reference, slotCounts } from "./prepare.ts";
export { closeTrap, newTrace, type Trace } from "./trap.ts";
