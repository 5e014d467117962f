// Tests of programs on a virtual kernel.

declare module "skep/test" {
	import type { AnyProgram } from "skep";
	import type { Tracepoints } from "skep/kernel";
	export function test(name: string, fn: () => void | Promise<void>): void;
	export function equal<T>(actual: T, expected: T): void;
	export interface Machine extends Disposable {
		/** Run a program, or the one of this name, on a packet (14 bytes and more): its verdict, and the packet as it was left. */
		packet(program: AnyProgram | string, bytes: Uint8Array): { readonly verdict: number; readonly bytes: Uint8Array };
		/**
		 * Raise an event: every program attached to it runs. Fields that are not named are 0; text and bytes for a pointer are put
		 * into the memory that it points into.
		 */
		tracepoint<N extends keyof Tracepoints>(
			name: N,
			fields: {
				[F in keyof Tracepoints[N]]?: Tracepoints[N][F] extends bigint
					? bigint
					: Tracepoints[N][F] extends number
						? number
						: unknown;
			},
		): void;
		/** The same for raw and typed tracepoints: numbers, text, `{ task: pid }`, structs by the machine's own types. */
		rawTracepoint(
			name: string,
			...args: readonly (number | bigint | string | { task: number } | { struct: string; value: StructValue })[]
		): void;
		/**
		 * What happens from now on happens in this task. What is not said stays as it was; `struct`: further members of its
		 * task_struct.
		 */
		task(task: {
			pid: number;
			tid?: number;
			uid?: number;
			gid?: number;
			comm?: string;
			ppid?: number;
			cpu?: number;
			struct?: StructValue;
		}): void;
		/** The clock goes by this only. */
		advance(nanoseconds: bigint): void;
		/** Insertions into this map, or ring buffer, fail from now on, until something is taken out. */
		fill(map: unknown): void;
		/** A map's handle by its name in the source, for files that are not imported. */
		map<M>(name: string): M;
		/** Lines of printk so far. */
		readonly trace: readonly string[];
	}
	/** A kernel object by the names of its members; what is not named is 0, a pointer takes what it points at. */
	export interface StructValue {
		readonly [member: string]: KernelValue;
	}
	type KernelValue = number | bigint | boolean | string | Uint8Array | readonly KernelValue[] | StructValue;
	export interface MachineOptions {
		options?: Record<string, unknown>;
		cpus?: number;
		/** A kernel of another version: comes later. */
		kernel?: "5.15" | "6.1" | "6.18";
	}
	/**
	 * A fresh kernel with the module's handles bound to it until disposed; `MachineInUseError` where a module has one already.
	 * A file whose user half runs when it is imported is given by its URL instead: `machine(new URL("./exec.ts", import.meta.url))`.
	 * `skep test --kernel linux` runs the same by BPF_PROG_TEST_RUN where it can.
	 */
	export function machine(module: object, options?: MachineOptions): Machine;
	/** Two machines on one module at once: its handles can be bound to one only. */
	export class MachineInUseError extends Error {
		readonly code: string;
	}
	/** Each step gives another builder; headers have right lengths and checksums when `bytes()` makes them. */
	export interface Builder {
		vlan(id: number): Builder;
		ipv4(f?: { src?: string; dst?: string; ttl?: number }): Builder;
		ipv6(f?: { src?: string; dst?: string }): Builder;
		udp(f?: { sport?: number; dport?: number }): Builder;
		tcp(f?: { sport?: number; dport?: number; syn?: boolean }): Builder;
		payload(b: string | Uint8Array): Builder;
		truncate(n: number): Builder;
		bytes(): Uint8Array;
	}
	export const packet: { eth(): Builder };
}
