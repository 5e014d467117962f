/**
 * The debugger as people see it: lines of commands in, text (or one JSON value) out. `Shell` takes a command and gives its
 * answer; `renderScreen` draws source and registers side by side for a terminal; `openTarget` makes the machine, the loaded
 * file and its events from a command line. Stepping itself is @skep/vm's: this room only asks and shows.
 */
export { evaluate, type Names } from "./expression.ts";
export { renderScreen } from "./screen.ts";
export { type Answer, Shell } from "./shell.ts";
export { openTarget, type Target, type TargetOptions } from "./target.ts";
