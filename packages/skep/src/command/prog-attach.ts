import { BpfError } from "@skep/bpf/base";
import type { Kernel } from "@skep/bpf/kernel";
import { type Fd, refuse } from "@skep/bpf/live";
import { ATTACH_TYPES, type AttachType } from "@skep/bpf/uapi";
import type { Words } from "#cli";
import { infoOf, mapType, openOne, programType, takeSelector } from "#inspect";
import { type Desk, done, type Task } from "./desk.ts";

/** bpftool's words, older ones too, and what they mean. flow_dissector hangs on the network namespace, the others on a map. */
export const SOCKET_HOOKS: Readonly<Record<string, AttachType>> = {
	sk_msg_verdict: "sk_msg_verdict",
	msg_verdict: "sk_msg_verdict",
	sk_skb_verdict: "sk_skb_verdict",
	skb_verdict: "sk_skb_verdict",
	sk_skb_stream_verdict: "sk_skb_stream_verdict",
	stream_verdict: "sk_skb_stream_verdict",
	sk_skb_stream_parser: "sk_skb_stream_parser",
	stream_parser: "sk_skb_stream_parser",
	flow_dissector: "flow_dissector",
};

/** `attach PROG ATTACH_TYPE [MAP]`. */
export const attach: Task = (words, desk) =>
	at(words, desk, (kernel, program, target_fd, type, what) => {
		const attr = { target_fd, attach_bpf_fd: program.number, attach_type: ATTACH_TYPES[type] };
		const result = kernel.bpf("PROG_ATTACH", attr);
		if (result < 0)
			throw refuse(kernel, { syscall: "bpf", command: "PROG_ATTACH", errno: -result, what: `attach ${what}` });
	});

/** `detach PROG ATTACH_TYPE [MAP]`. */
export const detach: Task = (words, desk) =>
	at(words, desk, (kernel, program, target_fd, type, what) => {
		const attr = { target_fd, attach_bpf_fd: program.number, attach_type: ATTACH_TYPES[type] };
		const result = kernel.bpf("PROG_DETACH", attr);
		if (result < 0)
			throw refuse(kernel, { syscall: "bpf", command: "PROG_DETACH", errno: -result, what: `detach ${what}` });
	});

type Work = (kernel: Kernel, program: Fd, target: number, type: AttachType, what: string) => void;

function at(words: Words, desk: Desk, work: Work): number {
	const selector = takeSelector("prog", words);
	const type = SOCKET_HOOKS[words.choice(Object.keys(SOCKET_HOOKS), "attach type")]!;
	const onMap = type !== "flow_dissector";
	const mapSelector = onMap ? takeSelector("map", words) : undefined;
	words.end();
	const { kernel } = desk;
	using program = openOne(kernel, "prog", selector);
	using map = mapSelector ? openOne(kernel, "map", mapSelector) : undefined;
	try {
		work(kernel, program, map?.number ?? 0, type, `${program.what} (${type})${map ? ` to ${map.what}` : ""}`);
	} catch (error) {
		throw misfit(error, kernel, program, map, type) ?? error;
	}
	return done(desk);
}

/** Why the kernel says no more than EINVAL: the program or the map is of a type that the hook does not take. */
function misfit(
	error: unknown,
	kernel: Kernel,
	program: Fd,
	map: Fd | undefined,
	type: AttachType,
): BpfError | undefined {
	if (!(error instanceof BpfError) || (error.code !== "EINVAL" && error.code !== "EOPNOTSUPP") || !map)
		return undefined;
	const own = programType(infoOf(kernel, "prog", program.number).type);
	const at = mapType(infoOf(kernel, "map", map.number).type);
	const wanted = type === "sk_msg_verdict" ? "sk_msg" : "sk_skb";
	if (own === wanted && (at === "sockmap" || at === "sockhash")) return undefined;
	const text = `${type} is a hook for programs of type ${wanted} on a sockmap or sockhash: ${program.what} is of type ${own}, ${map.what} of type ${at}`;
	return new BpfError("EINVAL", text);
}
