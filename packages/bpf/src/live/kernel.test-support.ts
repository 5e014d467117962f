import type { TestContext } from "node:test";
import { openLinux } from "@skep/linux";
import { VirtualKernel } from "@skep/vm";
import { NotSupportedError } from "#base";
import { ERRNO, type Kernel, versionCode } from "#kernel";
import { traceFds } from "./index.ts";

/** The real kernel, or a skipped test with the reason: probed by one small map. */
export function kernelOrSkip(t: TestContext): Kernel | undefined {
	if (process.platform !== "linux") {
		t.skip(`needs Linux, this is ${process.platform}`);
		return undefined;
	}
	const kernel = openLinux();
	const fd = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
	if (fd === -ERRNO.EPERM) {
		t.skip("needs CAP_BPF: bpf(MAP_CREATE) says EPERM");
		return undefined;
	}
	kernel.close(fd);
	return kernel;
}

/** Runs `body` on the real kernel and sees to it that no descriptor is left. */
export function onKernel(
	body: (kernel: Kernel, t: TestContext) => void | Promise<void>,
): (t: TestContext) => Promise<void> {
	return async (t) => {
		const kernel = kernelOrSkip(t);
		if (!kernel) return;
		const tracer = traceFds();
		try {
			await body(kernel, t);
			t.assert.deepEqual(
				tracer.open().map((each) => each.what),
				[],
				"no descriptor is left open",
			);
		} catch (error) {
			if (!lacks(kernel, error)) throw error;
			t.skip(error.message);
		} finally {
			tracer.stop();
		}
	};
}

/** Whether it is only that the kernel is older than what it was asked for. */
export function lacks(kernel: Kernel, error: unknown): error is NotSupportedError {
	if (!(error instanceof NotSupportedError) || error.since === undefined) return false;
	return versionCode(kernel.release) < versionCode(error.since);
}

/** Runs `body` on the real kernel, where it may, and on the virtual one. */
export function onBothKernels(
	body: (kernel: Kernel, t: TestContext) => void | Promise<void>,
): (t: TestContext) => Promise<void> {
	return async (t) => {
		await t.test("virtual", async (inner) => {
			const kernel = new VirtualKernel({ cpus: 4 });
			const tracer = traceFds();
			try {
				await body(kernel, inner);
				inner.assert.deepEqual(
					tracer.open().map((each) => each.what),
					[],
					"no descriptor is left open",
				);
			} finally {
				tracer.stop();
			}
			const { maps, programs, links } = kernel.system.tables;
			inner.assert.deepEqual([maps.size, programs.size, links.size], [0, 0, 0], "no object is left");
		});
		await t.test("linux", onKernel(body));
	};
}

export const u32 = (...words: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(new Uint32Array(words).buffer);
export const u64 = (...words: bigint[]): Uint8Array<ArrayBuffer> => new Uint8Array(new BigUint64Array(words).buffer);
export const numbers = (bytes: Uint8Array | undefined): number[] | undefined =>
	bytes &&
	Array.from({ length: bytes.length / 4 }, (_, i) =>
		new DataView(bytes.buffer, bytes.byteOffset).getUint32(i * 4, true),
	);
