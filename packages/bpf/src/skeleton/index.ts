/**
 * Skeletons: an object as a TypeScript module of its own.
 *
 * `generateSkeleton` writes the module: interfaces of the object's maps, variables and programs by its BTF, and a class on
 * `Skeleton`, which opens, loads, attaches and closes. Everything that runs stands in `Skeleton`; the generated text says
 * names and types (records of ring buffers too), so that a typo in the name of a map is an error of tsc. The object is part of the module, or its bytes
 * are given when it is opened.
 *
 * Life: open (variables may be set, `.rodata` too) → load (maps and programs are there) → attach → dispose.
 */
export { generateSkeleton, type SkeletonTextOptions } from "./generate.ts";
export { Records } from "./records.ts";
export { Skeleton, type SkeletonObject, type SkeletonOptions } from "./skeleton.ts";
