import assert from "node:assert/strict";
import { test } from "node:test";
import { openLinux } from "@skep/linux";
import { NotSupportedError, PermissionError, SyscallError, VerifierError } from "#base";
import { ERRNO, type Kernel } from "#kernel";
import { explainWith, objectName, refuse } from "./index.ts";
import { refuseProgram } from "./refusal.ts";

const LINES = [
	{ slot: 0, file: "exec.ts", text: "let a = 1", line: 4, column: 2 },
	{ slot: 7, file: "exec.ts", text: "return *n", line: 9, column: 0 },
];

/** A log as kernels write them, and the reason, instruction and place that must come out. One row a log. */
// biome-ignore format: table
const LOGS: readonly (readonly [name: string, log: string, reason: string, insn: number | undefined, source: string | undefined])[] = [
	["one line", "0: R1=ctx() R10=fp0\n; let a = 1 @ exec.ts:4\n0: (bf) r0 = r3\nR3 !read_ok\nprocessed 1 insns (limit 1000000) max_states_per_insn 0\n", "R3 !read_ok", 0, "exec.ts:4:2"],
	["two lines", "8: (79) r0 = *(u64 *)(r0 +8)\ninvalid access to map value, value_size=8 off=8 size=8\nR0 min value is outside of the allowed memory range\nprocessed 9 insns (limit 1000000)\n", "invalid access to map value, value_size=8 off=8 size=8; R0 min value is outside of the allowed memory range", 8, "exec.ts:9"],
	["behind a jump", "1: (05) goto pc-2 infinite loop detected at insn 0\ncur state: R0=0\nold state: R0=0\nprocessed 2 insns (limit 1000000)\n", "infinite loop detected at insn 0", 1, "exec.ts:4:2"],
	["without instructions", "unreachable insn 3\nprocessed 0 insns (limit 1000000)\n", "unreachable insn 3", undefined, undefined],
	["too large", "BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000)\n", "BPF program is too large. Processed 1000001 insn", undefined, undefined],
];

for (const [name, log, reason, insn, source] of LOGS) {
	test(`the telling part of a log: ${name}`, (t) => {
		if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
		const program = {
			name: "exec",
			errno: ERRNO.EACCES,
			log,
			lines: LINES,
			type: "tracepoint",
			trampoline: false,
		} as const;
		const error = refuseProgram(openLinux(), program);
		assert.ok(error instanceof VerifierError);
		assert.equal(error.message, `the kernel's verifier refused exec${source ? ` (${source})` : ""}: ${reason}`);
		assert.deepEqual([error.insn, error.source, error.log], [insn, source, log]);
		return undefined;
	});
}

test("a log of many megabytes is read from its end", (t) => {
	if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
	const middle = "; let a = 1 @ exec.ts:4\n3: (07) r1 += 1 ; R1=ctx() R10=fp0\n".repeat(250_000);
	const log = `0: R1=ctx() R10=fp0\n${middle}7: (bf) r0 = r3\nR3 !read_ok\nprocessed 9 insns (limit 1000000)\n`;
	const program = {
		name: "exec",
		errno: ERRNO.EACCES,
		log,
		lines: LINES,
		type: "tracepoint",
		trampoline: false,
	} as const;
	const error = refuseProgram(openLinux(), program);
	assert.ok(error instanceof VerifierError);
	assert.equal(error.message, "the kernel's verifier refused exec (exec.ts:9): R3 !read_ok");
	assert.equal(error.log.length, log.length, "nothing is cut");
	return undefined;
});

test("an errno becomes words, EPERM becomes a permission with the owner's reason", (t) => {
	if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
	const kernel: Kernel = Object.create(openLinux(), { diagnose: { value: undefined } });
	const load = { syscall: "bpf", command: "PROG_LOAD", errno: ERRNO.EPERM, what: "load program exec" } as const;
	const bare = refuse(kernel, load);
	assert.ok(bare instanceof PermissionError);
	assert.match(bare.message, /cannot load program exec: bpf\(PROG_LOAD\) says EPERM: a privilege is missing/);
	explainWith(kernel, (refused) => ({
		lines: [`${refused.command}: CAP_BPF is missing → sudo`],
		missing: ["CAP_BPF"],
	}));
	const explained = refuse(kernel, load);
	assert.ok(explained instanceof PermissionError);
	assert.deepEqual(explained.missing, ["CAP_BPF"]);
	assert.match(explained.message, /EPERM:\n {2}PROG_LOAD: CAP_BPF is missing → sudo/);
	const event = refuse(kernel, { syscall: "perf_event_open", errno: ERRNO.EACCES, what: "open tracepoint" });
	assert.ok(event instanceof PermissionError);
	// A frozen map says EPERM too, and that is no missing privilege.
	const frozen = refuse(kernel, {
		syscall: "bpf",
		command: "MAP_UPDATE_ELEM",
		errno: ERRNO.EPERM,
		what: "update map x",
	});
	assert.ok(frozen instanceof SyscallError && frozen.code === "EPERM" && frozen.errno === 1);
	const unknown = refuse(kernel, { syscall: "bpf", command: "MAP_CREATE", errno: 999, what: "create map x" });
	assert.equal(unknown.code, "E999");
	const quiet = refuseProgram(kernel, {
		name: "x",
		errno: ERRNO.EINVAL,
		log: "processed 0 insns (limit 1000000)\n",
		type: "xdp",
		trampoline: false,
	});
	assert.ok(quiet instanceof SyscallError && quiet.code === "EINVAL");
	const newer = refuseProgram(kernel, {
		name: "x",
		errno: ERRNO.EINVAL,
		log: "7: (85) call unknown#158\ninvalid func unknown#158\n",
		lines: LINES,
		type: "xdp",
		trampoline: false,
	});
	assert.ok(newer instanceof NotSupportedError);
	assert.equal(newer.since, "5.11");
	assert.match(
		newer.message,
		/^helper bpf_get_current_task_btf is not supported: x \(exec\.ts:9\) calls it.*came with Linux 5\.11$/,
	);
	return undefined;
});

test("names are fitted to what the kernel takes", () => {
	assert.equal(objectName("my-map with spaces and more"), "my_map_with_spa");
	assert.equal(objectName(".rodata"), ".rodata");
	assert.equal(objectName("größe🐝"), "gr__e__");
});
