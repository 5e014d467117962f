/** Integers of the kernel's widths and network order, in JavaScript: what both halves may call. */

type Integer = number | bigint | boolean;

const toBigInt = (x: Integer): bigint => (typeof x === "number" ? BigInt(Math.trunc(x)) : BigInt(x));
/** The low 32 bits; exact for every integer that a double holds. */
const low = (x: Integer): number => (typeof x === "bigint" ? Number(BigInt.asIntN(32, x)) : Number(x) | 0);

export const u8 = (x: Integer): number => low(x) & 0xff;
export const u16 = (x: Integer): number => low(x) & 0xffff;
export const u32 = (x: Integer): number => low(x) >>> 0;
export const i8 = (x: Integer): number => (low(x) << 24) >> 24;
export const i16 = (x: Integer): number => (low(x) << 16) >> 16;
export const i32 = (x: Integer): number => low(x);
export const u64 = (x: Integer): bigint => BigInt.asUintN(64, toBigInt(x));
export const i64 = (x: Integer): bigint => BigInt.asIntN(64, toBigInt(x));

/**
 * Network order is the stored bits, as this machine (little-endian) reads them: `===` compares, records and maps carry
 * them as they are, and only the types forbid arithmetic.
 */
export const htons = (x: number): number => ((x & 0xff) << 8) | ((x >>> 8) & 0xff);
export const ntohs = htons;
export const htonl = (x: number): number => ((htons(x & 0xffff) << 16) | htons(x >>> 16)) >>> 0;
export const ntohl = htonl;
export const cpuToBe64 = (x: bigint): bigint =>
	(BigInt(htonl(Number(x & 0xffffffffn))) << 32n) | BigInt(htonl(Number((x >> 32n) & 0xffffffffn)));
export const be64ToCpu = cpuToBe64;

const scaled = (n: number, factor: number): bigint => BigInt(Math.round(n * factor));
/** Nanoseconds. */
export const us = (n: number): bigint => scaled(n, 1e3);
export const ms = (n: number): bigint => scaled(n, 1e6);
export const seconds = (n: number): bigint => scaled(n, 1e9);
