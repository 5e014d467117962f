import { ERRNO, type Kernel } from "#kernel";
import { ATTACH_TYPES, MAP_TYPES, PROGRAM_TYPES } from "#uapi";
import { refuse } from "../refusal.ts";
import { PASSING, RETURN_0, slot } from "./ask.ts";

/** What a probe sees: the kernel's answer to one small question. Negative: -errno. */
type Probe = (kernel: Kernel) => number;

interface FeatureRow {
	/** First mainline kernel; distributions backport, so ask `has`. */
	readonly since: string;
	readonly text: string;
	readonly probe: Probe;
	/** Errnos that mean yes, besides a result that is not negative. */
	readonly yes?: readonly number[];
}

function loads(type: keyof typeof PROGRAM_TYPES, insns: readonly number[]): Probe {
	return (kernel) =>
		kernel.bpf("PROG_LOAD", { prog_type: PROGRAM_TYPES[type].value, insns: new Uint8Array(insns), license: "GPL" });
}

function map(type: keyof typeof MAP_TYPES, keySize: number, valueSize: number, entries: number, flags = 0): Probe {
	return (kernel) =>
		kernel.bpf("MAP_CREATE", {
			map_type: MAP_TYPES[type].value,
			key_size: keySize,
			value_size: valueSize,
			max_entries: entries,
			map_flags: flags,
		});
}

/** A whole BTF: header, types, strings. `types` are 32-bit words. */
function btf(strings: string, types: readonly number[]): Uint8Array {
	const text = new TextEncoder().encode(`\0${strings}\0`);
	const bytes = new Uint8Array(24 + types.length * 4 + text.length);
	const view = new DataView(bytes.buffer);
	view.setUint16(0, 0xeb9f, true);
	view.setUint8(2, 1);
	const words = [24, 0, types.length * 4, types.length * 4, text.length, ...types];
	for (const [i, word] of words.entries()) view.setUint32(4 + i * 4, word >>> 0, true);
	bytes.set(text, 24 + types.length * 4);
	return bytes;
}
/** `int` of 4 bytes, named by the first string. */
const INT = [1, 1 << 24, 4, (1 << 24) | 32];
function btfLoads(strings: string, types: readonly number[]): Probe {
	return (kernel) => kernel.bpf("BTF_LOAD", { btf: btf(strings, types) });
}

const BAD_FD = 0x7fff_ffff;

/** Real questions to the running kernel, one row a feature. Every probe cleans up after itself. */
const FEATURES = {
	ringbuf: { since: "5.8", text: "ring buffer maps", probe: map("ringbuf", 0, 0, 4096) },
	mmapable: { since: "5.5", text: "arrays that can be mapped", probe: map("array", 4, 8, 1, 1 << 10) },
	perf_link: {
		since: "5.15",
		text: "bpf_link for perf events (tracepoint, kprobe, uprobe)",
		// Where the kernel knows the attach type it looks at the descriptors first.
		probe: (kernel: Kernel) =>
			withProgram(kernel, "tracepoint", (prog_fd) =>
				kernel.bpf("LINK_CREATE", { prog_fd, target_fd: BAD_FD, attach_type: ATTACH_TYPES.perf_event }),
			),
		yes: [ERRNO.EBADF],
	},
	attach_cookie: {
		since: "5.15",
		text: "cookies that programs get by bpf_get_attach_cookie",
		// return bpf_get_attach_cookie(ctx)
		probe: loads("tracepoint", [...slot(0x85, 0, 0, 0, 174), ...slot(0x95)]),
	},
	prog_name: {
		since: "4.15",
		text: "names of programs and maps",
		probe: (kernel: Kernel) =>
			kernel.bpf("PROG_LOAD", {
				prog_type: PROGRAM_TYPES.socket_filter.value,
				insns: new Uint8Array(RETURN_0),
				license: "GPL",
				prog_name: "probe",
			}),
	},
	bounded_loops: {
		since: "5.3",
		text: "loops with a bound that the verifier finds",
		// r0 = 0; do r0 += 1 while r0 < 3; return r0
		probe: loads("socket_filter", [
			...slot(0xb7),
			...slot(0x07, 0, 0, 0, 1),
			...slot(0xa5, 0, 0, -2, 3),
			...slot(0x95),
		]),
	},
	jmp32: {
		since: "5.1",
		text: "32-bit jumps",
		probe: loads("socket_filter", [...slot(0xb7), ...slot(0x16, 0, 0, 0, 0), ...slot(0x95)]),
	},
	cpu_v2: {
		since: "4.14",
		text: "instructions of cpu v2 (jumps by less than)",
		// r0 = 0; if r0 < 1 goto +0
		probe: loads("socket_filter", [...slot(0xb7), ...slot(0xa5, 0, 0, 0, 1), ...slot(0x95)]),
	},
	large_programs: {
		since: "5.2",
		text: "programs of more than 4096 instructions",
		probe: loads("socket_filter", [...Array.from({ length: 4096 }, () => slot(0xb7)).flat(), ...slot(0x95)]),
	},
	atomics: {
		since: "5.12",
		text: "atomic fetch, exchange and compare",
		// *(u64 *)(r10 - 8) = 0; r0 = 1; r0 = atomic_fetch_add(r10 - 8, r0); return 0
		probe: loads("socket_filter", [
			...slot(0x7a, 10, 0, -8, 0),
			...slot(0xb7, 0, 0, 0, 1),
			...slot(0xdb, 10, 0, -8, 1),
			...RETURN_0,
		]),
	},
	cpu_v4: {
		since: "6.6",
		text: "instructions of cpu v4 (signed division, sign-extending moves)",
		probe: loads("socket_filter", [...slot(0xb7, 1, 0, 0, 4), ...slot(0xbf, 0, 1, 8, 0), ...RETURN_0]),
	},
	btf_func: { since: "5.0", text: "functions in BTF", probe: btfLoads("f", [...INT, 0, 13 << 24, 1, 1, 12 << 24, 2]) },
	btf_global_func: {
		since: "5.6",
		text: "global functions in BTF",
		probe: btfLoads("f", [...INT, 0, 13 << 24, 1, 1, (12 << 24) | 1, 2]),
	},
	btf_datasec: {
		since: "5.2",
		text: "variables and sections in BTF",
		probe: btfLoads("i", [...INT, 1, 14 << 24, 1, 1, 1, (15 << 24) | 1, 4, 2, 0, 4]),
	},
	btf_float: { since: "5.13", text: "floating point in BTF", probe: btfLoads("f", [1, 16 << 24, 4]) },
	btf_decl_tag: {
		since: "5.16",
		text: "declaration tags in BTF",
		probe: btfLoads("i", [...INT, 1, 14 << 24, 1, 1, 1, 17 << 24, 2, 0xffff_ffff]),
	},
	btf_type_tag: {
		since: "5.17",
		text: "type tags in BTF",
		probe: btfLoads("i", [...INT, 1, 18 << 24, 1, 0, 2 << 24, 2]),
	},
	btf_enum64: { since: "6.0", text: "64-bit enums in BTF", probe: btfLoads("e", [1, (19 << 24) | 1, 8, 1, 0, 0]) },
	tp_btf: {
		since: "5.5",
		text: "typed tracepoints (tp_btf), and the kernel's own BTF that they need",
		// Type 1 is no tracepoint: a kernel that can look it up says so in its log.
		probe: (kernel: Kernel) => {
			const log_buf = new Uint8Array(4096);
			const result = kernel.bpf("PROG_LOAD", {
				prog_type: PROGRAM_TYPES.tracing.value,
				expected_attach_type: ATTACH_TYPES.trace_raw_tp,
				attach_btf_id: 1,
				insns: new Uint8Array(RETURN_0),
				license: "GPL",
				log_level: 1,
				log_buf,
			});
			const text = new TextDecoder().decode(log_buf.subarray(0, Math.max(0, log_buf.indexOf(0))));
			return text.includes("attach_btf_id 1") ? 0 : result;
		},
	},
	map_batch: {
		since: "5.6",
		text: "batch operations on maps",
		probe: (kernel: Kernel) => {
			const map_fd = map("array", 4, 4, 1)(kernel);
			if (map_fd < 0) return map_fd;
			const four = () => new Uint8Array(4);
			const result = kernel.bpf("MAP_LOOKUP_BATCH", {
				map_fd,
				out_batch: four(),
				keys: four(),
				values: four(),
				count: 1,
			});
			kernel.close(map_fd);
			return result;
		},
		yes: [ERRNO.ENOENT],
	},
	run_time_stats: {
		since: "5.8",
		text: "run-time statistics by BPF_ENABLE_STATS",
		probe: (kernel: Kernel) => kernel.bpf("ENABLE_STATS", { type: 0 }),
	},
} as const satisfies Readonly<Record<string, FeatureRow>>;

/** Names of what `has` can be asked. */
export type Feature = keyof typeof FEATURES;

/** Name, first mainline kernel and meaning of every feature. */
export const FEATURE_TABLE: readonly { readonly name: Feature; readonly since: string; readonly text: string }[] = (
	Object.keys(FEATURES) as Feature[]
).map((name) => ({ name, since: FEATURES[name].since, text: FEATURES[name].text }));

function withProgram(kernel: Kernel, type: keyof typeof PROGRAM_TYPES, use: (fd: number) => number): number {
	const fd = loads(type, RETURN_0)(kernel);
	if (fd < 0) return fd;
	const result = use(fd);
	kernel.close(fd);
	return result;
}

const answers = new WeakMap<Kernel, Map<Feature, boolean>>();

/**
 * Whether the running kernel can do it: asked once by really doing it, then remembered.
 * @throws PermissionError where the question may not even be asked: a missing privilege is never "not supported"
 */
export function has(kernel: Kernel, feature: Feature): boolean {
	let known = answers.get(kernel);
	if (!known) {
		known = new Map();
		answers.set(kernel, known);
	}
	const before = known.get(feature);
	if (before !== undefined) return before;
	const row: FeatureRow = FEATURES[feature];
	const result = row.probe(kernel);
	if (result === -ERRNO.EPERM || PASSING.has(-result)) {
		throw refuse(kernel, { syscall: "bpf", command: "PROG_LOAD", errno: -result, what: `probe for ${row.text}` });
	}
	const answer = result >= 0 || (row.yes?.includes(-result) ?? false);
	// Descriptors that the probe made: results of LINK_CREATE and batches are refused or 0 by construction.
	if (result > 0) kernel.close(result);
	known.set(feature, answer);
	return answer;
}
