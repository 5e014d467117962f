import { type arr, type be32, cast, type chars, iter, ntohs, type u16, type u32, type u64 } from "skep";
import type { sock, sock_common, tcp_sock } from "skep/kernel";
import { formatIp4, formatIp6 } from "skep/net";
import { AF_INET6 } from "skep/uapi";

/** A TCP socket, as `ss -ta` lists them. */
export interface Tcp {
	/** AF_INET or AF_INET6: which of the addresses holds. */
	family: u16;
	localPort: u16;
	remotePort: u16;
	local4: be32;
	remote4: be32;
	local6: arr<be32, 4>;
	remote6: arr<be32, 4>;
	/** As `ss` writes it. */
	state: chars<16>;
	uid: u32;
	/** Bytes that nobody has read; of a listening socket connections that nobody has accepted. */
	received: u32;
	/** Bytes that are not acknowledged; of a listening socket how many connections may wait. */
	sent: u32;
	/** 0: no process has it. */
	inode: u64;
}

/** By the kernel's numbers. */
const STATES = [
	"UNKNOWN",
	"ESTAB",
	"SYN-SENT",
	"SYN-RECV",
	"FIN-WAIT-1",
	"FIN-WAIT-2",
	"TIME-WAIT",
	"UNCONN",
	"CLOSE-WAIT",
	"LAST-ACK",
	"LISTEN",
	"CLOSING",
	"SYN-RECV",
	"BOUND",
	"UNKNOWN",
	"UNKNOWN",
] as const;
const TIME_WAIT = 6;
const LISTEN = 10;
const NEW_SYN_RECV = 12;

function rowOf(common: sock_common, uid: u32): Tcp {
	const state = common.skc_state;
	const row: Tcp = {
		family: common.skc_family,
		localPort: common.skc_num,
		remotePort: ntohs(common.skc_dport),
		local4: common.skc_rcv_saddr,
		remote4: common.skc_daddr,
		local6: common.skc_v6_rcv_saddr.in6_u.u6_addr32,
		remote6: common.skc_v6_daddr.in6_u.u6_addr32,
		state: STATES[state & 15]!,
		uid,
		received: 0,
		sent: 0,
		inode: 0n,
	};
	// These two are smaller structs, which only begin as sockets do.
	if (state === TIME_WAIT || state === NEW_SYN_RECV) return row;
	const sk = cast<sock>(common);
	row.inode = sk.sk_socket.file.f_inode.i_ino;
	if (state === LISTEN) {
		row.received = sk.sk_ack_backlog;
		row.sent = sk.sk_max_ack_backlog;
	} else {
		const tcp = cast<tcp_sock>(common);
		row.received = tcp.rcv_nxt - tcp.copied_seq;
		row.sent = tcp.write_seq - tcp.snd_una;
	}
	return row;
}

export const tcp = iter("tcp", ({ sk_common: common, uid, seq }) => {
	if (common) seq.write(rowOf(common, uid));
});

/** The same as lines, for `cat`. */
export const lines = iter("tcp", { attach: false }, ({ sk_common: common, uid, seq }) => {
	if (!common) return;
	if (seq.num === 0n) seq.print("STATE          RECV     SEND   UID INODE LOCAL REMOTE\n");
	const s = rowOf(common, uid);
	seq.print(
		`${s.state.padEnd(10)} ${String(s.received).padStart(8)} ${String(s.sent).padStart(8)} ${String(s.uid).padStart(5)} ${String(s.inode)} `,
	);
	if (s.family === AF_INET6)
		seq.print(`[${formatIp6(s.local6)}]:${s.localPort} [${formatIp6(s.remote6)}]:${s.remotePort}\n`);
	else seq.print(`${formatIp4(s.local4)}:${s.localPort} ${formatIp4(s.remote4)}:${s.remotePort}\n`);
});
