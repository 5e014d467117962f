import type { Kernel } from "#kernel";
import { Fd } from "./fd.ts";
import { check } from "./refusal.ts";

/**
 * A token of a bpffs that was mounted with delegation (`delegate_cmds=…`, Linux ≥ 6.9), with which a process in a user namespace
 * may do what was delegated. `bpffsFd`: a descriptor of its root folder, opened for reading (not O_PATH).
 * @throws PermissionError; SyscallError EOPNOTSUPP in the first user namespace, ENOENT where nothing is delegated
 */
export function createToken(kernel: Kernel, bpffsFd: number): Fd {
	const result = kernel.bpf("TOKEN_CREATE", { bpffs_fd: bpffsFd });
	return new Fd(kernel, check(kernel, result, "create a BPF token", "TOKEN_CREATE"), "token");
}
