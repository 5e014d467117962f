import { NotSupportedError } from "#base";
import { ERRNO, type Kernel, type ProgInfo, type ProgLoad } from "#kernel";
import type { LineInfo } from "#spec";
import { ATTACH_TYPES, type AttachType, MAP_FLAGS, PROGRAM_TYPES, type ProgramType } from "#uapi";
import { Fd } from "./fd.ts";
import { objectName } from "./name.ts";
import { openPin, pin } from "./pins.ts";
import { check, refuseProgram } from "./refusal.ts";
import { type TestRunInput, type TestRunResult, testRun } from "./test-run.ts";

/** What PROG_LOAD is asked. */
export interface ProgramBlueprint {
	readonly name: string;
	readonly type: ProgramType;
	readonly attachType?: AttachType | undefined;
	/** Slots of 8 bytes with every reference patched. */
	readonly insns: Uint8Array;
	readonly license: string;
	/** BPF_F_SLEEPABLE … */
	readonly flags?: number;
	readonly kernelVersion?: number;
	/** BTF with the functions and lines of the program, as records of `bpf_func_info` and `bpf_line_info`. */
	readonly btf?: ProgramBtf | undefined;
	/** Id in the kernel's BTF (or in the module's or program's) of what the program attaches to. */
	readonly attachBtfId?: number | undefined;
	/** struct_ops: index of the member that the program implements, instead of an attach type. */
	readonly memberIndex?: number | undefined;
	readonly attachProgFd?: number | undefined;
	readonly attachBtfFd?: number | undefined;
	readonly fdArray?: Uint8Array | undefined;
	/** CMS over `insns`, checked against the keys of a keyring; `fdArray` then names all maps. Linux ≥ 6.18 */
	readonly signature?: { readonly bytes: Uint8Array; readonly keyring: number } | undefined;
	/** A token (`createToken`) by which a process in a user namespace may load it. */
	readonly token?: Fd | undefined;
	/** The network device that it is made for: offloaded to it, or bound to it by BPF_F_XDP_DEV_BOUND_ONLY. */
	readonly ifindex?: number | undefined;
	/** For source positions in errors. */
	readonly lines?: readonly LineInfo[] | undefined;
	/** 0: a log only when the load fails. 1, 2, 4 as the kernel means them: `log` holds it then. */
	readonly logLevel?: number | undefined;
}

export interface ProgramBtf {
	readonly fd: number;
	/** Records of `funcRecordSize` bytes (8). */
	readonly funcInfo: Uint8Array;
	readonly funcRecordSize: number;
	/** Records of `lineRecordSize` bytes (16). */
	readonly lineInfo: Uint8Array;
	readonly lineRecordSize: number;
}

/** How often a program ran and for how long, as far as statistics were enabled. */
export interface ProgramStats {
	readonly runs: bigint;
	readonly nanoseconds: bigint;
	/** Runs that the kernel skipped because the program was running on that CPU already. */
	readonly missed: bigint;
}

const TYPE_NAMES: ReadonlyMap<number, ProgramType> = new Map(
	Object.entries(PROGRAM_TYPES).map(([name, row]) => [row.value as number, name as ProgramType]),
);
const FIRST_LOG = 256 * 1024;
/** What one text can hold: V8 makes none of 2^29 characters. The kernel takes twice as much. */
const LAST_LOG = 0x1fff_ff00;
const UTF8 = new TextDecoder();

/** A loaded program. Loading verifies it; nothing runs before it is attached or test-run. */
export class Program implements Disposable {
	readonly kernel: Kernel;
	readonly fd: Fd;
	readonly name: string;
	readonly type: ProgramType;
	readonly attachType: AttachType | undefined;
	/** The verifier's log, where `logLevel` asked for it. */
	readonly log: string;

	private constructor(
		fd: Fd,
		program: { name: string; type: ProgramType; attachType?: AttachType | undefined },
		log: string,
	) {
		this.kernel = fd.kernel;
		this.fd = fd;
		this.name = program.name;
		this.type = program.type;
		this.attachType = program.attachType;
		this.log = log;
	}

	/** @throws VerifierError with the whole log, PermissionError, SyscallError */
	static load(kernel: Kernel, program: ProgramBlueprint): Program {
		const attr = attributes(program);
		const level = program.logLevel ?? 0;
		const first = level === 0 ? { result: kernel.bpf("PROG_LOAD", attr), log: "" } : loadWithLog(kernel, attr, level);
		if (first.result >= 0)
			return new Program(new Fd(kernel, first.result, `program ${program.name}`), program, first.log);
		// The verifier speaks only when asked: load again with a log. Without the privilege it has nothing to say.
		const again = level === 0 ? loadWithLog(kernel, attr, 1) : first;
		if (again.result >= 0) return new Program(new Fd(kernel, again.result, `program ${program.name}`), program, "");
		throw refuseProgram(kernel, {
			name: program.name,
			errno: -again.result,
			log: again.log,
			lines: program.lines,
			type: program.type,
			attachType: program.attachType,
			flags: program.flags,
			trampoline: needsTrampoline(program),
			signed: program.signature !== undefined,
		});
	}

	/** Takes ownership of a program's descriptor, also where it throws, and asks the kernel what it is. */
	static fromFd(kernel: Kernel, number: number): Program {
		return Fd.adopt(kernel, number, () => {
			const info = progInfo(kernel, number, `program fd ${number}`);
			const type = TYPE_NAMES.get(info.type);
			if (!type) throw new NotSupportedError(`program type ${info.type}`, "skep does not know it");
			return new Program(new Fd(kernel, number, `program ${info.name}`), { name: info.name, type }, "");
		});
	}

	static byId(kernel: Kernel, id: number): Program {
		const result = kernel.bpf("PROG_GET_FD_BY_ID", { id });
		return Program.fromFd(kernel, check(kernel, result, `open program ${id}`, "PROG_GET_FD_BY_ID"));
	}

	/** Opens a pinned program; undefined where nothing is pinned. @throws BpfError ERR_NO_BPFFS, ERR_PIN_KIND; PermissionError */
	static fromPin(kernel: Kernel, path: string): Program | undefined {
		const number = openPin(kernel, path, "prog");
		return number === undefined ? undefined : Program.fromFd(kernel, number);
	}

	/**
	 * Runs the program once, or `repeat` times, on made-up input. The kernel stops where a signal is pending, and the call
	 * is made anew: what a program leaves in maps may then come from more runs than were asked for. @throws SyscallError ENOTSUPP
	 * for types that cannot, with their name; NotSupportedError where the type takes no such input
	 */
	testRun(input: TestRunInput = {}): TestRunResult {
		return testRun(this, input);
	}

	/** Pins the program at `path` in a bpffs; its links are pinned apart. @throws BpfError ERR_NO_BPFFS, PermissionError, SyscallError */
	pin(path: string): void {
		pin(this.fd, path);
	}

	info(): ProgInfo {
		return progInfo(this.kernel, this.fd.number, `program ${this.name}`);
	}

	/** Ties a map to the program, which keeps it alive and shows up with it, though no instruction names it (Linux ≥ 5.10). */
	bindMap(map: { readonly fd: Fd; readonly name: string }): void {
		const result = this.kernel.bpf("PROG_BIND_MAP", { prog_fd: this.fd.number, map_fd: map.fd.number });
		check(this.kernel, result, `bind map ${map.name} to program ${this.name}`, "PROG_BIND_MAP");
	}

	/** Ids of the maps that it uses. */
	mapIds(): number[] {
		// Maps can be bound while one asks: room for a few more.
		const map_ids = new Uint8Array((this.info().nr_map_ids + 8) * 4);
		const { nr_map_ids } = progInfo(this.kernel, this.fd.number, `program ${this.name}`, { map_ids });
		const words = new DataView(map_ids.buffer);
		return Array.from({ length: Math.min(nr_map_ids, map_ids.length / 4) }, (_, i) => words.getUint32(i * 4, true));
	}

	/** Counts only while `enableStats` is held by someone. */
	stats(): ProgramStats {
		const info = this.info();
		return { runs: info.run_cnt, nanoseconds: info.run_time_ns, missed: info.recursion_misses };
	}

	close(): void {
		this.fd.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

/** Run-time statistics of all programs are counted while the returned descriptor is open. @throws PermissionError */
export function enableStats(kernel: Kernel): Fd {
	const result = kernel.bpf("ENABLE_STATS", { type: 0 });
	return new Fd(kernel, check(kernel, result, "enable run-time statistics", "ENABLE_STATS"), "statistics");
}

function attributes(program: ProgramBlueprint): ProgLoad {
	const btf = program.btf;
	return {
		prog_type: PROGRAM_TYPES[program.type].value,
		insns: program.insns,
		license: program.license,
		prog_flags: (program.flags ?? 0) | (program.token ? MAP_FLAGS.BPF_F_TOKEN_FD : 0),
		...(program.token ? { prog_token_fd: program.token.number } : {}),
		prog_name: objectName(program.name),
		kern_version: program.kernelVersion ?? 0,
		expected_attach_type:
			program.memberIndex ?? (program.attachType === undefined ? 0 : ATTACH_TYPES[program.attachType]),
		attach_btf_id: program.attachBtfId ?? 0,
		...(program.attachProgFd === undefined ? {} : { attach_prog_fd: program.attachProgFd }),
		...(program.attachBtfFd === undefined ? {} : { attach_btf_obj_fd: program.attachBtfFd }),
		...(program.fdArray === undefined ? {} : { fd_array: program.fdArray }),
		...(program.signature === undefined
			? {}
			: {
					signature: program.signature.bytes,
					keyring_id: program.signature.keyring,
					fd_array_cnt: (program.fdArray?.length ?? 0) / 4,
				}),
		...(program.ifindex === undefined ? {} : { prog_ifindex: program.ifindex }),
		...(btf === undefined
			? {}
			: {
					prog_btf_fd: btf.fd,
					func_info: btf.funcInfo,
					func_info_rec_size: btf.funcRecordSize,
					func_info_cnt: btf.funcInfo.length / btf.funcRecordSize,
					line_info: btf.lineInfo,
					line_info_rec_size: btf.lineRecordSize,
					line_info_cnt: btf.lineInfo.length / btf.lineRecordSize,
				}),
	};
}

/** Loads with a log buffer that grows until the whole log fits: nothing of it is ever cut. */
function loadWithLog(kernel: Kernel, attr: ProgLoad, level: number): { result: number; log: string } {
	for (let size = FIRST_LOG; ; ) {
		const buffer = new Uint8Array(size);
		const asked: ProgLoad = { ...attr, log_level: level, log_buf: buffer };
		const result = kernel.bpf("PROG_LOAD", asked);
		const whole = asked.log_true_size ?? 0;
		if (result === -ERRNO.ENOSPC && size < LAST_LOG) {
			size = Math.min(LAST_LOG, Math.max(whole + 4096, size * 4));
			continue;
		}
		const end = buffer.indexOf(0);
		return { result, log: UTF8.decode(buffer.subarray(0, end < 0 ? size : end)) };
	}
}

/** Program and attach types that the kernel can only run through a BPF trampoline. */
function needsTrampoline(program: ProgramBlueprint): boolean {
	if (program.type === "lsm" || program.type === "ext") return true;
	return program.type === "tracing" && program.attachType !== "trace_raw_tp" && program.attachType !== "trace_iter";
}

function progInfo(kernel: Kernel, number: number, what: string, info: Partial<ProgInfo> = {}): ProgInfo {
	const result = kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: number, kind: "prog", info });
	check(kernel, result, `ask about ${what}`, "OBJ_GET_INFO_BY_FD");
	return info as ProgInfo;
}
