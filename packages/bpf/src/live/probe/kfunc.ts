import type { Kernel } from "#kernel";
import { PROG_FLAGS, PROGRAM_TYPES, type ProgramType } from "#uapi";
import { kernelId, kernelTypes, type ProbeAnswer, probeCall, remembered, slot } from "./ask.ts";
import { probeProgramType } from "./program.ts";

/** Families of kfuncs by the beginnings of their names, for kernels whose types do not tag them (before 6.10). */
const FAMILIES =
	/^(bpf_(task|cgroup|cpumask|rcu|obj|list|rbtree|percpu|refcount|dynptr|iter|ct|skb_ct|xdp_ct|xdp_metadata|xdp_get_xfrm|skb_get|skb_set|cast|rdonly|map_sum|lookup|key|verify|get_(dentry|file|fsverity|task)|path|sock|crypto|wq|preempt|local_irq|arena|session|modify|res_spin|copy_from|strc|strn|strs|send_signal|real_data|kfunc)_|bbr_|dctcp_|cubictcp_|tcp_(reno|slow|cong)_|cgroup_rstat_|css_rstat_|bpf_throw$|crash_kexec|hid_bpf_|scx_bpf_)/;

interface Named {
	readonly names: readonly string[];
	/** The types tag them. */
	readonly tagged: boolean;
}

const found = new WeakMap<Kernel, Named>();

function kfuncsOf(kernel: Kernel): Named {
	let known = found.get(kernel);
	if (!known) {
		known = findNames(kernel);
		found.set(kernel, known);
	}
	return known;
}

/**
 * Names of functions of the kernel itself that programs may call. Sorted. Empty: it shows no types, or has none. Where its types
 * do not tag them: names that begin as kfuncs' do, some of which are none, and not all that are some.
 */
export const kfuncNames = (kernel: Kernel): readonly string[] => kfuncsOf(kernel).names;

/** Whether the kernel's types tag kfuncs (since 6.10, with a pahole that knows them), so that `kfuncNames` are right. */
export const kfuncsAreTagged = (kernel: Kernel): boolean => kfuncsOf(kernel).tagged;

function findNames(kernel: Kernel): Named {
	const btf = kernelTypes(kernel);
	if (!btf) return { names: [], tagged: false };
	const tagged = new Set<string>();
	const fitting = new Set<string>();
	for (let id = 1; id <= btf.count; id++) {
		const type = btf.type(id);
		if (type.kind === "decl_tag" && type.name === "bpf_kfunc") tagged.add(btf.name(type.type));
		else if (type.kind === "func" && FAMILIES.test(type.name)) fitting.add(type.name);
	}
	return { names: [...(tagged.size > 0 ? tagged : fitting)].sort(), tagged: tagged.size > 0 };
}

/** What verifiers say of a function that a program type may not call, or that is none. */
const NO_KFUNC =
	/calling kernel function .* is not allowed|is not a kernel function|is not a function|does not support calling kernel function|unknown opcode|BPF_CALL uses reserved fields|invalid func|calling invalid kernel function/;

/**
 * Whether programs of a type may call a kfunc of the kernel itself: by loading one that does, with nothing in its registers, and
 * hearing what the verifier minds. @throws PermissionError
 */
export function probeKfunc(kernel: Kernel, type: ProgramType, name: string): ProbeAnswer {
	const loadable = probeProgramType(kernel, type);
	if (loadable !== "yes") return loadable;
	return remembered(kernel, `kfunc ${type} ${name}`, () => {
		const id = kernelId(kernel, name, "func");
		if (id === undefined) return "no";
		return probeCall(kernel, type, slot(0x85, 0, 2, 0, id), NO_KFUNC);
	});
}

/** What the trial returns where it ran. */
const RAN = 7;

/**
 * Whether programs really call kfuncs: one takes and gives back the RCU read lock, and is run. `unknown` where there is none to call.
 * @throws PermissionError
 */
export function callKfunc(kernel: Kernel): ProbeAnswer {
	return remembered(kernel, "call of a kfunc", () => {
		const [lock, unlock] = ["bpf_rcu_read_lock", "bpf_rcu_read_unlock"].map((name) => kernelId(kernel, name, "func"));
		if (lock === undefined || unlock === undefined) return "unknown";
		const result = kernel.bpf("PROG_LOAD", {
			prog_type: PROGRAM_TYPES.syscall.value,
			prog_flags: PROG_FLAGS.BPF_F_SLEEPABLE,
			license: "GPL",
			insns: new Uint8Array([
				...slot(0x85, 0, 2, 0, lock),
				...slot(0x85, 0, 2, 0, unlock),
				...slot(0xb7, 0, 0, 0, RAN),
				...slot(0x95),
			]),
		});
		if (result < 0) return "no";
		const run: { readonly prog_fd: number; retval?: number } = { prog_fd: result };
		const ran = kernel.bpf("PROG_TEST_RUN", run);
		kernel.close(result);
		return ran >= 0 && run.retval === RAN ? "yes" : "no";
	});
}
