import { NotSupportedError } from "#base";
import { ERRNO, type Kernel, type ProgTestRun } from "#kernel";
import { type AttachType, type ProgramType, TEST_FLAGS } from "#uapi";
import type { Fd } from "./fd.ts";
import { check } from "./refusal.ts";

/** What BPF_PROG_TEST_RUN gives a program of a type. */
export interface TestRunKind {
	/** Takes a packet, at least 14 bytes. */
	readonly packet: boolean;
	/** What its context is called; absent: it takes none. */
	readonly context?: string;
	/** The kernel hands the context back: in a buffer of its own, or in the one that it came in. */
	readonly back?: "own" | "same";
	/** Can run more than once a call. */
	readonly repeat: boolean;
	/** Mainline kernel that brought it. */
	readonly since: string;
	/** What the data that come back are, where they are not the packet. */
	readonly gives?: string;
}

const SKB = { packet: true, context: "__sk_buff", back: "own", repeat: true, since: "4.12" } as const;

/** Program types that can be test-run. One row a type; all others say ENOTSUPP. */
// biome-ignore format: table
export const TEST_RUNS: Readonly<Partial<Record<ProgramType, TestRunKind>>> = {
	socket_filter: SKB,
	sched_cls: SKB,
	sched_act: SKB,
	cgroup_skb: SKB,
	lwt_in: SKB,
	lwt_out: SKB,
	lwt_xmit: SKB,
	xdp: { packet: true, context: "xdp_md", back: "own", repeat: true, since: "4.12" },
	flow_dissector: { packet: true, context: "bpf_flow_keys (flags)", repeat: true, since: "5.1", gives: "bpf_flow_keys" },
	netfilter: { packet: true, context: "nf_hook_state", repeat: true, since: "6.4" },
	raw_tracepoint: { packet: false, context: "arguments of 64 bits", repeat: false, since: "5.10" },
	tracing: { packet: false, context: "arguments of 64 bits", repeat: false, since: "5.5" },
	sk_lookup: { packet: false, context: "bpf_sk_lookup", back: "own", repeat: true, since: "5.13" },
	syscall: { packet: false, context: "any bytes", back: "same", repeat: false, since: "5.14" },
};

export interface TestRunInput {
	/** Packet; at least 14 bytes. */
	readonly data?: Uint8Array;
	/** The context struct: `skBuff`, `xdpMd`, `skLookup` make them; the arguments of a raw tracepoint, 64 bits each. */
	readonly ctx?: Uint8Array;
	/** How often; default 1, 0 for types that take none. */
	readonly repeat?: number;
	/** BPF_F_TEST_… besides those that the members below stand for. */
	readonly flags?: number;
	/** Raw tracepoints: the CPU on which it runs. Default: wherever. */
	readonly cpu?: number;
	/**
	 * XDP: what the program decides is done with the packets, which really go out, up or elsewhere; nothing comes back. A number:
	 * packets a batch (1 … 256).
	 */
	readonly live?: boolean | number;
	/** Skb types: the packet counts as one whose checksum the device has computed (Linux ≥ 6.11). */
	readonly checksumComplete?: boolean;
}

export interface TestRunResult {
	/** Signed or not as the program means it: 32 bits, unsigned. */
	readonly retval: number;
	/** The packet as the program left it; of a flow dissector the keys that it found. */
	readonly data: Uint8Array<ArrayBuffer>;
	/** The context as it came back; empty where the kernel gives none back. */
	readonly ctx: Uint8Array<ArrayBuffer>;
	/** Mean nanoseconds of one run. */
	readonly duration: number;
}

/** A program to run. */
export interface TestRunProgram {
	readonly kernel: Kernel;
	readonly fd: Fd;
	readonly name: string;
	readonly type: ProgramType;
	readonly attachType: AttachType | undefined;
}

/** A packet may grow by so much: headroom, `adjust_head`, `change_tail` by little. More is asked for where it is needed. */
const GROWTH = 512;
/** `struct bpf_flow_keys`. */
const FLOW_KEYS = 56;

/** Runs a program once. @throws what `Program.testRun` says */
export function testRun(program: TestRunProgram, input: TestRunInput): TestRunResult {
	const { kernel, name, type } = program;
	const kind = TEST_RUNS[type];
	if (input.live !== undefined && type !== "xdp") {
		throw new NotSupportedError(`live frames for program ${name} (${type})`, "only XDP programs get them");
	}
	const live = input.live !== undefined && input.live !== false;
	const ctxOut = input.ctx && kind?.back === "own" && !live ? new Uint8Array(input.ctx.length) : undefined;
	// What the kernel writes back into the caller's bytes goes into a copy of them.
	const ctxIn = kind?.back === "same" && input.ctx ? new Uint8Array(input.ctx) : input.ctx;
	let flags = input.flags ?? 0;
	if (live) flags |= TEST_FLAGS.BPF_F_TEST_XDP_LIVE_FRAMES;
	if (input.checksumComplete) flags |= TEST_FLAGS.BPF_F_TEST_SKB_CHECKSUM_COMPLETE;
	if (input.cpu !== undefined) flags |= TEST_FLAGS.BPF_F_TEST_RUN_ON_CPU;
	const packet = kind?.packet === false ? undefined : input.data;
	for (let room = (input.data?.length ?? 0) + GROWTH; ; ) {
		const dataOut = packet && !live ? new Uint8Array(Math.max(room, FLOW_KEYS)) : undefined;
		const attr: ProgTestRun = {
			prog_fd: program.fd.number,
			data_in: input.data,
			data_out: dataOut,
			ctx_in: ctxIn,
			ctx_out: ctxOut,
			repeat: input.repeat ?? (packet ? 1 : 0),
			flags,
			cpu: input.cpu ?? 0,
			...(typeof input.live === "number" ? { batch_size: input.live } : {}),
		};
		const result = kernel.bpf("PROG_TEST_RUN", attr);
		// The program ran, but its packet has become longer than the room for it.
		if (result === -ERRNO.ENOSPC && dataOut && (attr.data_size_out ?? 0) > room) {
			room = attr.data_size_out!;
			continue;
		}
		check(kernel, result, `test-run program ${name} (${type})`, "PROG_TEST_RUN");
		return {
			retval: attr.retval ?? 0,
			data: (dataOut ?? new Uint8Array(0)).slice(0, attr.data_size_out ?? 0),
			ctx:
				kind?.back === "same"
					? new Uint8Array(ctxIn ?? [])
					: (ctxOut ?? new Uint8Array(0)).slice(0, attr.ctx_size_out ?? 0),
			duration: attr.duration ?? 0,
		};
	}
}
