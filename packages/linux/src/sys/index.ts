/**
 * The system calls themselves. `ffi` alone knows koffi; `layout` has the structs, one row a field; `slab` is the pinned
 * memory in which attributes are built; `bpf`, `perf-event`, `memory`, `tracefs` are one call each. Results below zero are
 * -errno. What a call points to is held until it returns.
 */
export { attributeBytes, bpf } from "./bpf.ts";
export { interfaceIndex, pageSize, syscall } from "./ffi.ts";
export { mmap } from "./memory.ts";
export { perfEventIoctl, perfEventOpen } from "./perf-event.ts";
export { syscallNumbers } from "./syscalls.ts";
export { detachedMount, errnoOf, tracefsRoot, tracepointId } from "./tracefs.ts";
