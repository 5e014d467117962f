/**
 * What a kernel can do and what stands in the way: `featureReport` asks as bpftool's `feature probe` does and has its keys;
 * `examine` asks for everything, and draws from it what will not work and what skep does instead.
 */
export { BUILTIN_GROUPS, type BuiltinGroup, builtins } from "./builtins.ts";
export { type FeatureOptions, type FeatureReport, featureReport } from "./feature-report.ts";
export { featureMacros, featureText } from "./feature-text.ts";
