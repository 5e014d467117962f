import { VmFault } from "@skep/bpf/base";
import type { Btf } from "@skep/bpf/btf";
import { type Attributes, ERRNO } from "@skep/bpf/kernel";
import type { SequenceState } from "#helpers";
import { argumentsInput } from "#hooks";
import { hold, idOf, openDescriptor } from "./descriptors.ts";
import { runProgram } from "./run.ts";
import { StructWriter } from "./structs.ts";
import type { System } from "./system.ts";
import type { IteratorState, ProgramState } from "./tables.ts";
import { WALKS } from "./walks.ts";

/** ITER_CREATE: a run of an iterator, which begins when it is read. */
export function createIterator(system: System, attr: Attributes["ITER_CREATE"]): number {
	if ((attr.flags ?? 0) !== 0) return -ERRNO.EINVAL;
	const id = idOf(system, attr.link_fd, "link");
	if (id < 0) return id;
	const link = system.tables.links.get(id)!;
	if (link.kind !== "iter") return -ERRNO.EINVAL;
	const run = system.tables.next.iterator++;
	const { program, filter = { tid: 0, pid: 0 } } = link;
	system.tables.iterators.set(run, { id: run, program, filter, output: undefined, at: 0, references: 0 });
	hold(system, "program", program);
	return openDescriptor(system, "iterator", run);
}

/**
 * read(2) of a run: the programs run at the first one, over all that is there then, and what they wrote is handed out piece
 * by piece. -EFAULT where a program did what no verifier lets pass.
 */
export function readIterator(system: System, fd: number, bytes: Uint8Array): number {
	const id = idOf(system, fd, "iterator");
	if (id < 0) return id;
	const state = system.tables.iterators.get(id)!;
	if (state.output === undefined) {
		const output = walk(system, state);
		if (typeof output === "number") return output;
		state.output = output;
	}
	const part = state.output.subarray(state.at, state.at + bytes.length);
	bytes.set(part);
	state.at += part.length;
	return part.length;
}

function walk(system: System, { id, program, filter }: IteratorState): Uint8Array | number {
	const row = system.tables.programs.get(program)!;
	const { btf, memory } = system;
	if (!btf) return -ERRNO.EINVAL;
	const outer = new StructWriter(memory, btf);
	const inner = new StructWriter(memory, btf);
	const sequence: SequenceState = { file: outer.place("seq_file", {}), parts: [] };
	const values = argumentsOf(btf, row);
	const show = (object: number, seen: number): void => {
		const meta = outer.place("bpf_iter_meta", { seq: sequence.file, session_id: id, seq_num: seen });
		// The first argument is the meta, the second the thing; others are numbers of sockets and files.
		const args = Array.from({ length: values }, (_, i) => (i === 0 ? meta : i === 1 ? object : 0));
		const cpu = system.cpus[system.home]!;
		const { environment } = system;
		environment.sequence = sequence;
		try {
			runProgram(system, row, argumentsInput(memory, system.scratch[cpu.id]!, args), cpu, 0n);
		} finally {
			environment.sequence = undefined;
		}
	};
	let seen = 0;
	try {
		for (const object of WALKS[row.attachTo]!(system, inner, filter)) {
			show(object, seen++);
			inner.release();
		}
		// Once more at the end, about nothing.
		show(0, seen);
	} catch (error) {
		if (error instanceof VmFault) return -ERRNO.EFAULT;
		throw error;
	} finally {
		inner.release();
		outer.release();
	}
	return joined(sequence.parts);
}

/** How many arguments the function that an iterator's program stands for has. */
function argumentsOf(btf: Btf, { attachBtf }: ProgramState): number {
	const type = btf.type(attachBtf);
	const proto = type.kind === "func" ? btf.type(type.type) : undefined;
	return proto?.kind === "func_proto" ? proto.params.length : 2;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}
