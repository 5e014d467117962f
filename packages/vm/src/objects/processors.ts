import { BpfError } from "@skep/bpf/base";
import { type Memory, runWord } from "#machine";
import type { System } from "./system.ts";

/** Who runs programs on a processor: see `RUN_WORDS.holder`. */
const NOBODY = 0;
const OWNER = 1;
const WORKER = 2;

const holderWord = (processor: number): number => runWord(processor, "holder") >> 2;

/** A worker is this processor from now on. @throws BpfError ERR_WORKER */
export function joinProcessor({ words }: Memory, processor: number): void {
	const before = Atomics.compareExchange(words, holderWord(processor), NOBODY, WORKER);
	if (before !== NOBODY)
		throw new BpfError(
			"ERR_WORKER",
			`CPU ${processor} is ${before === OWNER ? "the machine's owner" : "another worker"}`,
		);
}

/** Before a program runs on a processor of a shared machine: nobody else may. @throws BpfError ERR_WORKER */
export function claimProcessor(system: System, processor: number): void {
	const { memory, sharing, environment, home } = system;
	if (sharing.processors.has(processor)) return;
	if (environment.isWorker) {
		const why = processor === home ? "it has left the machine" : `it is CPU ${home} and runs nothing on others`;
		throw new BpfError("ERR_WORKER", `this worker cannot run programs on CPU ${processor}: ${why}`);
	}
	if (Atomics.compareExchange(memory.words, holderWord(processor), NOBODY, OWNER) !== NOBODY)
		throw new BpfError("ERR_WORKER", `CPU ${processor} is a worker: the machine's owner cannot run programs on it`);
	sharing.processors.add(processor);
}

/** A worker leaves: its processor may be joined again. */
export function leaveMachine(system: System): void {
	const { memory, sharing, home } = system;
	if (system.environment.isWorker && sharing.processors.delete(home))
		Atomics.store(memory.words, holderWord(home), NOBODY);
}

/** The owner says that a worker is gone that did not leave itself. False: that processor is none. */
export function releaseProcessor(system: System, processor: number): boolean {
	forOwner(system, "to say which workers are gone");
	const { words } = system.memory;
	return Atomics.compareExchange(words, holderWord(processor), WORKER, NOBODY) === WORKER;
}

/** Processors that are workers now. */
export const workersOf = ({ memory, cpus }: System): number[] =>
	memory.shared ? cpus.flatMap(({ id }) => (Atomics.load(memory.words, holderWord(id)) === WORKER ? [id] : [])) : [];

/** Nothing changes the machine beside its owner. @throws BpfError ERR_WORKER */
export function alone(system: System, what: string): void {
	forOwner(system, what);
	const workers = workersOf(system);
	if (workers.length > 0)
		throw new BpfError("ERR_WORKER", `${what} is not possible while workers run (CPU ${workers.join(", ")})`);
}

/** @throws BpfError ERR_WORKER: in a worker that does not own the machine */
export function forOwner(system: System, what: string): void {
	if (system.environment.isWorker)
		throw new BpfError("ERR_WORKER", `${what} is the machine's owner's: this worker runs programs on what is there`);
}

/** What was shared holds as long as this number stays. */
export const epochOf = ({ words }: Memory): number => Atomics.load(words, runWord(0, "epoch") >> 2);

/** What was shared is no more; `epoch`: the one that it was in. */
export function endSharing({ memory, sharing }: System, epoch: number): void {
	Atomics.store(memory.words, runWord(0, "epoch") >> 2, epoch + 1);
	sharing.rooms.clear();
	sharing.held.clear();
	sharing.processors.clear();
}
