/**
 * Hooks of the virtual kernel: which types of programs there are, how they are called, and how their contexts look. One
 * file a context; each puts its input into the machine's memory and says where. Who is attached to what, and when a
 * program runs, is the business of `objects`.
 */
export { HEADROOM, type Input, LOOPBACK, MOST_PACKET, newScratch, PACKET_ROOM, type Scratch } from "./context.ts";
export { argumentsInput, MOST_ARGUMENTS } from "./raw-tracepoint.ts";
export { MOST_SKB, SKB_SIZE, skbInput } from "./socket-filter.ts";
export { bytesInput, MOST_BYTES } from "./syscall.ts";
export { HOOKS, type HookRow } from "./table.ts";
export { tracepointInput } from "./tracepoint.ts";
export { XDP_MD_SIZE, xdpInput, xdpPacket } from "./xdp.ts";
