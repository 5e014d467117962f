/**
 * The system calls themselves. `ffi` alone knows koffi; `layout` has the structs, one row a field; `slab` is the pinned
 * memory in which attributes are built; `bpf`, `perf-event`, `socket`, `memory`, `memory-limit`, `tracefs` are one call each. Results below zero are
 * -errno. What a call points to is held until it returns.
 */
export { attributeBytes, bpf } from "./bpf.ts";
export { bpffsFolders } from "./bpffs.ts";
export { withoutCapabilities } from "./capabilities.ts";
export { countCpus, possibleCpus } from "./cpus.ts";
export { addressOf, interfaceIndex, pageSize, syscall } from "./ffi.ts";
export { mmap, read } from "./memory.ts";
export { countsLockedMemory, type MemoryLimit, memoryLimit } from "./memory-limit.ts";
export { inNetworkNamespace, inNetworkNamespaceOf } from "./namespace.ts";
export { perfEventIoctl, perfEventOpen } from "./perf-event.ts";
export { openSocket, setSocketProgram } from "./socket.ts";
export { syscallNumbers } from "./syscalls.ts";
export { detachedMount, errnoOf, tracefsRoot, tracepointId } from "./tracefs.ts";
