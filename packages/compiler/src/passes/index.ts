/**
 * Passes over IR, one file each. `optimise` runs them in the order that pays: control flow and constants first, then
 * common values and memory, then what became superfluous. All of them keep what the verifier must see: a value that is
 * checked stays the value that is used, masks and checks go only where the verifier knows as much without them, and
 * pointers are not merged across spaces. They are deterministic.
 */
export { evaluateBinary, evaluateCondition, evaluateExtend, evaluateSwap } from "./arithmetic.ts";
export { isNarrow, significantBits } from "./bits.ts";
export { NO_CONTEXT, type PassContext } from "./context.ts";
export { optimise, PASSES, type PassRun } from "./pipeline.ts";
