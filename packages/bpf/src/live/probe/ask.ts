import { Btf, type BtfKind } from "#btf";
import { type Attributes, ERRNO, type Kernel, versionCode } from "#kernel";
import { ATTACH_TYPES, type AttachType, MAP_TYPES, PROG_FLAGS, PROGRAM_TYPES, type ProgramType } from "#uapi";
import { check } from "../refusal.ts";

/** `unknown`: a policy (lockdown, a security module) forbids the question itself, or it cannot be asked cheaply. */
export type ProbeAnswer = "yes" | "no" | "unknown";

/** What each kernel has answered. */
const answers = new WeakMap<Kernel, Map<string, ProbeAnswer>>();

/** Errnos of the moment: the answer is not kept. */
export const PASSING: ReadonlySet<number> = new Set([
	ERRNO.EINTR,
	ERRNO.EAGAIN,
	ERRNO.ENOMEM,
	ERRNO.ENFILE,
	ERRNO.EMFILE,
]);

export function remembered(kernel: Kernel, question: string, ask: () => ProbeAnswer): ProbeAnswer {
	let known = answers.get(kernel);
	if (!known) {
		// Who may not make a map may not ask anything: that is said, and never taken for "no".
		const map = kernel.bpf("MAP_CREATE", {
			map_type: MAP_TYPES.array.value,
			key_size: 4,
			value_size: 4,
			max_entries: 1,
		});
		kernel.close(check(kernel, map, "ask the kernel what it can do", "MAP_CREATE"));
		known = new Map();
		answers.set(kernel, known);
	}
	const before = known.get(question);
	if (before !== undefined) return before;
	const answer = ask();
	known.set(question, answer);
	return answer;
}

/** One slot of instructions, little-endian. */
export function slot(opcode: number, dst = 0, src = 0, offset = 0, imm = 0): number[] {
	return [
		opcode,
		(src << 4) | dst,
		offset & 255,
		(offset >> 8) & 255,
		imm & 255,
		(imm >> 8) & 255,
		(imm >> 16) & 255,
		imm >>> 24,
	];
}

/** `r0 = 0; exit`. */
export const RETURN_0: readonly number[] = [...slot(0xb7), ...slot(0x95)];

/** What a program type wants at load. */
export interface Loading {
	readonly attachType?: AttachType;
	readonly flags?: number;
	/** Names nothing that can be attached to: a kernel that has the type says so in its log. */
	readonly attachBtfId?: number;
	/** What means yes, besides success and a log. */
	readonly yes?: number;
	/** A target by which it really loads: name and kind in the kernel's BTF. */
	readonly target?: readonly [name: string, kind: "typedef" | "func"];
}

/** What program types want at load. One row a type; the others want nothing. */
// biome-ignore format: table
export const LOADING: Readonly<Partial<Record<ProgramType, Loading>>> = {
	cgroup_sock_addr: { attachType: "cgroup_inet4_connect" },
	cgroup_sockopt: { attachType: "cgroup_getsockopt" },
	cgroup_skb: { attachType: "cgroup_inet_egress" },
	flow_dissector: { attachType: "flow_dissector" },
	lirc_mode2: { attachType: "lirc_mode2" },
	sk_lookup: { attachType: "sk_lookup" },
	sk_reuseport: { attachType: "sk_reuseport_select" },
	netfilter: { attachType: "netfilter" },
	syscall: { flags: PROG_FLAGS.BPF_F_SLEEPABLE },
	tracing: { attachType: "trace_raw_tp", attachBtfId: 1, target: ["btf_trace_task_rename", "typedef"] },
	lsm: { attachType: "lsm_mac", attachBtfId: 1, target: ["bpf_lsm_file_open", "func"] },
	ext: { attachBtfId: 1 },
	struct_ops: { yes: ERRNO.ENOTSUPP },
};

export interface Loaded {
	/** Descriptor, or -errno. */
	readonly result: number;
	readonly log: string;
}

/** Loads a program, with a log. The descriptor is the caller's. */
export function load(
	kernel: Kernel,
	type: ProgramType,
	insns: readonly number[],
	more: Partial<Attributes["PROG_LOAD"]> = {},
): Loaded {
	const row: Loading = LOADING[type] ?? {};
	const log_buf = new Uint8Array(4096);
	const result = kernel.bpf("PROG_LOAD", {
		prog_type: PROGRAM_TYPES[type].value,
		insns: new Uint8Array(insns),
		license: "GPL",
		log_level: 1,
		log_buf,
		// Kernels before 5.0 compare it, for kprobes.
		kern_version: versionCode(kernel.release),
		...(row.attachType === undefined ? {} : { expected_attach_type: ATTACH_TYPES[row.attachType] }),
		...(row.flags === undefined ? {} : { prog_flags: row.flags }),
		...(row.attachBtfId === undefined ? {} : { attach_btf_id: row.attachBtfId }),
		...more,
	});
	return { result, log: new TextDecoder().decode(log_buf.subarray(0, Math.max(0, log_buf.indexOf(0)))) };
}

const types = new WeakMap<Kernel, Btf | null>();

/** The kernel's types; undefined: it shows none. Decoded once. */
export function kernelTypes(kernel: Kernel): Btf | undefined {
	let btf = types.get(kernel);
	if (btf === undefined) {
		const bytes = kernel.btf();
		btf = typeof bytes === "number" ? null : Btf.decode(bytes, { section: "vmlinux" });
		types.set(kernel, btf);
	}
	return btf ?? undefined;
}

/** Names what can be called at load time differently by attach type: what else programs of a type may hang on. */
const OTHERS: Readonly<
	Partial<Record<ProgramType, readonly (readonly [attachType: AttachType, name: string, flags?: number])[]>>
> = {
	tracing: [
		["trace_iter", "bpf_iter_task"],
		["trace_iter", "bpf_iter_task", PROG_FLAGS.BPF_F_SLEEPABLE],
		["trace_fexit", "bpf_fentry_test1"],
	],
};

/**
 * What programs of a type name at load so that they really load, one entry a way; types that want nothing have one empty entry.
 * None: the kernel has no such thing, or it is one that cannot be named without more.
 */
export function targetsOf(kernel: Kernel, type: ProgramType): readonly Partial<Attributes["PROG_LOAD"]>[] {
	if (type === "ext") return [];
	if (type === "struct_ops") return memberOf(kernel, "tcp_congestion_ops", "ssthresh");
	const target = LOADING[type]?.target;
	if (!target) return [{}];
	const ways: Partial<Attributes["PROG_LOAD"]>[] = [];
	const first = kernelId(kernel, ...target);
	if (first !== undefined) ways.push({ attach_btf_id: first });
	for (const [attachType, name, prog_flags = 0] of OTHERS[type] ?? []) {
		const attach_btf_id = kernelId(kernel, name, "func");
		if (attach_btf_id === undefined) continue;
		const way = { attach_btf_id, expected_attach_type: ATTACH_TYPES[attachType], prog_flags };
		if (remembered(kernel, `load ${attachType} ${prog_flags}`, () => loads(kernel, type, way)) === "yes")
			ways.push(way);
	}
	return ways;
}

function loads(kernel: Kernel, type: ProgramType, way: Partial<Attributes["PROG_LOAD"]>): ProbeAnswer {
	const { result } = load(kernel, type, RETURN_0, way);
	if (result >= 0) kernel.close(result);
	return result >= 0 ? "yes" : "no";
}

/** Whether a program that calls something is refused for that: by loading it in each way until one takes it. */
export function probeCall(kernel: Kernel, type: ProgramType, call: readonly number[], refused: RegExp): ProbeAnswer {
	let answer: ProbeAnswer = "unknown";
	for (const target of targetsOf(kernel, type)) {
		const { result, log } = load(kernel, type, [...call, ...RETURN_0], target);
		if (result >= 0) {
			kernel.close(result);
			return "yes";
		}
		if (log !== "" && !refused.test(log)) return "yes";
		// What a policy refuses says nothing.
		if (log !== "") answer = "no";
	}
	return answer;
}

/** A function pointer in a struct of the kernel's. */
function memberOf(kernel: Kernel, struct: string, member: string): Partial<Attributes["PROG_LOAD"]>[] {
	const attach_btf_id = kernelId(kernel, struct, "struct");
	const type = attach_btf_id === undefined ? undefined : kernelTypes(kernel)?.type(attach_btf_id);
	if (attach_btf_id === undefined || type?.kind !== "struct") return [];
	return [{ attach_btf_id, expected_attach_type: type.members.findIndex(({ name }) => name === member) }];
}

/** Id of a type of the kernel. */
export const kernelId = (kernel: Kernel, name: string, kind: BtfKind): number | undefined =>
	kernelTypes(kernel)?.find(name, kind);
