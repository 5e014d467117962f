/**
 * Diagnostics: what the compiler has to say, as values (`diagnostic`), collected once each (`report`), taken back where a
 * test expects them (`expected`), shown to people with the source line (`format`), and explained by number (`messages`).
 */
export type { Diagnostic } from "./diagnostic.ts";
export { applyExpectations } from "./expected.ts";
export { type FormatOptions, formatDiagnostics } from "./format.ts";
export { type Page, pageOf, pages } from "./messages.ts";
export { Report } from "./report.ts";
