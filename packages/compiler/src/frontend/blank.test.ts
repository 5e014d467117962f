import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { blankKernelHalf } from "./blank.ts";

const EXAMPLES = fileURLToPath(new URL("../../../skep/testdata/language/examples", import.meta.url));

test("bodies of kernel-only functions are blanked, nothing moves", () => {
	const text = `import { hash, tracepoint, type u32, type u64 } from "skep";
const counts = hash<u32, u64>(16);
const twice = (n: u32) => n + n;
const both = (n: u32) => n + 1;
export function library(n: u32) { return n; }
function inner(n: u32): u32 {
	using x = never(n);
	return twice(n) + both(n) + library(n);
}
tracepoint("sched:sched_process_exec", () => counts.add(inner(1), 1n));
tracepoint("sched:sched_process_exit", { attach: false }, function () {
	inner(2);
});
tracepoint("sched:sched_switch", () => 0);
tracepoint("sched:sched_wakeup", named);
function named() { inner(3); }
console.log(both(1));
`;
	const blanked = blankKernelHalf("a.ts", text);
	assert.equal(
		blanked,
		`import { hash, tracepoint, type u32, type u64 } from "skep";
const counts = hash<u32, u64>(16);
const twice = (n: u32) => {   };
const both = (n: u32) => n + 1;
export function library(n: u32) { return n; }
function inner(n: u32): u32 {
                    
                                        
}
tracepoint("sched:sched_process_exec", () => {                      });
tracepoint("sched:sched_process_exit", { attach: false }, function () {
          
});
tracepoint("sched:sched_switch", () => 0);
tracepoint("sched:sched_wakeup", named);
function named() {           }
console.log(both(1));
`,
	);
	assert.equal(blanked.length, text.length);
});

test("text that is none of ours comes back as it is", () => {
	for (const text of ["", "const a = ;", "export const a = 1;", 'import fs from "node:fs";\nfs.f(() => {});'])
		assert.equal(blankKernelHalf("a.ts", text), text);
});

test("a function behind what only the whole program knows is blanked too", () => {
	const text =
		'import { tracepoint } from "skep";\nimport { NAME, opt } from "./other.ts";\ntracepoint(NAME, () => { opt.x; });\n';
	assert.equal(blankKernelHalf("a.ts", text), text.replace("{ opt.x; }", "{        }"));
});

test("every example stays TypeScript that Node can strip", () => {
	for (const f of readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" })) {
		if (!f.endsWith(".ts")) continue;
		const text = readFileSync(join(EXAMPLES, f), "utf8");
		const blanked = blankKernelHalf(f, text);
		assert.equal(blanked.length, text.length, f);
		assert.deepEqual(
			[...blanked.matchAll(/\n/g)].map((m) => m.index),
			[...text.matchAll(/\n/g)].map((m) => m.index),
			f,
		);
		stripTypeScriptTypes(blanked);
	}
});
