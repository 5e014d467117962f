// Tests of programs on a virtual kernel.

declare module "skep/test" {
	import type { AnyProgram } from "skep";
	import type { Tracepoints } from "skep/kernel";
	export function test(name: string, fn: () => void | Promise<void>): void;
	export function equal<T>(actual: T, expected: T): void;
	export interface Machine extends Disposable {
		/** Run a program once: xdp and tc by packet, tracepoints by fields, others by context. */
		packet(program: AnyProgram, bytes: Uint8Array): { readonly verdict: number; readonly bytes: Uint8Array };
		/** Raise an event: every program attached to it runs. */
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
		task(task: { pid: number; tid?: number; uid?: number; comm?: string; ppid?: number }): void;
		advance(nanoseconds: bigint): void;
		fill(map: unknown): void;
	}
	/** A fresh kernel with the module's handles bound to it until disposed. `skep test --kernel linux` runs the same by BPF_PROG_TEST_RUN where it can. */
	export function machine(
		module: object,
		options?: { options?: Record<string, unknown>; cpus?: number; kernel?: "5.15" | "6.1" | "6.18" },
	): Machine;
	interface Builder {
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
