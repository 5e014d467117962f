/**
 * The command line: rows of a command table, the word that selects one (whole or by its beginning), flags, help texts,
 * and what a refusal looks like. Nothing here knows what a command does.
 *
 * Every refusal is a line or more on stderr that says what was there and what to do next, and an exit status of
 * `STATUS`; a stack trace is shown only under SKEP_DEBUG.
 */
export type { Command, Flag, Invocation } from "./command.ts";
export { failureJson, ReportedError, renderFailure, STATUS, UsageError } from "./fail.ts";
export { renderFlags, renderHelp, renderOverview } from "./help.ts";
export { nearest } from "./nearest.ts";
export { parseInvocation, selectCommand } from "./select.ts";
export { mayBeTerminal, tameStreams, writeError, writeOutput } from "./streams.ts";
export { findVerb, renderVerbHelp, renderVerbs, type Verb } from "./verb.ts";
export { Words } from "./words.ts";
