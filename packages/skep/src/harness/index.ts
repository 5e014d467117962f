/**
 * Tests of users: `runTests` finds their files and runs each in a process of its own, by node:test, with the hook of
 * `register.ts` in it; what those files import is `test.ts`. A machine is a virtual kernel (or Linux, for packets) with one
 * module's programs on it; coverage is by the line that an instruction came from, counted by the virtual kernel's engine.
 */
export { type LineCounts, readCounts, renderCoverage, renderLcov } from "./coverage.ts";
export { findTests, runTests, type TestResult, type TestRunOptions } from "./suite.ts";
