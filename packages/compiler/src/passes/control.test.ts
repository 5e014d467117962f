import { test } from "node:test";
import { around, expectPass } from "../ir/case.test-support.ts";
import { simplifyControl } from "./control.ts";

test("a decided branch goes one way, the other way's blocks go", () => {
	expectPass(
		simplifyControl,
		around("%0:32 = const 1\nbranch eq 32 %0, %0, b1, b2\nb1:\nreturn %0\nb2:\n%1:32 = const 2\nreturn %1"),
		around("%0:32 = const 1\nreturn %0"),
	);
});

test("what a branch above has told is not asked again", () => {
	expectPass(
		simplifyControl,
		around(
			"%0:32 = param 0\n%1:32 = const 0\nbranch ne 32 %0, %1, b1, b2\nb1:\n%9:64 = call helper 7 get_prandom_u32 ()\nbranch eq 32 %0, %1, b2, b3\nb2:\nreturn %1\nb3:\nreturn %0",
		),
		around(
			"%0:32 = param 0\n%1:32 = const 0\nbranch ne 32 %0, %1, b1, b2\nb1:\n%9:64 = call helper 7 get_prandom_u32 ()\nreturn %0\nb2:\nreturn %1",
		),
	);
});

test("a condition that was made a value by && becomes jumps again", () => {
	expectPass(
		simplifyControl,
		around(`%0:32 = param 0
%1:32 = const 0
%2:32 = const 7
branch ne 32 %0, %1, b1, b2
b1:
%3:32 = compare ult 32 %0, %2
jump b2
b2:
%4:32 = phi b0 %1, b1 %3
branch ne 32 %4, %1, b3, b4
b3:
return %0
b4:
return %1`),
		around(`%0:32 = param 0
%1:32 = const 0
%2:32 = const 7
branch ne 32 %0, %1, b1, b4
b1:
%3:32 = compare ult 32 %0, %2
branch ne 32 %3, %1, b3, b4
b3:
return %0
b4:
return %1`),
	);
});

test("empty blocks are jumped over, unless phis tell the ways apart", () => {
	expectPass(
		simplifyControl,
		around(
			"%0:32 = param 0\n%1:32 = const 0\nbranch ne 32 %0, %1, b1, b2\nb1:\njump b3\nb2:\n%2:64 = call helper 7 get_prandom_u32 ()\njump b3\nb3:\nreturn %1",
		),
		around(
			"%0:32 = param 0\n%1:32 = const 0\nbranch ne 32 %0, %1, b3, b2\nb3:\nreturn %1\nb2:\n%2:64 = call helper 7 get_prandom_u32 ()\njump b3",
		),
	);
	const both = around(
		"%0:32 = param 0\n%1:32 = const 0\nbranch ne 32 %0, %1, b1, b2\nb1:\njump b3\nb2:\njump b3\nb3:\n%3:32 = phi b1 %0, b2 %1\nreturn %3",
	);
	expectPass(
		simplifyControl,
		both,
		around(
			"%0:32 = param 0\n%1:32 = const 0\nbranch ne 32 %0, %1, b3, b2\nb3:\n%3:32 = phi b2 %1, b0 %0\nreturn %3\nb2:\njump b3",
		),
	);
});

test("a flag beside a pointer: the way with the pointer goes on, the other leaves", () => {
	expectPass(
		simplifyControl,
		around(`%0:64.packet = param 0
%1:64 = const 0
%2:32 = const 1
%3:32 = const 0
branch ugt 64 %0, %1, b1, b2
b1:
jump b3
b2:
jump b3
b3:
%4:32 = phi b1 %2, b2 %3
%5:64.packet = phi b1 %0, b2 %1
branch ne 32 %4, %3, b4, b5
b4:
%6:32 = load u32 %5
return %6
b5:
return %3`),
		around(`%0:64.packet = param 0
%1:64 = const 0
%2:32 = const 1
%3:32 = const 0
branch ugt 64 %0, %1, b4, b5
b4:
%6:32 = load u32 %0
return %6
b5:
return %3`),
	);
});

test("a loop whose first test is decided is entered behind its test; what comes after it sees both ways", () => {
	expectPass(
		simplifyControl,
		around(`%0:32 = param 0
%1:32 = const 0
%2:32 = const 8
%3:32 = const 1
jump b1
b1:
%4:32 = phi b0 %1, b2 %6
%5:32 = phi b0 %0, b2 %7
branch ult 32 %4, %2, b2, b3
b2:
%6:32 = add %4, %3
%7:32 = mul %5, %6
jump b1
b3:
return %5`),
		around(`%0:32 = param 0
%1:32 = const 0
%2:32 = const 8
%3:32 = const 1
jump b2
b2:
%4:32 = phi b2 %6, b0 %1
%5:32 = phi b2 %7, b0 %0
%6:32 = add %4, %3
%7:32 = mul %5, %6
branch ult 32 %6, %2, b2, b3
b3:
return %7`),
	);
});
