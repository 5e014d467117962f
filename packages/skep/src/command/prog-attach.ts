import type { Kernel } from "@skep/bpf/kernel";
import { type Fd, refuse } from "@skep/bpf/live";
import { ATTACH_TYPES, type AttachType } from "@skep/bpf/uapi";
import type { Words } from "#cli";
import { openOne, takeSelector } from "#inspect";
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
	const type = SOCKET_HOOKS[words.oneOf(Object.keys(SOCKET_HOOKS), "attach type")]!;
	const onMap = type !== "flow_dissector";
	const mapSelector = onMap ? takeSelector("map", words) : undefined;
	words.end();
	const { kernel } = desk;
	using program = openOne(kernel, "prog", selector);
	using map = mapSelector ? openOne(kernel, "map", mapSelector) : undefined;
	work(kernel, program, map?.number ?? 0, type, `${program.what} (${type})${map ? ` to ${map.what}` : ""}`);
	return done(desk);
}
