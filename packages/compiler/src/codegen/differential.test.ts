import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Func, formatFunc, type Module, parseFunc, verifyFunc } from "#ir";
import { optimise } from "#passes";
import { compileModule } from "./module.ts";
import { evaluate, execute, type Outcome } from "./oracle.test-support.ts";
import { randomFunc } from "./random.test-support.ts";

const moduleOf = (func: Func): Module => ({
	files: [],
	license: "GPL",
	functions: [func],
	maps: [],
	globals: [],
	manifest: {
		version: 1,
		producer: "",
		source: "",
		modules: [],
		userHalf: false,
		options: [],
		maps: [],
		programs: [],
		handles: [],
	},
});
const numbers = fc.array(fc.nat({ max: 0xffff }), { minLength: 20, maxLength: 320 });
const context = fc.uint8Array({ minLength: 64, maxLength: 64 });
const same = (got: Outcome, want: Outcome, what: string): void => assert.deepEqual(got, want, what);

test("each pass keeps valid IR and its meaning", () => {
	fc.assert(
		fc.property(numbers, context, (choices, ctx) => {
			const want = evaluate(randomFunc(choices), ctx);
			const func = randomFunc(choices);
			optimise(func, undefined, (pass) => {
				assert.deepEqual(verifyFunc(func), [], pass);
				same(evaluate(func, ctx), want, pass);
			});
		}),
		{ numRuns: 150, seed: 20261122 },
	);
});

test("emitted instructions do what the IR means, optimised or not, for both cpu versions", () => {
	fc.assert(
		fc.property(numbers, context, (choices, ctx) => {
			const want = evaluate(randomFunc(choices), ctx);
			for (const cpu of ["v3", "v4"] as const)
				for (const optimised of [false, true]) {
					const { functions, problems } = compileModule(moduleOf(randomFunc(choices)), { cpu, optimise: optimised });
					assert.deepEqual(problems, []);
					same(execute(functions[0]!.insns, ctx), want, `${cpu}, ${optimised ? "optimised" : "as built"}`);
				}
		}),
		{ numRuns: 200, seed: 20261123 },
	);
});

test("the text of random programs is read back", () => {
	fc.assert(
		fc.property(numbers, (choices) => {
			const text = formatFunc(randomFunc(choices));
			assert.equal(formatFunc(parseFunc(text)), text);
		}),
		{ numRuns: 50, seed: 20261124 },
	);
});

test("the same input gives the same bytes", () => {
	fc.assert(
		fc.property(numbers, (choices) => {
			const [a, b] = [0, 1].map(() => compileModule(moduleOf(randomFunc(choices))).functions[0]!.insns);
			assert.deepEqual(a, b);
		}),
		{ numRuns: 20, seed: 20261125 },
	);
});
