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
