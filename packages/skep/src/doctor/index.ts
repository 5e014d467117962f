/**
 * What a kernel can do and what stands in the way: `featureReport` asks as bpftool's `feature probe` does and has its keys;
 * `examine` asks for everything, by really loading and attaching, and draws from it what will not work and what skep does
 * instead (`findings`). A `Report` is plain values; `reportText` tells it short, `wholeText` with all tables, `compare` puts
 * several beside each other, `requirements` looks names up in one.
 */
export { type Answer, answersOf, type Required, requirements } from "./answers.ts";
export { BUILTIN_GROUPS, type BuiltinGroup, builtins } from "./builtins.ts";
export { type Comparison, compare, comparisonCells, readReport } from "./compare.ts";
export { type ExamineOptions, examine } from "./examine.ts";
export { type FeatureOptions, type FeatureReport, featureReport } from "./feature-report.ts";
export { featureMacros, featureText } from "./feature-text.ts";
export { findings } from "./findings.ts";
export type { Finding, Report, Weight } from "./report.ts";
export { reportText, wholeText } from "./text.ts";
