/**
 * The recording variant of a module: IR to IR, after the passes. Its programs do what they always do, and besides log each
 * run: header, context, the current task with its parents, and every value that they got from the kernel (fields, memory,
 * strings, clocks, random numbers, reservations that failed) with the records that they gave. `ManifestRecording` in
 * @skep/bpf/spec describes the log.
 *
 * A run collects its log in a slot of a per-CPU array and gives it to a ring buffer where the program returns. What does
 * not fit is left out and said so; a log that the ring buffer has no room for is counted.
 */
export { RECORDING, SCRATCH, SLOT_BYTES } from "./log.ts";
export type { RecordingTarget } from "./prologue.ts";
export { type RecordedModule, record } from "./record.ts";
