import { type arr, type be32, iter, ntohs, type u16, type u32, type u64 } from "skep";
import type { udp_sock } from "skep/kernel";
import { formatIp4, formatIp6 } from "skep/net";
import { AF_INET6 } from "skep/uapi";

/** A UDP socket, as `ss -ua` lists them. */
export interface Udp {
	/** AF_INET or AF_INET6: which of the addresses holds. */
	family: u16;
	localPort: u16;
	/** 0: not connected. */
	remotePort: u16;
	local4: be32;
	remote4: be32;
	local6: arr<be32, 4>;
	remote6: arr<be32, 4>;
	uid: u32;
	/** Bytes that nobody has read, with what it takes to keep them. */
	received: u32;
	/** Packets that found no room. */
	dropped: u32;
	/** 0: no process has it. */
	inode: u64;
}

function rowOf(udp: udp_sock, uid: u32): Udp {
	const sk = udp.inet.sk;
	const common = sk.__sk_common;
	return {
		family: common.skc_family,
		localPort: common.skc_num,
		remotePort: ntohs(common.skc_dport),
		local4: common.skc_rcv_saddr,
		remote4: common.skc_daddr,
		local6: common.skc_v6_rcv_saddr.in6_u.u6_addr32,
		remote6: common.skc_v6_daddr.in6_u.u6_addr32,
		uid,
		received: sk.sk_backlog.rmem_alloc.counter - udp.forward_deficit,
		dropped: sk.sk_drops.counter,
		inode: sk.sk_socket.file.f_inode.i_ino,
	};
}

export const udp = iter("udp", ({ udp_sk: sk, uid, seq }) => {
	if (sk) seq.write(rowOf(sk, uid));
});

/** The same as lines, for `cat`. */
export const lines = iter("udp", { attach: false }, ({ udp_sk: sk, uid, seq }) => {
	if (!sk) return;
	if (seq.num === 0n) seq.print("    RECV  DROPPED   UID INODE LOCAL REMOTE\n");
	const s = rowOf(sk, uid);
	seq.print(
		`${String(s.received).padStart(8)} ${String(s.dropped).padStart(8)} ${String(s.uid).padStart(5)} ${String(s.inode)} `,
	);
	if (s.family === AF_INET6)
		seq.print(`[${formatIp6(s.local6)}]:${s.localPort} [${formatIp6(s.remote6)}]:${s.remotePort}\n`);
	else seq.print(`${formatIp4(s.local4)}:${s.localPort} ${formatIp4(s.remote4)}:${s.remotePort}\n`);
});
