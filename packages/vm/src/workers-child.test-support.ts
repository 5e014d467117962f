// One worker of a crew: joins a machine, does what it is told, and leaves.
import { parentPort } from "node:worker_threads";
import { ERRNO } from "@skep/bpf/kernel";
import { Random } from "./engine/random.test-support.ts";
import { VirtualKernel } from "./virtual-kernel.ts";
import type { Order, Work } from "./workers.test-support.ts";

/** Milliseconds that workers wait for each other. */
const PATIENCE = 60_000;
const PACKET = new Uint8Array(64);

function expect(result: number, ...allowed: readonly number[]): number {
	if (!allowed.includes(result)) throw new Error(`${result}, expected ${allowed.join(" or ")}`);
	return result;
}

function run(kernel: VirtualKernel, { program, times }: Extract<Work, { kind: "run" }>): number[] {
	const attr = { prog_fd: program, data_in: PACKET, data_out: new Uint8Array(256), repeat: times, retval: 0 };
	expect(kernel.bpf("PROG_TEST_RUN", attr), 0);
	expect(attr.retval, 2);
	return [];
}

function churn(kernel: VirtualKernel, { map, keys, times }: Extract<Work, { kind: "churn" }>): number[] {
	const random = new Random(kernel.system.home);
	const key = new Uint8Array(4);
	const value = new Uint8Array(8);
	for (let turn = 0; turn < times; turn++) {
		const number = random.below(keys);
		new DataView(key.buffer).setUint32(0, number, true);
		new DataView(value.buffer).setUint32(0, turn, true);
		new DataView(value.buffer).setUint32(4, number, true);
		if (random.oneIn(3)) expect(kernel.bpf("MAP_DELETE_ELEM", { map_fd: map, key }), 0, -ERRNO.ENOENT);
		else expect(kernel.bpf("MAP_UPDATE_ELEM", { map_fd: map, key, value }), 0, -ERRNO.E2BIG, -ERRNO.ENOSPC);
	}
	return [];
}

function queue(kernel: VirtualKernel, { map, times }: Extract<Work, { kind: "queue" }>): number[] {
	const random = new Random(kernel.system.home);
	const taken: number[] = [];
	const value = new Uint8Array(8);
	const view = new DataView(value.buffer);
	const take = (): boolean => {
		const result = kernel.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd: map, value });
		if (result === 0) taken.push(view.getUint32(4, true) * 2 ** 20 + view.getUint32(0, true));
		return expect(result, 0, -ERRNO.ENOENT) === 0;
	};
	for (let turn = 0; turn < times; ) {
		view.setUint32(0, turn, true);
		view.setUint32(4, kernel.system.home, true);
		if (expect(kernel.bpf("MAP_UPDATE_ELEM", { map_fd: map, value, flags: 0 }), 0, -ERRNO.E2BIG) === 0) turn++;
		else take();
		if (random.oneIn(2)) take();
	}
	return taken;
}

function perform(kernel: VirtualKernel, work: Work): number[] {
	switch (work.kind) {
		case "run":
			return run(kernel, work);
		case "churn":
			return churn(kernel, work);
		case "queue":
			return queue(kernel, work);
	}
}

parentPort!.on("message", ({ shared, options, work, gate, count }: Order) => {
	const kernel = VirtualKernel.join(shared, options);
	const words = new Int32Array(gate);
	if (Atomics.add(words, 0, 1) + 1 === count) Atomics.notify(words, 0);
	for (let seen = Atomics.load(words, 0); seen < count; seen = Atomics.load(words, 0))
		if (Atomics.wait(words, 0, seen, PATIENCE) === "timed-out") throw new Error(`${seen} workers of ${count} came`);
	const found = work.flatMap((each) => perform(kernel, each));
	kernel.leave();
	parentPort!.postMessage(found);
});
