import type { Block, Callee, CoreAccess, Func, Inst, Terminator } from "./ir.ts";

/**
 * A function's IR as text, one instruction a line: `%3:32 = add %1, %2`. The space follows the width where it is not
 * scalar (`%1:64.ctx`). `parseFunc` reads it back; positions and source names are not written.
 */
export function formatFunc(func: Func): string {
	const lines = [`func ${func.name} ${JSON.stringify(func.section)} ${func.params.length}`];
	for (const s of func.slots) lines.push(`  slot ${s.name}.${s.id} ${s.size} align ${s.align}`);
	const blocks = [func.entry, ...func.blocks.filter((b) => b !== func.entry)];
	for (const b of blocks) {
		lines.push(`b${b.id}:`);
		for (const i of b.phis) lines.push(`  ${formatInst(i)}`);
		for (const i of b.insts) lines.push(`  ${formatInst(i)}`);
		lines.push(`  ${b.terminator ? formatTerminator(b.terminator) : "?"}`);
	}
	return `${lines.join("\n")}\n`;
}

const VOID = new Set(["store", "zero", "copy"]);
const ref = (i: Inst | undefined): string => (i ? `%${i.id}` : "%?");
const at = (base: Inst | undefined, offset: number): string =>
	offset === 0 ? ref(base) : `${ref(base)} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)}`;
const blockName = (b: Block): string => `b${b.id}`;

/** `field_byte_offset:12:0/3/1`, with `:flavour` where there is one. */
export const formatCore = (c: CoreAccess): string =>
	`core ${c.kind}:${c.root}:${c.path.join("/")}${c.flavour ? `:${c.flavour}` : ""}`;

const formatCallee = (c: Callee): string =>
	c.kind === "helper" ? `helper ${c.id} ${c.name}${c.movesPacket ? " moves" : ""}` : `${c.kind} ${c.name}`;

export function formatInst(i: Inst): string {
	const text = body(i);
	return VOID.has(i.op) ? text : `%${i.id}:${i.width}${i.space === "scalar" ? "" : `.${i.space}`} = ${text}`;
}

function body(i: Inst): string {
	const [a, b, c] = i.args;
	switch (i.op) {
		case "param":
			return `param ${i.index}`;
		case "const":
			return `const ${i.value}`;
		case "binary":
			return `${i.operator} ${ref(a)}, ${ref(b)}`;
		case "extend":
			return `extend ${i.signed ? "s" : "u"}${i.from} ${ref(a)}`;
		case "truncate":
			return `truncate ${ref(a)}`;
		case "swap":
			return `swap ${i.bits} ${ref(a)}`;
		case "compare":
			return `compare ${i.condition} ${i.on} ${ref(a)}, ${ref(b)}`;
		case "load":
			return `load ${i.signed ? "s" : "u"}${i.size * 8} ${at(a, i.offset)}${i.shared ? " shared" : ""}${i.core ? ` ${formatCore(i.core)}` : ""}`;
		case "store":
			return `store ${i.size} ${at(a, i.offset)}, ${ref(b)}`;
		case "atomic":
			return `atomic ${i.operator} ${i.size}${i.fetch ? " fetch" : ""} ${at(a, i.offset)}, ${ref(b)}${c ? `, ${ref(c)}` : ""}`;
		case "slot":
			return `slot ${i.slot.name}.${i.slot.id}`;
		case "offset":
			return b ? `offset ${ref(a)} + ${ref(b)}` : `offset ${at(a, i.offset)}${i.core ? ` ${formatCore(i.core)}` : ""}`;
		case "map":
			return `map ${i.map}`;
		case "global":
			return `global ${i.variable}`;
		case "call":
			return `call ${formatCallee(i.callee)} (${i.args.map(ref).join(", ")})`;
		case "phi":
			return `phi ${i.args.map((x, k) => `${i.block.predecessors[k] ? blockName(i.block.predecessors[k]!) : "b?"} ${ref(x)}`).join(", ")}`;
		case "core":
			return `value ${i.value} ${formatCore(i.core)}`;
		case "zero":
			return `zero ${at(a, i.offset)}, ${i.size} align ${i.align}`;
		case "copy":
			return `copy ${at(a, i.toOffset)}, ${at(b, i.fromOffset)}, ${i.size} align ${i.align}`;
	}
}

export function formatTerminator(t: Terminator): string {
	switch (t.op) {
		case "jump":
			return `jump ${blockName(t.target)}`;
		case "branch":
			return `branch ${t.condition} ${t.on} ${ref(t.args[0])}, ${ref(t.args[1])}, ${blockName(t.then)}, ${blockName(t.else)}${t.likely === undefined ? "" : t.likely ? " likely" : " unlikely"}`;
		case "return":
			return `return ${ref(t.args[0])}`;
		case "unreachable":
			return "unreachable";
	}
}
