import { test } from "node:test";
import { around, expectPass } from "../ir/case.test-support.ts";
import { removeDeadCode } from "./dead.ts";
import { fold } from "./fold.ts";

/** `x` is %1 (32 bit, unknown), `y` is %2 (64 bit, unknown). */
const given = (body: string): string =>
	around(`%0:64.ctx = param 0\n%1:32 = load u32 %0\n%2:64 = load u64 %0 + 8\n${body}`);
const becomes = (name: string, before: string, after: string): void =>
	void test(name, () => expectPass(fold, given(before), given(after), removeDeadCode));

becomes(
	"constants are computed at their width",
	"%3:32 = const 4294967295\n%4:32 = const 2\n%5:32 = add %3, %4\nreturn %5",
	"%3:32 = const 1\nreturn %3",
);
becomes(
	"a division by zero is zero, a remainder is the dividend",
	"%3:32 = const 0\n%4:32 = udiv %1, %3\n%5:32 = umod %1, %3\n%6:32 = xor %4, %5\nreturn %6",
	"return %1",
);
becomes(
	"multiplication by a power of two is a shift",
	"%3:64 = const 8\n%4:64 = mul %2, %3\nreturn %4",
	"%3:64 = const 3\n%4:64 = shl %2, %3\nreturn %4",
);
becomes(
	"unsigned division and modulo by powers of two",
	"%3:32 = const 16\n%4:32 = udiv %1, %3\n%5:32 = umod %1, %3\n%6:32 = xor %4, %5\nreturn %6",
	"%3:32 = const 4\n%4:32 = lshr %1, %3\n%5:32 = const 15\n%6:32 = and %1, %5\n%7:32 = xor %4, %6\nreturn %7",
);
becomes(
	"division of what has no sign is unsigned",
	"%3:32 = load u16 %0\n%4:32 = const 10\n%5:32 = sdiv %3, %4\nreturn %5",
	"%3:32 = load u16 %0\n%4:32 = const 10\n%5:32 = udiv %3, %4\nreturn %5",
);
becomes(
	"a mask that covers the value goes",
	"%3:32 = load u8 %0\n%4:32 = const 255\n%5:32 = and %3, %4\nreturn %5",
	"%3:32 = load u8 %0\nreturn %3",
);
becomes(
	"a mask after a division stays: the verifier needs it",
	"%3:32 = load u8 %0\n%4:32 = const 10\n%5:32 = udiv %3, %4\n%6:32 = const 255\n%7:32 = and %5, %6\nreturn %7",
	"%3:32 = load u8 %0\n%4:32 = const 10\n%5:32 = udiv %3, %4\n%6:32 = const 255\n%7:32 = and %5, %6\nreturn %7",
);
becomes(
	"a mask after a shift by an unknown count stays: the verifier forgot the bound",
	"%3:32 = const 2\n%4:32 = load u8 %0\n%5:32 = lshr %3, %4\n%6:32 = const 3\n%7:32 = and %5, %6\nreturn %7",
	"%3:32 = const 2\n%4:32 = load u8 %0\n%5:32 = lshr %3, %4\n%6:32 = const 3\n%7:32 = and %5, %6\nreturn %7",
);
becomes(
	"a mask after a product that might overflow stays",
	"%3:32 = load u8 %0\n%4:32 = const 100000\n%5:32 = mul %3, %4\n%6:32 = const 33554431\n%7:32 = and %5, %6\nreturn %7",
	"%3:32 = load u8 %0\n%4:32 = const 100000\n%5:32 = mul %3, %4\n%6:32 = const 33554431\n%7:32 = and %5, %6\nreturn %7",
);
becomes(
	"extensions of 32 bits without sign are no instruction",
	"%3:64 = extend u32 %1\n%4:64 = add %3, %2\nreturn %4",
	"%4:64 = add %1, %2\nreturn %4",
);
becomes(
	"a truncated sum is a sum of 32 bits",
	"%3:64 = add %2, %2\n%4:32 = truncate %3\nreturn %4",
	"%4:32 = add %2, %2\nreturn %4",
);
becomes(
	"stores take the low bytes as they are",
	"%3:32 = extend u8 %1\nstore 1 %0 + 4, %3\nreturn %1",
	"store 1 %0 + 4, %1\nreturn %1",
);
becomes(
	"swapping a constant, and swapping twice",
	"%3:32 = const 53\n%4:32 = swap 16 %3\n%5:32 = xor %1, %4\nreturn %5",
	"%3:32 = const 13568\n%5:32 = xor %1, %3\nreturn %5",
);
becomes(
	"a comparison with a swapped value swaps the constant",
	"%3:32 = load u16 %0\n%4:32 = swap 16 %3\n%5:32 = const 53\nbranch eq 32 %4, %5, b1, b2\nb1:\nreturn %1\nb2:\nreturn %3",
	"%3:32 = load u16 %0\n%5:32 = const 13568\nbranch eq 32 %3, %5, b1, b2\nb1:\nreturn %1\nb2:\nreturn %3",
);
becomes(
	"a branch on a comparison is that comparison, negated where it asks for zero",
	"%3:32 = const 0\n%4:32 = const 9\n%5:32 = compare slt 32 %1, %4\nbranch eq 32 %5, %3, b1, b2\nb1:\nreturn %1\nb2:\nreturn %2",
	"%4:32 = const 9\nbranch sge 32 %1, %4, b1, b2\nb1:\nreturn %1\nb2:\nreturn %2",
);
becomes(
	"a test of bits is one instruction, its ways exchanged where it asks for zero",
	"%3:32 = const 0\n%4:32 = const 6\n%5:32 = and %1, %4\nbranch eq 32 %5, %3, b1, b2\nb1:\nreturn %1\nb2:\nreturn %2",
	"%4:32 = const 6\nbranch set 32 %1, %4, b2, b1\nb2:\nreturn %2\nb1:\nreturn %1",
);
becomes(
	"a check that the verifier needs for another use keeps its value",
	"%3:32 = const 1\n%4:32 = add %1, %3\n%5:32 = const 16\n%6:32 = add %4, %3\nbranch ult 32 %4, %5, b1, b2\nb1:\nreturn %6\nb2:\nreturn %4",
	"%3:32 = const 1\n%4:32 = add %1, %3\n%5:32 = const 16\n%6:32 = add %4, %3\nbranch ult 32 %4, %5, b1, b2\nb1:\nreturn %6\nb2:\nreturn %4",
);
becomes(
	"comparisons that the width decides",
	"%3:32 = load u8 %0\n%4:32 = const 256\n%5:32 = compare ult 32 %3, %4\nreturn %5",
	"%5:32 = const 1\nreturn %5",
);
becomes(
	"a limit above 2^31 is compared in 32 bits, where it is an immediate",
	"%3:64 = const 4026531840\nbranch ult 64 %1, %3, b1, b2\nb1:\nreturn %1\nb2:\nreturn %2",
	"%3:32 = const 4026531840\nbranch ult 32 %1, %3, b1, b2\nb1:\nreturn %1\nb2:\nreturn %2",
);
becomes(
	"signed values that were extended only to be compared",
	"%3:64 = extend s32 %1\n%4:64 = const 18446744073709551615\nbranch slt 64 %3, %4, b1, b2\nb1:\nreturn %1\nb2:\nreturn %2",
	"%4:32 = const 4294967295\nbranch slt 32 %1, %4, b1, b2\nb1:\nreturn %1\nb2:\nreturn %2",
);
becomes(
	"constant steps go into the access, relocated ones stay",
	"%3:64.btf = offset %2 + 8\n%4:64.btf = offset %3 + 16 core field_byte_offset:1:0/2\n%5:32 = load u32 %3 + 4\n%6:32 = load u32 %4\n%7:32 = xor %5, %6\nreturn %7",
	"%3:64.btf = offset %2 + 8\n%4:64.btf = offset %3 + 16 core field_byte_offset:1:0/2\n%5:32 = load u32 %2 + 12\n%6:32 = load u32 %4\n%7:32 = xor %5, %6\nreturn %7",
);
