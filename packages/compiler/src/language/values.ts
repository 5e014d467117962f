/**
 * Values of the vocabulary that are known when compiling. Numbers stand as numbers; network order as `{ be, value }`
 * where `value` is the host-order number that is written in the field's documents (`0x0800`).
 */
export type KnownValue = number | { readonly be: 16 | 32; readonly value: number };

/** Objects of constants: `XDP.PASS`, `ETH.IPV4`. */
export const KNOWN_OBJECTS: Readonly<Record<string, Readonly<Record<string, KnownValue>>>> = {
	"skep XDP": { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 },
	"skep TC": { NEXT: -1, PASS: 0, DROP: 2, REDIRECT: 7 },
	"skep SK": { DROP: 0, PASS: 1 },
	"skep/net ETH": {
		IPV4: { be: 16, value: 0x0800 },
		IPV6: { be: 16, value: 0x86dd },
		ARP: { be: 16, value: 0x0806 },
		VLAN: { be: 16, value: 0x8100 },
		QINQ: { be: 16, value: 0x88a8 },
	},
	"skep/net IPPROTO": { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 },
};

/** Plain constants of skep/uapi, as the kernel's headers have them. */
export const KNOWN_CONSTANTS: Readonly<Record<string, number>> = {
	AF_INET: 2,
	AF_INET6: 10,
	EPERM: 1,
	ENOENT: 2,
	EACCES: 13,
	EEXIST: 17,
	O_WRONLY: 1,
	O_RDWR: 2,
	O_CREAT: 64,
	S_IFMT: 0o170000,
	S_IFSOCK: 0o140000,
};
