/**
 * The intermediate representation: typed SSA on a control-flow graph, with BPF-shaped operations (32 and 64 bit,
 * [base + constant] accesses, calls of at most five arguments). Front ends build it, `passes` improve it, `codegen`
 * turns it into instructions. A value's `space` says what the verifier will think of it.
 */
export { Builder, removeTrivialPhis, removeUnreachable, successors, type Variable } from "./builder.ts";
export { Editor, replaceUses } from "./edit.ts";
export { formatCore, formatFunc, formatInst, formatTerminator } from "./format.ts";
export { analyseGraph, type Graph, reversePostorder } from "./graph.ts";
export type {
	AtomicOp,
	BinaryOp,
	Block,
	Callee,
	Condition,
	CoreAccess,
	Func,
	Global,
	Inst,
	MapDecl,
	Module,
	Operation,
	ParamType,
	Position,
	Size,
	Slot,
	SourceFile,
	Space,
	Terminator,
	Width,
} from "./ir.ts";
export { parseFunc } from "./parse.ts";
export {
	type ArrayType,
	alignOf,
	type BeType,
	type BoolType,
	type CharsType,
	type Field,
	type IntType,
	type StructType,
	sizeOf,
	spellType,
	type Type,
} from "./type.ts";
export { verifyFunc } from "./verify.ts";
