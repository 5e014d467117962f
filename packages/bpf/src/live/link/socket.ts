import { NotSupportedError } from "#base";
import type { SocketOption } from "#kernel";
import type { Program } from "../program.ts";
import { refuseAttach } from "./bpf-link.ts";
import { Link } from "./link.ts";

/** What a socket takes, by the program's type: to attach, to detach. One row a type. */
const OPTIONS: Readonly<Record<string, readonly [on: SocketOption, off: SocketOption]>> = {
	socket_filter: ["SO_ATTACH_BPF", "SO_DETACH_BPF"],
	sk_reuseport: ["SO_ATTACH_REUSEPORT_EBPF", "SO_DETACH_REUSEPORT_BPF"],
};

/**
 * Attaches a program to a socket by setsockopt(2): of type socket_filter to decide what it gets, of type sk_reuseport to
 * choose among the sockets of its group. `socket` is the caller's descriptor. It stays as long as the socket.
 * @throws NotSupportedError for other types; PermissionError; SyscallError
 */
export function attachSocket(program: Program, socket: number): Link {
	const target = `socket ${socket}`;
	const options = OPTIONS[program.type];
	if (!options) {
		throw new NotSupportedError(
			`attaching ${program.name} to a socket`,
			`programs of type ${program.type} run on none`,
		);
	}
	const [on, off] = options;
	return Link.attach(program, target, (each) => {
		const { host } = each.kernel;
		if (!host) throw new NotSupportedError(target, `the ${each.kernel.name} kernel has no sockets`);
		const put = (who: Program) => {
			const result = host.setSocketProgram(socket, on, who.fd.number);
			if (result < 0) throw refuseAttach(who, target, -result, "setsockopt");
		};
		put(each);
		return {
			way: "setsockopt",
			fds: [],
			note: "attached by setsockopt, for as long as the socket is there",
			undo: () => void host.setSocketProgram(socket, off, -1),
			replace: put,
		};
	});
}
