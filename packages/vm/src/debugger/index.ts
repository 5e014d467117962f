/**
 * A debugger of programs on the virtual kernel, forwards and backwards. The machine is deterministic and all its state is
 * data, so a `Timeline` goes to any instruction of any event by running again from a state that was saved before it.
 *
 * `Debugger` steps by instructions and lines, stops at breakpoints (`BreakpointSpec`) and behind what changes a register,
 * memory or a map (`WatchTarget`), and tells where it is: `frames`, `registers`, source places out of the line information
 * that programs were loaded with. Memory, maps and the rest are read from the machine itself: `Inspector` does so by types.
 * Nothing here knows a terminal or Node.
 */
export { type Breakpoint, type BreakpointSpec, Breakpoints } from "./breakpoints.ts";
export { type CodePlace, Debugger, type StopReason, type Watchpoint } from "./debugger.ts";
export type { Frame } from "./frames.ts";
export { type ContextField, type ContextView, Inspector, type MapView } from "./inspector.ts";
export type { FunctionPlace, ProgramSymbols, SourcePlace } from "./symbols.ts";
export { type DebugEvents, type Outcome, type Position, Timeline } from "./timeline.ts";
export type { WatchTarget } from "./watch.ts";
