import { BpfError, NotSupportedError } from "#base";
import { ERRNO, type Kernel } from "#kernel";
import { Fd } from "../fd.ts";
import { refuse } from "../refusal.ts";

/** A descriptor that is the caller's, or a path that is opened for the call. */
export type Container = number | string;

/**
 * Runs `use` with the descriptor of a cgroup, a network namespace or a device; what was opened for it is closed.
 * @throws BpfError ERR_NO_TARGET where nothing is there; PermissionError; SyscallError
 */
export function withContainer<T>(kernel: Kernel, what: string, container: Container, use: (fd: number) => T): T {
	if (typeof container === "number") return use(container);
	using fd = openContainer(kernel, what, container);
	return use(fd.number);
}

/** The same, kept open: the caller closes it. */
export function openContainer(kernel: Kernel, what: string, path: string): Fd {
	if (!kernel.places) throw new NotSupportedError(what, `the ${kernel.name} kernel has no such places`);
	const number = kernel.places.open(path);
	if (number === -ERRNO.ENOENT || number === -ERRNO.ENOTDIR)
		throw new BpfError("ERR_NO_TARGET", `there is no ${what} ${path}`);
	if (number < 0) throw refuse(kernel, { syscall: "open", errno: -number, what: `open ${what} ${path}` });
	return new Fd(kernel, number, `${what} ${path}`);
}
