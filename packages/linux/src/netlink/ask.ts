import type { FilterReply, NetworkRequest, TrialDevice } from "@skep/bpf/kernel";
import { addressOf, syscall, syscallNumbers } from "#sys";
import { messagesOf } from "./message.ts";
import { encodeDevice, encodeRequest, encodeUp, filterReply } from "./request.ts";

const NR = syscallNumbers(process.arch);
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2_000_000;
const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const ROOM = 16 * 1024;

/** Sends a request and waits for the kernel, which answers at once. A filter's answer says what was chosen for it. */
export function ask(request: NetworkRequest): FilterReply | number {
	const message = encodeRequest(request);
	return typeof message === "number" ? message : send(message);
}

/** Makes a network device in the namespace that the thread is in. 0, or -errno. */
export function makeDevice(type: TrialDevice, name: string): number {
	const result = send(encodeDevice(type, name));
	return typeof result === "number" ? result : 0;
}

/** Brings a network device up. 0, or -errno. */
export function bringUp(ifindex: number): number {
	const result = send(encodeUp(ifindex));
	return typeof result === "number" ? result : 0;
}

function send(message: Uint8Array): FilterReply | number {
	// A socket of its own for each: it belongs to the network namespace that the thread is in now.
	const socket = syscall(NR.socket, AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
	if (socket < 0) return socket;
	try {
		const sent = syscall(NR.sendto, socket, addressOf(message), message.length);
		// The message is read after the call, so that it is not collected while only its address is known.
		if (sent < 0 || message.length === 0) return sent;
		return answer(socket);
	} finally {
		syscall(NR.close, socket);
	}
}

function answer(socket: number): FilterReply | number {
	const bytes = new Uint8Array(ROOM);
	let chosen: FilterReply | undefined;
	for (;;) {
		const length = syscall(NR.recvfrom, socket, addressOf(bytes), bytes.length);
		if (length < 0) return length;
		for (const received of messagesOf(bytes.subarray(0, length))) {
			chosen ??= filterReply(received);
			if (received.type !== NLMSG_ERROR) continue;
			const error = received.payload.getInt32(0, true);
			return error === 0 ? (chosen ?? 0) : error;
		}
	}
}
