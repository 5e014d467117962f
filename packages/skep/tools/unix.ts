import { type arr, type chars, chars as cut, iter, u8, u32, type u64, zero } from "skep";
import type { unix_sock } from "skep/kernel";

/** A Unix socket, as `ss -xa` lists them. */
export interface Unix {
	inode: u64;
	/** Of the socket at the other end; 0: none. */
	peer: u64;
	/** STREAM, DGRAM, SEQPACKET. */
	type: chars<16>;
	/** As `ss` writes it. */
	state: chars<16>;
	uid: u32;
	references: u32;
	/** A path, or `@` and an abstract name; empty: not bound. */
	path: chars<112>;
}

const TYPES = ["?", "STREAM", "DGRAM", "RAW", "RDM", "SEQPACKET", "DCCP", "?"] as const;
const ESTABLISHED = 1;
const LISTEN = 10;
/** Bytes of the family before the name. */
const FAMILY = 2;
const AT = 64;

/** The name by its length: an abstract one begins with a NUL and ends without. */
function nameOf(sk: unix_sock): chars<112> {
	const address = sk.addr;
	const bytes = zero<arr<u8, 112>>();
	if (address) {
		const raw: chars<108> = address.name[0]!.sun_path;
		const length = u32(address.len) - FAMILY;
		for (let i = 0; i < 108; i++) if (u32(i) < length) bytes[i] = u8(raw.charCodeAt(i));
		if (length > 0 && bytes[0] === 0) bytes[0] = AT;
	}
	return cut(bytes, 112);
}

function rowOf(sk: unix_sock, uid: u32): Unix {
	const state = sk.sk.__sk_common.skc_state;
	const row: Unix = {
		inode: sk.sk.sk_socket.file.f_inode.i_ino,
		peer: sk.peer.sk_socket.file.f_inode.i_ino,
		type: TYPES[sk.sk.sk_type & 7]!,
		state: "UNCONN",
		uid,
		// The walk holds each socket that it shows.
		references: u32(sk.sk.__sk_common.skc_refcnt.refs.counter - 1),
		path: nameOf(sk),
	};
	if (state === ESTABLISHED) row.state = "ESTAB";
	else if (state === LISTEN) row.state = "LISTEN";
	return row;
}

export const unix = iter("unix", ({ unix_sk: sk, uid, seq }) => {
	if (sk) seq.write(rowOf(sk, uid));
});

/** The same as lines, for `cat`. */
export const lines = iter("unix", { attach: false }, ({ unix_sk: sk, uid, seq }) => {
	if (!sk) return;
	if (seq.num === 0n) seq.print("TYPE      STATE     UID       INODE        PEER PATH\n");
	const s = rowOf(sk, uid);
	seq.print(
		`${s.type.padEnd(9)} ${s.state.padEnd(6)} ${String(s.uid).padStart(6)} ${String(s.inode).padStart(11)} ${String(s.peer).padStart(11)} ${s.path}\n`,
	);
});
