// One virtual kernel, used by a page and by workers at the same time: the same script in all of them. Where memory cannot
// be shared the page says why.
import { encode, insn, PSEUDO } from "@skep/bpf/isa";
import { BpfMap, Program } from "@skep/bpf/live";
import { type SharedMachine, VirtualKernel } from "@skep/vm";

const WORKERS = 2;
const RUNS = 3000;
const PACKET = new Uint8Array(64);

interface Order {
	readonly shared: SharedMachine;
	readonly cpu: number;
	readonly program: number;
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** Counts runs in an array, atomically, and changes a hash by the processor's number. */
function load(kernel: VirtualKernel, counts: BpfMap, marks: BpfMap): Program {
	const helper = { update: 2, processor: 8 };
	const insns = encode([
		insn.loadPseudo(1, PSEUDO.mapValue, counts.fd.number),
		insn.mov(64, 2, { imm: 1 }),
		insn.atomic("add", 8, 1, 0, 2),
		insn.call(helper.processor),
		insn.store(4, 10, -8, { reg: 0 }),
		insn.store(8, 10, -16, { imm: 7 }),
		insn.loadPseudo(1, PSEUDO.mapFd, marks.fd.number),
		insn.mov(64, 2, { reg: 10 }),
		insn.alu("add", 64, 2, { imm: -8 }),
		insn.mov(64, 3, { reg: 10 }),
		insn.alu("add", 64, 3, { imm: -16 }),
		insn.mov(64, 4, { imm: 0 }),
		insn.call(helper.update),
		insn.mov(64, 0, { imm: 2 }),
		insn.exit(),
	]);
	return Program.load(kernel, { name: "count", type: "xdp", insns, license: "GPL" });
}

async function page(): Promise<string> {
	const kernel = new VirtualKernel({ cpus: WORKERS + 1, shared: true, engine: "jit" });
	using counts = BpfMap.create(kernel, { name: "counts", type: "array", keySize: 4, valueSize: 8, maxEntries: 1 });
	using marks = BpfMap.create(kernel, { name: "marks", type: "hash", keySize: 4, valueSize: 8, maxEntries: 16 });
	using program = load(kernel, counts, marks);
	const shared = kernel.share();
	const workers = Array.from({ length: WORKERS }, () => new Worker(import.meta.url, { type: "module" }));
	const done = workers.map(
		(worker) =>
			new Promise<void>((resolve, reject) => {
				worker.onmessage = () => resolve();
				worker.onerror = (event) => reject(new Error(event.message));
			}),
	);
	for (const [i, worker] of workers.entries()) {
		const order: Order = { shared, cpu: i + 1, program: program.fd.number };
		worker.postMessage(order);
	}
	// A page's main thread may not sleep for a lock: it looks again and again.
	for (let isOver = false; !isOver; ) {
		isOver = await Promise.race([Promise.all(done).then(() => true), soon()]);
		marks.update(u32(9), new Uint8Array(8));
		marks.delete(u32(9));
	}
	const count = new DataView(counts.lookup(u32(0))!.buffer).getBigUint64(0, true);
	const keys = [...marks.keys()].map((key) => key[0]).sort();
	return `${count} runs of ${WORKERS * RUNS}, keys ${keys.join(" ")}, ${kernel.engine.engine}`;
}

const soon = (): Promise<false> => new Promise((resolve) => setTimeout(() => resolve(false)));

function work({ shared, cpu, program }: Order): void {
	const kernel = VirtualKernel.join(shared, { cpu });
	for (let left = RUNS; left > 0; left--) kernel.verdict(program, PACKET);
	kernel.leave();
	postMessage("done");
}

if (typeof document === "undefined") addEventListener("message", (event: MessageEvent<Order>) => work(event.data));
else {
	const state = document.getElementById("state")!;
	try {
		state.textContent = await page();
	} catch (error) {
		state.textContent = `failed: ${error instanceof Error ? error.message : String(error)}`;
	}
}
