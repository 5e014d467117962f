/**
 * Facts of the kernel's user API as tables: constants, program, attach and map types, helpers, sections. One row a fact;
 * code reads the rows and never repeats them.
 */
export { ATTACH_TYPES, type AttachType } from "./attach-types.ts";
export { MAP_TYPES, type MapType } from "./map-types.ts";
export { PROGRAM_TYPES, type ProgramType } from "./program-types.ts";
