import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { openLinux } from "@skep/linux";
import { NotSupportedError } from "#base";
import { ERRNO, type Kernel, versionCode } from "#kernel";
import { traceFds } from "#live";

/** Runs `body` on the real kernel, where there is one and it lets us; afterwards no descriptor is left. */
export function onKernel(body: (kernel: Kernel, t: TestContext) => void): (t: TestContext) => void {
	return (t) => {
		if (process.platform !== "linux") return t.skip(`needs Linux, this is ${process.platform}`);
		const kernel = openLinux();
		const fd = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
		if (fd === -ERRNO.EPERM) return t.skip("needs CAP_BPF: bpf(MAP_CREATE) says EPERM");
		kernel.close(fd);
		const tracer = traceFds();
		try {
			body(kernel, t);
			assert.deepEqual(
				tracer.open().map((each) => each.what),
				[],
			);
		} catch (error) {
			// The kernel is older than what it was asked for. Functions for programs came one by one.
			const since = error instanceof NotSupportedError ? error.since : undefined;
			const kfunc = error instanceof NotSupportedError && error.feature.startsWith("kfunc ");
			if (!kfunc && (since === undefined || versionCode(kernel.release) >= versionCode(since))) throw error;
			t.skip((error as Error).message);
		} finally {
			tracer.stop();
		}
		return undefined;
	};
}
