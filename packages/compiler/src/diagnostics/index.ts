/** Diagnostics: what the compiler has to say, as values, and how they are shown to people. */
export type { Diagnostic } from "./diagnostic.ts";
export { Report } from "./report.ts";
