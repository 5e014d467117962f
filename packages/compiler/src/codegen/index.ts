/**
 * Code generation: optimised IR to BPF instructions. `compileModule` runs the passes, legalises what this cpu version
 * has no instruction for, selects machine code on virtual registers, allocates registers by graph colouring, lays the
 * stack frame and the blocks, and emits bytes with references, CO-RE accesses and lines by slot. Code that the
 * verifier judges keeps three promises: a checked value is the used value, context accesses are [ctx + constant], and
 * spilled registers are saved whole.
 */
export { writeCollection } from "./collection.ts";
export { type CompiledModule, type CompileOptions, compileModule } from "./module.ts";
export type { CompiledFunction, CompiledReference } from "./output.ts";
export type { CompileReport, FunctionReport, Problem } from "./problem.ts";
export { type Insertion, insertions, kernelNeeds, type Need } from "./report.ts";
