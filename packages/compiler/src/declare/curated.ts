import type { ArrayType, BeType, Field, IntType, StructType, Type } from "#ir";

/** A value of `skep/net` or `skep/uapi` that is known at compile time; as the front end's constants are. */
export type CuratedConstant =
	| { readonly kind: "int"; readonly value: bigint; readonly big: false }
	/** As stored: the bytes in memory read little-endian. */
	| { readonly kind: "be"; readonly bits: 16 | 32 | 64; readonly value: bigint };

const u8: IntType = { kind: "int", bits: 8, signed: false };
const be16: BeType = { kind: "be", bits: 16 };
const be32: BeType = { kind: "be", bits: 32 };
const arrayOf = (element: Type, length: number): ArrayType => ({ kind: "array", element, length });
const at = (name: string, offset: number, type: Type): Field => ({ name, type, offset });
/** Bits of one byte, `shift` from its low end. */
const bits = (name: string, offset: number, shift: number, size: number): Field => ({
	name,
	type: u8,
	offset,
	bits: { shift, size },
});
const header = (name: string, size: number, align: number, fields: readonly Field[]): StructType => ({
	kind: "struct",
	name,
	fields,
	size,
	align,
});

/** The headers of `skep/net`: what lies on the wire, under short names. Offsets in bytes, from the RFCs. */
// biome-ignore format: table
export const NET_STRUCTS: ReadonlyMap<string, StructType> = new Map(
	[
		header("ethhdr", 14, 2, [at("dst", 0, arrayOf(u8, 6)), at("src", 6, arrayOf(u8, 6)), at("proto", 12, be16)]),
		header("vlanhdr", 4, 2, [at("tci", 0, be16), at("proto", 2, be16)]),
		header("iphdr", 20, 4, [
			bits("version", 0, 4, 4), bits("ihl", 0, 0, 4), at("tos", 1, u8), at("len", 2, be16), at("id", 4, be16), at("frag", 6, be16),
			at("ttl", 8, u8), at("proto", 9, u8), at("csum", 10, be16), at("saddr", 12, be32), at("daddr", 16, be32),
		]),
		header("ipv6hdr", 40, 4, [
			bits("version", 0, 4, 4), bits("priority", 0, 0, 4), at("payloadLen", 4, be16), at("nexthdr", 6, u8), at("hopLimit", 7, u8),
			at("saddr", 8, arrayOf(be32, 4)), at("daddr", 24, arrayOf(be32, 4)),
		]),
		header("tcphdr", 20, 4, [
			at("sport", 0, be16), at("dport", 2, be16), at("seq", 4, be32), at("ack", 8, be32), bits("doff", 12, 4, 4),
			bits("fin", 13, 0, 1), bits("syn", 13, 1, 1), bits("rst", 13, 2, 1), at("window", 14, be16), at("csum", 16, be16), at("urgent", 18, be16),
		]),
		header("udphdr", 8, 2, [at("sport", 0, be16), at("dport", 2, be16), at("len", 4, be16), at("csum", 6, be16)]),
	].map((s) => [s.name, s]),
);

const swapped = (host: number): CuratedConstant => ({
	kind: "be",
	bits: 16,
	value: BigInt(((host & 0xff) << 8) | (host >> 8)),
});
const int = (value: number): CuratedConstant => ({ kind: "int", value: BigInt(value), big: false });
const ints = (values: Readonly<Record<string, number>>): ReadonlyMap<string, CuratedConstant> =>
	new Map(Object.entries(values).map(([k, v]) => [k, int(v)]));

/** Objects of constants by module and name: `NET_OBJECTS.get("ETH")?.get("IPV4")`. EtherTypes are in network order. */
export const NET_OBJECTS: ReadonlyMap<string, ReadonlyMap<string, CuratedConstant>> = new Map([
	[
		"ETH",
		new Map([
			["IPV4", swapped(0x0800)],
			["IPV6", swapped(0x86dd)],
			["ARP", swapped(0x0806)],
			["VLAN", swapped(0x8100)],
			["QINQ", swapped(0x88a8)],
		]),
	],
	["IPPROTO", ints({ ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 })],
]);

/** Verdicts, by the objects of `skep` that name them. */
export const SKEP_OBJECTS: ReadonlyMap<string, ReadonlyMap<string, CuratedConstant>> = new Map([
	["XDP", ints({ ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 })],
	["TC", ints({ NEXT: -1, PASS: 0, DROP: 2, REDIRECT: 7 })],
	["SK", ints({ DROP: 0, PASS: 1 })],
]);

/** `skep/uapi`: what is a macro in C's headers, and so in no BTF. Values of x86-64 and arm64. */
// biome-ignore format: table
export const UAPI_CONSTANTS: ReadonlyMap<string, CuratedConstant> = ints({
	AF_UNSPEC: 0, AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16, AF_PACKET: 17, AF_VSOCK: 40, AF_XDP: 44,
	O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_ACCMODE: 3, O_CREAT: 64, O_EXCL: 128, O_NOCTTY: 256, O_TRUNC: 512, O_APPEND: 1024, O_NONBLOCK: 2048,
	O_DSYNC: 4096, O_CLOEXEC: 524288, O_SYNC: 1052672, O_PATH: 2097152,
	S_IFMT: 0o170000, S_IFSOCK: 0o140000, S_IFLNK: 0o120000, S_IFREG: 0o100000, S_IFBLK: 0o060000, S_IFDIR: 0o040000, S_IFCHR: 0o020000, S_IFIFO: 0o010000,
	S_ISUID: 0o4000, S_ISGID: 0o2000, S_ISVTX: 0o1000,
	SOCK_STREAM: 1, SOCK_DGRAM: 2, SOCK_RAW: 3,
	PF_KTHREAD: 0x00200000, PF_EXITING: 0x4,
	EPERM: 1, ENOENT: 2, ESRCH: 3, EINTR: 4, EIO: 5, ENXIO: 6, E2BIG: 7, ENOEXEC: 8, EBADF: 9, ECHILD: 10, EAGAIN: 11, ENOMEM: 12, EACCES: 13,
	EFAULT: 14, ENOTBLK: 15, EBUSY: 16, EEXIST: 17, EXDEV: 18, ENODEV: 19, ENOTDIR: 20, EISDIR: 21, EINVAL: 22, ENFILE: 23, EMFILE: 24, ENOTTY: 25,
	ETXTBSY: 26, EFBIG: 27, ENOSPC: 28, ESPIPE: 29, EROFS: 30, EMLINK: 31, EPIPE: 32, EDOM: 33, ERANGE: 34, EDEADLK: 35, ENAMETOOLONG: 36, ENOLCK: 37,
	ENOSYS: 38, ENOTEMPTY: 39, ELOOP: 40, ENOMSG: 42, EIDRM: 43, ECHRNG: 44, EL2NSYNC: 45, EL3HLT: 46, EL3RST: 47, ELNRNG: 48, EUNATCH: 49, ENOCSI: 50,
	EL2HLT: 51, EBADE: 52, EBADR: 53, EXFULL: 54, ENOANO: 55, EBADRQC: 56, EBADSLT: 57, EBFONT: 59, ENOSTR: 60, ENODATA: 61, ETIME: 62, ENOSR: 63,
	ENONET: 64, ENOPKG: 65, EREMOTE: 66, ENOLINK: 67, EADV: 68, ESRMNT: 69, ECOMM: 70, EPROTO: 71, EMULTIHOP: 72, EDOTDOT: 73, EBADMSG: 74,
	EOVERFLOW: 75, ENOTUNIQ: 76, EBADFD: 77, EREMCHG: 78, ELIBACC: 79, ELIBBAD: 80, ELIBSCN: 81, ELIBMAX: 82, ELIBEXEC: 83, EILSEQ: 84, ERESTART: 85,
	ESTRPIPE: 86, EUSERS: 87, ENOTSOCK: 88, EDESTADDRREQ: 89, EMSGSIZE: 90, EPROTOTYPE: 91, ENOPROTOOPT: 92, EPROTONOSUPPORT: 93, ESOCKTNOSUPPORT: 94,
	EOPNOTSUPP: 95, EPFNOSUPPORT: 96, EAFNOSUPPORT: 97, EADDRINUSE: 98, EADDRNOTAVAIL: 99, ENETDOWN: 100, ENETUNREACH: 101, ENETRESET: 102,
	ECONNABORTED: 103, ECONNRESET: 104, ENOBUFS: 105, EISCONN: 106, ENOTCONN: 107, ESHUTDOWN: 108, ETOOMANYREFS: 109, ETIMEDOUT: 110, ECONNREFUSED: 111,
	EHOSTDOWN: 112, EHOSTUNREACH: 113, EALREADY: 114, EINPROGRESS: 115, ESTALE: 116, EUCLEAN: 117, ENOTNAM: 118, ENAVAIL: 119, EISNAM: 120,
	EREMOTEIO: 121, EDQUOT: 122, ENOMEDIUM: 123, EMEDIUMTYPE: 124, ECANCELED: 125, ENOKEY: 126, EKEYEXPIRED: 127, EKEYREVOKED: 128, EKEYREJECTED: 129,
	EOWNERDEAD: 130, ENOTRECOVERABLE: 131, ERFKILL: 132, EWOULDBLOCK: 11, ENOTSUPP: 524,
});
