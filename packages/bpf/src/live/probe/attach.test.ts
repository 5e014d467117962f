import assert from "node:assert/strict";
import { readlinkSync } from "node:fs";
import { test } from "node:test";
import { versionCode } from "#kernel";
import { ATTACH_KINDS, callKfunc, kfuncNames, probeAttach, probeCommand, probeKfunc } from "../index.ts";
import { onBothKernels } from "../kernel.test-support.ts";

test(
	"every kind is tried, nothing is there from the future, and nothing stays",
	onBothKernels((kernel, t) => {
		const linux = kernel.name === "linux";
		const namespace = () => (linux ? readlinkSync("/proc/thread-self/ns/net") : "");
		const before = namespace();
		const by = new Map<string, string[]>();
		for (const { name, since } of ATTACH_KINDS) {
			const { answer, why } = probeAttach(kernel, name);
			by.set(answer, [...(by.get(answer) ?? []), name]);
			assert.ok(answer === "yes" || (why ?? "") !== "", `${name}: ${answer} without a reason`);
			// Older kernels take sleepable iterators, though they hold a lock while these run.
			if (versionCode(kernel.release) < versionCode(since) && name !== "iter.s")
				assert.notEqual(answer, "yes", `${name} since ${since}`);
		}
		for (const [answer, names] of by) t.diagnostic(`${answer}: ${names.join(", ")}`);
		assert.equal(namespace(), before, "the thread is in its network namespace again");
		for (const kind of ["tracepoint", "raw_tp", "xdp (generic)"] as const)
			assert.ok(by.get("yes")?.includes(kind), `${kind}: ${probeAttach(kernel, kind).why}`);
		assert.equal(probeAttach(kernel, "tp_btf").answer, typeof kernel.btf() === "number" ? "no" : "yes");
		if (!linux) assert.ok(by.get("no")?.includes("kprobe"));
	}),
);

test(
	"commands that are there, and one that is not from the future",
	onBothKernels((kernel) => {
		assert.equal(probeCommand(kernel, "MAP_FREEZE"), "yes");
		for (const name of ["PROG_LOAD", "OBJ_GET", "PROG_GET_NEXT_ID", "MAP_GET_FD_BY_ID"] as const)
			assert.equal(probeCommand(kernel, name), "yes", name);
		assert.equal(probeCommand(kernel, "TASK_FD_QUERY"), "unknown");
		if (versionCode(kernel.release) < versionCode("6.9")) assert.equal(probeCommand(kernel, "TOKEN_CREATE"), "no");
		else if (kernel.name === "linux") assert.equal(probeCommand(kernel, "TOKEN_CREATE"), "yes");
	}),
);

test(
	"kfuncs: by whom they may be called, and called",
	onBothKernels((kernel, t) => {
		const names = kfuncNames(kernel);
		if (versionCode(kernel.release) < versionCode("6.2") || names.length === 0)
			return t.diagnostic(`${kernel.release} names ${names.length}`);
		assert.ok(names.includes("bpf_rcu_read_lock"));
		assert.equal(callKfunc(kernel), "yes");
		assert.equal(probeKfunc(kernel, "syscall", "bpf_rcu_read_lock"), "yes");
		assert.equal(probeKfunc(kernel, "syscall", "no_such_function"), "no");
		// A kernel function that no program may call.
		if (kernel.name === "linux") assert.equal(probeKfunc(kernel, "syscall", "vfs_open"), "no");
		return undefined;
	}),
);
