import { type BpfError, NotSupportedError, PermissionError, SyscallError, VerifierError } from "#base";
import { type CommandName, type Diagnose, ERRNO, errnoName, type Kernel, type Refused, versionCode } from "#kernel";
import type { LineInfo } from "#spec";
import { type AttachType, attachTypeSince, helper, PROG_FLAGS, PROGRAM_TYPES, type ProgramType } from "#uapi";

const owners = new WeakMap<Kernel, Diagnose>();

/** From now on every EPERM of `kernel` is explained by `diagnose`, instead of by the kernel itself. */
export function explainWith(kernel: Kernel, diagnose: Diagnose): void {
	owners.set(kernel, diagnose);
}

/** What an errno means for a command, and what to do next. One row a case; the first that fits is said. */
interface Note {
	readonly errno: keyof typeof ERRNO;
	readonly command?: CommandName | "perf_event_open" | "mmap";
	readonly text: string;
}
// biome-ignore format: table
const NOTES: readonly Note[] = [
	{ errno: "E2BIG", command: "MAP_UPDATE_ELEM", text: "the map is full, or the key is beyond max_entries: create it with a larger size, or delete entries first" },
	{ errno: "E2BIG", command: "MAP_CREATE", text: "max_entries, key_size or value_size is larger than the kernel allows for this map type" },
	{ errno: "E2BIG", command: "PROG_LOAD", text: "the program has too many instructions, or an attribute is newer than this kernel" },
	{ errno: "E2BIG", text: "an argument is larger, or newer, than this kernel knows" },
	{ errno: "ENOENT", command: "perf_event_open", text: "this kernel has no such event" },
	{ errno: "ENOENT", command: "RAW_TRACEPOINT_OPEN", text: "this kernel has no such tracepoint" },
	{ errno: "ENOENT", command: "OBJ_GET", text: "nothing is pinned there" },
	{ errno: "EBUSY", command: "LINK_CREATE", text: "another program is attached there and does not share; detach it first (`ip link set dev DEV xdp off`, `bpftool link`)" },
	{ errno: "EEXIST", command: "LINK_CREATE", text: "a program is attached there in the other mode, or already; detach it first (`bpftool link`, `ip link show`)" },
	{ errno: "EOPNOTSUPP", command: "LINK_CREATE", text: "the device or the kernel lacks this way of attaching; for XDP try the generic mode" },
	{ errno: "E2BIG", command: "LINK_CREATE", text: "another program is attached there and does not share (network namespaces), or the attribute is newer than this kernel" },
	{ errno: "ESTALE", command: "LINK_CREATE", text: "the chain of programs has changed since the revision that was given" },
	{ errno: "ESRCH", command: "LINK_CREATE", text: "one of the functions is none that this kernel can probe, or there is no such process" },
	{ errno: "EADDRNOTAVAIL", command: "LINK_CREATE", text: "several functions of this kernel have one of the names: give addresses" },
	{ errno: "ENXIO", command: "LINK_CREATE", text: "the device is of another kind (netkit programs want a netkit device)" },
	{ errno: "ENODEV", command: "LINK_CREATE", text: "there is no such network device in this network namespace" },
	{ errno: "ENODEV", text: "there is no such network device in this network namespace" },
	{ errno: "EINVAL", command: "LINK_CREATE", text: "the device is gone (XDP), the program's type does not fit the target, or the attribute is newer than this kernel" },
	{ errno: "EINVAL", command: "MAP_CREATE", text: "type, sizes or flags do not fit each other, or this kernel lacks the map type" },
	{ errno: "EINVAL", command: "PROG_LOAD", text: "an attribute or the program type is newer than this kernel" },
	{ errno: "EINVAL", command: "PROG_TEST_RUN", text: "data or context do not fit the program type (packets have at least 14 bytes)" },
	{ errno: "ENOTSUPP", command: "PROG_TEST_RUN", text: "the kernel cannot test-run this program type" },
	{ errno: "EPERM", command: "MAP_UPDATE_ELEM", text: "the map is frozen or read-only for user space" },
	{ errno: "EPERM", command: "MAP_FREEZE", text: "the map is frozen already or read-only for user space (before Linux 6.4 also: CAP_BPF is missing)" },
	{ errno: "EBUSY", command: "MAP_FREEZE", text: "a writable mapping of the map exists: unmap it first" },
	{ errno: "ENOMEM", text: "out of memory, or the memory limit of the cgroup (or RLIMIT_MEMLOCK before 5.11) is reached" },
	{ errno: "EMFILE", text: "the process has too many open files: raise `ulimit -n`" },
	{ errno: "ENOSPC", text: "a buffer or a table is full" },
	{ errno: "EBADF", text: "the file descriptor is closed or of another kind" },
	{ errno: "EAGAIN", text: "interrupted by signals again and again" },
];

function note(command: Note["command"] | undefined, name: string): string {
	const row =
		NOTES.find((each) => each.errno === name && each.command === command) ??
		NOTES.find((each) => each.errno === name && !each.command);
	return row ? `: ${row.text}` : "";
}

/** The error for a negative result: PermissionError where a privilege is missing, else SyscallError; never "not supported" for EPERM. */
export function refuse(kernel: Kernel, refused: Refused): BpfError {
	const errno = Math.abs(refused.errno);
	const code = errnoName(errno);
	if (lacksPrivilege(refused, errno)) return denied(kernel, { ...refused, errno });
	const command = refused.command ?? (refused.syscall as Note["command"]);
	const call = refused.command ? `bpf(${refused.command})` : refused.syscall;
	return new SyscallError(
		refused.syscall,
		refused.command,
		errno,
		code,
		`cannot ${refused.what}: ${call} says ${code}${note(command, code)}`,
	);
}

/** EPERM of commands that work on what one already holds is a state (frozen, read-only), not a privilege. */
const STATEFUL: ReadonlySet<string> = new Set([
	"MAP_UPDATE_ELEM",
	"MAP_DELETE_ELEM",
	"MAP_LOOKUP_ELEM",
	"MAP_UPDATE_BATCH",
	"MAP_DELETE_BATCH",
	"MAP_FREEZE",
]);

function lacksPrivilege(refused: Refused, errno: number): boolean {
	if (errno === ERRNO.EPERM) return refused.syscall !== "mmap" && !STATEFUL.has(refused.command ?? "");
	return errno === ERRNO.EACCES && (refused.syscall === "perf_event_open" || refused.syscall === "tracefs");
}

function denied(kernel: Kernel, refused: Refused): PermissionError {
	const call = refused.command ? `bpf(${refused.command})` : refused.syscall;
	const diagnosis = (owners.get(kernel) ?? kernel.diagnose)?.(refused);
	const lines = diagnosis?.lines ?? [];
	const why = lines.length === 0 ? " a privilege is missing" : lines.map((line) => `\n  ${line}`).join("");
	return new PermissionError(
		`cannot ${refused.what}: ${call} says ${errnoName(refused.errno)}:${why}`,
		diagnosis?.missing ?? [],
	);
}

/** Throws what `refuse` makes of a negative result; passes others through. */
export function check(kernel: Kernel, result: number, what: string, command: CommandName): number {
	if (result < 0) throw refuse(kernel, { syscall: "bpf", command, errno: -result, what });
	return result;
}

/** So kernels refuse what they do not know. */
const UNKNOWN: ReadonlySet<number> = new Set([ERRNO.EINVAL, ERRNO.E2BIG]);

/** Throws where a refusal comes from a kernel that is older than what it was asked for. Distributions backport: without a refusal nothing is wrong. */
export function refuseTooNew(kernel: Kernel, result: number, what: string, feature: string, since: string): void {
	if (!UNKNOWN.has(-result) || versionCode(kernel.release) >= versionCode(since)) return;
	const reason = `cannot ${what}: the running kernel ${kernel.release} has none, it came with Linux ${since}`;
	throw new NotSupportedError(feature, reason, since);
}

/** The same for an attach type. */
export function refuseAttachType(kernel: Kernel, result: number, what: string, type: AttachType): void {
	refuseTooNew(kernel, result, what, `attach type ${type}`, attachTypeSince(type));
}

/** What PROG_LOAD was asked, as far as the error tells it. */
export interface RefusedProgram {
	readonly name: string;
	readonly errno: number;
	readonly log: string;
	readonly lines?: readonly LineInfo[] | undefined;
	readonly type: ProgramType;
	readonly attachType?: AttachType | undefined;
	readonly flags?: number | undefined;
	readonly trampoline: boolean;
	/** It carries a signature that the kernel was to check. */
	readonly signed?: boolean | undefined;
}

/** Why the kernel says no to a signature. One row an errno; `none`: this kernel checks no signatures. */
const SIGNATURE_NOTES: Readonly<Record<string, string>> = {
	ENOKEY: "no key of the keyring made the signature: add the certificate (keyctl padd asymmetric NAME @s < cert.der)",
	EKEYREJECTED: "the signature is not over these instructions: they were changed, or signed for another kernel",
	EKEYEXPIRED: "the key that made the signature is past its time",
	EKEYREVOKED: "the key that made the signature was revoked",
	EBADMSG: "the signature is malformed",
	EOPNOTSUPP: "this kernel was built without CONFIG_SYSTEM_DATA_VERIFICATION, so it checks no signatures",
	E2BIG: "this kernel checks no signatures: they came with Linux 6.18",
	EINVAL: "the keyring is none, or the program does not name its maps as signed programs must",
};

/** uprobe.s, uprobe.multi.s, usdt.s */
const SLEEPABLE_PROBES = versionCode("6.0");

/** The error for a failed PROG_LOAD. A log means the verifier spoke: VerifierError with the telling line and the source. */
export function refuseProgram(kernel: Kernel, program: RefusedProgram): BpfError {
	const errno = Math.abs(program.errno);
	// Interrupted by signals, its log ends where it was.
	const telling = errno === ERRNO.EAGAIN ? undefined : tellingLine(program.log);
	if (program.signed && (telling === undefined || telling.startsWith("signature verification failed"))) {
		const code = errnoName(errno);
		const text = SIGNATURE_NOTES[code];
		const what = `cannot load signed program ${program.name}: bpf(PROG_LOAD) says ${code}: ${text}`;
		if (text !== undefined) return new SyscallError("bpf", "PROG_LOAD", errno, code, what);
	}
	if (telling === undefined) {
		const what = `load program ${program.name}`;
		const { type: programType, attachType, trampoline } = program;
		refuseTooNew(kernel, -errno, what, `program type ${programType}`, PROGRAM_TYPES[programType].since);
		if (attachType) refuseAttachType(kernel, -errno, what, attachType);
		if ((program.flags ?? 0) & PROG_FLAGS.BPF_F_XDP_HAS_FRAGS)
			refuseTooNew(kernel, -errno, what, "XDP on packets in fragments (xdp.frags)", "5.18");
		return refuse(kernel, { syscall: "bpf", command: "PROG_LOAD", errno, what, programType, trampoline });
	}
	if (program.signed && telling?.startsWith("signed program "))
		return new NotSupportedError(
			`a signature that kernel ${kernel.release} checks for ${program.name}`,
			`it wants every map of a signed program to be covered by the signature, which the maps of ordinary programs cannot be (${telling}); check it in user space alone`,
		);
	if (program.type === "kprobe" && / can be sleepable/.test(telling) && versionCode(kernel.release) < SLEEPABLE_PROBES)
		return new NotSupportedError(
			`sleepable probe ${program.name}`,
			`the running kernel ${kernel.release} has none (${telling}), they came with Linux 6.0`,
			"6.0",
		);
	const insn = lastInstruction(program.log);
	const source = sourceOf(program.lines, insn) ?? lastSource(program.log);
	const where = source === undefined ? "" : ` (${source})`;
	// Numbers beyond the table are calls that a loader poisoned.
	const missing = helper(Number(/^invalid func unknown#(\d+)/.exec(telling)?.[1]));
	if (missing) {
		return new NotSupportedError(
			`helper bpf_${missing.name}`,
			`${program.name}${where} calls it and the running kernel ${kernel.release} has none; it came with Linux ${missing.since}`,
			missing.since,
		);
	}
	const detail: { log: string; insn?: number; source?: string } = { log: program.log };
	if (insn !== undefined) detail.insn = insn;
	if (source !== undefined) detail.source = source;
	return new VerifierError(program.name, `the kernel's verifier refused ${program.name}${where}: ${telling}`, detail);
}

/** Lines that only count or list states: never the reason. */
const CHATTER =
	/^(processed \d+ insns|verification time|stack depth|max_states|peak_states|mark_read|\d+: (\(|R\d|\.\.)|R\d+[_=]|from \d+ to \d+|; |func#|Validating |Func#|last_idx|regs=|mark_precise|parent |frame\d|propagating|cur state:|old state:|caller:|callee:|returning from callee|to caller at|arg#\d+ reference type|\s*$)/;

/** So many lines together may give the reason. */
const TELLING = 3;

/** The last line first: logs have up to half a gigabyte, and what matters stands at their end. */
function* linesFromEnd(log: string): Generator<string, void, undefined> {
	for (let end = log.length; end > 0; ) {
		const start = log.lastIndexOf("\n", end - 1) + 1;
		yield log.slice(start, end);
		end = start - 1;
	}
}

/** An instruction that jumps, after which the kernel goes on in the same line. */
const JUMP = /^(\d+: \([0-9a-f]{2}\) .*?goto pc[+-]\d+) (?! *;)/;

/** The lines of the log that give the reason: the last ones together that are neither instruction, state nor count. */
function tellingLine(log: string): string | undefined {
	const telling: string[] = [];
	for (const whole of linesFromEnd(log)) {
		for (const part of whole.replace(JUMP, "$1\n").split("\n").reverse()) {
			const line = part.trim();
			if (!CHATTER.test(line)) telling.unshift(line);
			else if (telling.length > 0) return telling.join("; ");
			if (telling.length === TELLING) return telling.join("; ");
		}
	}
	return telling.length > 0 ? telling.join("; ") : undefined;
}

/** What the first group of `pattern` has in the last line that fits. */
function lastMatch(log: string, pattern: RegExp): string | undefined {
	for (const line of linesFromEnd(log)) {
		const found = pattern.exec(line);
		if (found) return found[1];
	}
	return undefined;
}

/** Slot of the last instruction that the log lists: `12: (61) r1 = …`. */
function lastInstruction(log: string): number | undefined {
	const found = lastMatch(log, /^(\d+): \([0-9a-f]{2}\)/);
	return found === undefined ? undefined : Number(found);
}

/** `file.ts:5` of the last `; text @ file.ts:5` comment (kernel ≥ 6.11). */
function lastSource(log: string): string | undefined {
	return lastMatch(log, /^; .* @ (\S.*:\d+)\s*$/);
}

function sourceOf(lines: readonly LineInfo[] | undefined, insn: number | undefined): string | undefined {
	if (!lines || insn === undefined) return undefined;
	const line = lines.findLast((each) => each.slot <= insn);
	if (!line) return undefined;
	return line.column > 0 ? `${line.file}:${line.line}:${line.column}` : `${line.file}:${line.line}`;
}
