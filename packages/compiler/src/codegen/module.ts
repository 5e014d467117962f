import type { Func, Inst, Module, Position, Slot } from "#ir";
import { optimise } from "#passes";
import { allocate } from "./allocate.ts";
import { emit, JumpRangeError } from "./emit.ts";
import { layFrame, STACK_LIMIT } from "./frame.ts";
import { markCold, orderBlocks, threadJumps } from "./layout.ts";
import { legalise } from "./legalise.ts";
import { removeDead } from "./liveness.ts";
import { hasEffect, type MachineFunc } from "./machine.ts";
import type { CompiledFunction } from "./output.ts";
import { polish } from "./peephole.ts";
import type { CompileReport, FunctionReport, Problem } from "./problem.ts";
import { select } from "./select.ts";

export interface CompileOptions {
	/** Default v3 (Linux 5.1 and later). v4: signed division, sign-extending moves and loads (Linux 6.6). */
	readonly cpu?: "v3" | "v4";
	/** Default true. False: as the front end built it, for tests and for looking at what passes do. */
	readonly optimise?: boolean;
}

export interface CompiledModule {
	/** Of the functions without problems, in the order of the module. */
	readonly functions: CompiledFunction[];
	readonly problems: Problem[];
	readonly report: CompileReport;
}

/** Passes, selection, allocation and emission of all functions. The module's functions are changed in place. */
export function compileModule(module: Module, options: CompileOptions = {}): CompiledModule {
	const functions: CompiledFunction[] = [];
	const problems: Problem[] = [];
	const reports: FunctionReport[] = [];
	for (const func of module.functions) {
		const found = compileFunction(func, options, module);
		problems.push(...found.problems);
		if (found.compiled) functions.push(found.compiled);
		if (found.report) reports.push(found.report);
	}
	return { functions, problems, report: { functions: reports } };
}

function compileFunction(
	func: Func,
	options: CompileOptions,
	module: Module,
): { compiled?: CompiledFunction; problems: Problem[]; report?: FunctionReport } {
	const cpu = options.cpu ?? "v3";
	const problems = checkCalls(func);
	if (problems.length > 0) return { problems };
	const context = {
		maps: new Map(module.maps.map((m) => [m.name, m])),
		globals: new Map(module.globals.map((g) => [g.name, g])),
	};
	const passes = options.optimise === false ? [] : optimise(func, context);
	legalise(func, cpu);
	const code = select(func, cpu);
	removeDead(code, hasEffect);
	markCold(code);
	allocate(code);
	const stack = layFrame(func, code);
	if (stack > STACK_LIMIT) return { problems: [stackProblem(func, code, stack)] };
	polish(code);
	threadJumps(code);
	let compiled: CompiledFunction;
	try {
		compiled = emit(func, orderBlocks(code), stack, cpu);
	} catch (error) {
		if (!(error instanceof JumpRangeError)) throw error;
		return { problems: [{ kind: "size", function: func.name, position: func.position, message: error.message }] };
	}
	const slots = [...code.places.values()].map((p) => ({ name: p.name, size: p.size, offset: p.offset }));
	const report = {
		function: func.name,
		insns: compiled.insns.length / 8,
		stack,
		spills: code.spills.length,
		slots,
		passes,
	};
	return { compiled, problems: [], report };
}

function checkCalls(func: Func): Problem[] {
	const problems: Problem[] = [];
	if (func.params.length > 5)
		problems.push({ kind: "parameters", function: func.name, position: func.position, count: func.params.length });
	for (const b of func.blocks)
		for (const i of b.insts)
			if (i.op === "call" && i.args.length > 5)
				problems.push({
					kind: "arguments",
					function: func.name,
					position: i.position,
					callee: i.callee.name,
					count: i.args.length,
				});
	return problems;
}

function stackProblem(func: Func, code: MachineFunc, size: number): Problem {
	const users = new Map<Slot, Map<string, Position>>();
	const mark = (i: Inst, by: Inst): void => {
		if (i.op === "offset" && i.args[0]) mark(i.args[0], by);
		const p = by.position;
		if (i.op !== "slot" || !p) return;
		let of = users.get(i.slot);
		if (!of) {
			of = new Map();
			users.set(i.slot, of);
		}
		of.set(`${p.file}:${p.line}`, p);
	};
	for (const b of func.blocks) for (const i of b.insts) for (const a of i.args) mark(a, i);
	const slots = [...code.places.values()]
		.map((p) => ({
			name: p.name,
			size: p.size,
			position: p.slot!.position,
			users: [...(users.get(p.slot!)?.values() ?? [])],
		}))
		.concat(code.spills.map((p) => ({ name: p.name, size: p.size, position: undefined, users: [] })))
		.sort((a, b) => b.size - a.size);
	return { kind: "stack", function: func.name, position: func.position, size, slots };
}
