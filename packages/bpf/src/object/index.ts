/**
 * Objects: ELF on one side, plain values on the other.
 *
 * `readObject` takes an object of clang or of skep's compiler apart into a CollectionSpec: programs, subprograms, maps,
 * variables, references, CO-RE relocations, source lines. `writeObject` makes an object of a plain model. Neither knows
 * a kernel; what an object needs that is not understood yet is refused by name, never skipped.
 */
export type { ObjectData, ObjectFunction, ObjectKfunc, ObjectMap, ObjectModel } from "./model.ts";
export { type ReadObjectOptions, readObject } from "./read.ts";
export { writeObject } from "./write.ts";
