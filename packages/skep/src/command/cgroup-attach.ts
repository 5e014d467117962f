import { BpfError } from "@skep/bpf/base";
import { ERRNO, type Kernel } from "@skep/bpf/kernel";
import { type Fd, queryPrograms, refuse } from "@skep/bpf/live";
import { ATTACH_TYPES, type AttachType } from "@skep/bpf/uapi";
import type { Words } from "#cli";
import { CGROUP_HOOKS, infoOf, noCgroup, openCgroup, openOne, programType, takeSelector } from "#inspect";
import { type Desk, done, type Task } from "./desk.ts";

/** bpftool's older words for hooks. */
const OLDER: Readonly<Record<string, AttachType>> = {
	ingress: "cgroup_inet_ingress",
	egress: "cgroup_inet_egress",
	sock_create: "cgroup_inet_sock_create",
	sock_release: "cgroup_inet_sock_release",
	sock_ops: "cgroup_sock_ops",
	device: "cgroup_device",
	sysctl: "cgroup_sysctl",
	getsockopt: "cgroup_getsockopt",
	setsockopt: "cgroup_setsockopt",
	...Object.fromEntries(
		(["4", "6"] as const).flatMap((ip): [string, AttachType][] => [
			[`bind${ip}`, `cgroup_inet${ip}_bind`],
			[`post_bind${ip}`, `cgroup_inet${ip}_post_bind`],
			[`connect${ip}`, `cgroup_inet${ip}_connect`],
			[`getpeername${ip}`, `cgroup_inet${ip}_getpeername`],
			[`getsockname${ip}`, `cgroup_inet${ip}_getsockname`],
			[`sendmsg${ip}`, `cgroup_udp${ip}_sendmsg`],
			[`recvmsg${ip}`, `cgroup_udp${ip}_recvmsg`],
		]),
	),
};

const FLAGS: Readonly<Record<string, number>> = { override: 1, multi: 2 };

/** `attach CGROUP ATTACH_TYPE PROG [multi|override]`. */
export const attach: Task = (words, desk) =>
	at(words, desk, "attach", (cgroup, program, type, attach_flags) =>
		desk.kernel.bpf("PROG_ATTACH", {
			target_fd: cgroup.number,
			attach_bpf_fd: program.number,
			attach_type: ATTACH_TYPES[type],
			attach_flags,
		}),
	);

/** `detach CGROUP ATTACH_TYPE PROG`. */
export const detach: Task = (words, desk) =>
	at(words, desk, "detach", (cgroup, program, type) =>
		desk.kernel.bpf("PROG_DETACH", {
			target_fd: cgroup.number,
			attach_bpf_fd: program.number,
			attach_type: ATTACH_TYPES[type],
		}),
	);

type Work = (cgroup: Fd, program: Fd, type: AttachType, flags: number) => number;

function at(words: Words, desk: Desk, verb: "attach" | "detach", work: Work): number {
	const path = words.next("the cgroup's folder");
	const word = words.choice([...CGROUP_HOOKS, ...Object.keys(OLDER)], "attach type");
	const type = OLDER[word] ?? (word as AttachType);
	const selector = takeSelector("prog", words);
	let flags = 0;
	while (verb === "attach" && !words.empty) flags |= FLAGS[words.oneOf(["multi", "override"], "attach flag")]!;
	words.end();
	const { kernel } = desk;
	using cgroup = openCgroup(kernel, path);
	using program = openOne(kernel, "prog", selector);
	const result = work(cgroup, program, type, flags);
	if (result === -ERRNO.ENOENT) throw new BpfError("ENOENT", `${program.what} is not attached to ${path} (${type})`);
	if (result === -ERRNO.EBADF) throw noCgroup(path);
	const what = `${verb} ${program.what} (${type}) ${verb === "attach" ? "to" : "from"} ${path}`;
	if (result === -ERRNO.EINVAL && verb === "attach") tellMisfit(kernel, program, cgroup, type, what);
	if (result === -ERRNO.EPERM && verb === "attach") tellTerms(kernel, cgroup, path, type, what);
	if (result < 0) {
		const command = verb === "attach" ? "PROG_ATTACH" : "PROG_DETACH";
		throw refuse(kernel, { syscall: "bpf", command, errno: -result, what });
	}
	return done(desk);
}

/** @throws BpfError where the program is there already, or is of another type than the hook takes */
function tellMisfit(kernel: Kernel, program: Fd, cgroup: Fd, type: AttachType, what: string): void {
	const { id, type: number } = infoOf(kernel, "prog", program.number);
	const own = programType(number);
	if (own !== "lsm" && !String(own).startsWith("cgroup_") && own !== "sock_ops")
		throw new BpfError("EINVAL", `cannot ${what}: programs of type ${own} do not hang on cgroups`);
	const there = queryPrograms(kernel, { fd: cgroup.number }, type).programs.some((each) => each.id === id);
	if (there) throw new BpfError("EEXIST", `cannot ${what}: it is there already`);
	throw new BpfError(
		"EINVAL",
		`cannot ${what}: a program of type ${own} does not fit this hook, or was loaded for another one`,
	);
}

/**
 * EPERM is also what the kernel says where programs are on other terms than those asked for: that is a state, not a privilege.
 * @throws BpfError where it is so
 */
function tellTerms(kernel: Kernel, cgroup: Fd, path: string, type: AttachType, what: string): void {
	const target = { fd: cgroup.number };
	const own = queryPrograms(kernel, target, type);
	const list = (programs: readonly { readonly id: number }[]) => programs.map(({ id }) => id).join(", ");
	if (own.programs.length > 0) {
		const terms = Object.entries(FLAGS).find(([, flag]) => flag === own.flags)?.[0];
		const next = terms === undefined ? "alone: detach it first" : `as ${terms}: say ${terms} too, or detach them first`;
		throw new BpfError("EPERM", `cannot ${what}: program ${list(own.programs)} hangs at ${path} ${next}`);
	}
	const above = queryPrograms(kernel, target, type, { effective: true }).programs;
	if (above.length > 0)
		throw new BpfError(
			"EPERM",
			`cannot ${what}: program ${list(above)} of a cgroup above it shares with nobody: skep cgroup tree`,
		);
}
