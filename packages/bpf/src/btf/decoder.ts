import type { Btf } from "./btf.ts";
import { cachedPlan, type Plan, planSize } from "./plan.ts";
import { type TextReader, textReader } from "./text.ts";
import { checkRoom, interpret, readBits, readInt128, type Value } from "./value.ts";

export interface RecordDecoderOptions {
	/** false: never generate code, as where `new Function` is forbidden. */
	readonly generate?: boolean;
}

/** Larger plans are interpreted: the code would be slower to make than it saves. */
const MAX_GENERATED = 2000;
/** Arrays up to this length are written out. */
const MAX_UNROLLED = 8;

/**
 * A function that reads one struct out of bytes, as `readValue` does and many times faster: its code is generated for the
 * type. Where code cannot be generated (a page without `unsafe-eval`) it interprets.
 * @throws FormatError for a type that is not a struct or union, or is malformed. The function throws RangeError where bytes are missing.
 */
export function recordDecoder(
	btf: Btf,
	id: number,
	options: RecordDecoderOptions = {},
): (view: DataView, offset: number) => { [name: string]: Value } {
	const plan = cachedPlan(btf, id);
	if (plan.op !== "struct") throw btf.malformed(`Type[${id}]`, `a ${btf.kind(btf.resolve(id))}, expected a struct`);
	if (options.generate !== false && countFields(plan) <= MAX_GENERATED) {
		const generated = generate(plan);
		if (generated) return generated;
	}
	return (view, offset) => {
		checkRoom(plan, view, offset);
		return interpret(plan, view, offset) as { [name: string]: Value };
	};
}

const countFields = (p: Plan): number => {
	switch (p.op) {
		case "struct":
			return p.fields.reduce((n, f) => n + countFields(f.plan), 1);
		case "array":
			return countFields(p.element) * Math.min(Math.max(p.length, 1), MAX_UNROLLED);
		default:
			return 1;
	}
};

interface Runtime {
	readonly text: TextReader;
	readonly bits: typeof readBits;
	readonly int128: typeof readInt128;
	readonly room: (view: DataView, offset: number) => void;
}

function generate(
	plan: Plan & { op: "struct" },
): ((view: DataView, offset: number) => { [name: string]: Value }) | undefined {
	const functions: string[] = [];
	const body = expression(plan, 0, functions);
	const source = `"use strict"; const { text, bits, int128, room } = runtime;
${functions.join("\n")}
return (v, o) => { if (o < 0 || o + ${plan.size} > v.byteLength) room(v, o); return ${body}; };`;
	let make: (runtime: Runtime) => (view: DataView, offset: number) => { [name: string]: Value };
	try {
		make = new Function("runtime", source) as typeof make;
	} catch (error) {
		// What a page's content security policy throws; a fault of ours would be a SyntaxError.
		if (error instanceof EvalError) return undefined;
		throw error;
	}
	return make({
		text: textReader(),
		bits: readBits,
		int128: readInt128,
		room: (view, offset) => checkRoom(plan, view, offset),
	});
}

/** An expression that reads `plan` at `o + offset` of the view `v`. Only numbers and JSON strings get into the source. */
function expression(plan: Plan, offset: number, functions: string[]): string {
	const at = offset === 0 ? "o" : `o + ${offset}`;
	switch (plan.op) {
		case "int":
			switch (plan.size) {
				case 1:
					return `v.get${plan.signed ? "Int8" : "Uint8"}(${at})`;
				case 2:
				case 4:
					return `v.get${plan.signed ? "Int" : "Uint"}${plan.size * 8}(${at}, true)`;
				case 8:
					return `v.get${plan.signed ? "BigInt64" : "BigUint64"}(${at}, true)`;
				case 16:
					return `int128(v, ${at}, ${plan.signed})`;
			}
			break;
		case "bool":
			return `v.getUint8(${at}) !== 0`;
		case "float":
			return `v.getFloat${plan.size * 8}(${at}, true)`;
		case "bits": {
			const bytes = planSize(plan);
			if (plan.as === "bigint") return `bits(v, ${at}, ${plan.shift}, ${plan.bits}, ${plan.signed})`;
			if (bytes > 4)
				return `${plan.as === "boolean" ? "0 !== " : ""}Number(bits(v, ${at}, ${plan.shift}, ${plan.bits}, ${plan.signed}))`;
			const parts = Array.from(
				{ length: bytes },
				(_, i) => `v.getUint8(o + ${offset + i})${i === 0 ? "" : ` << ${8 * i}`}`,
			);
			// The field is shifted to the top of the 32-bit word, then down by its sign.
			const up = 32 - plan.shift - plan.bits;
			const read = `(${parts.join(" | ")}) << ${up} ${plan.signed ? ">>" : ">>>"} ${32 - plan.bits}`;
			return plan.as === "boolean" ? `(${read}) !== 0` : `(${read})`;
		}
		case "text":
			return `text(v, ${at}, ${plan.size})`;
		case "array": {
			if (plan.length <= MAX_UNROLLED && plan.element.op !== "struct" && plan.element.op !== "array")
				return `[${Array.from({ length: plan.length }, (_, i) => expression(plan.element, offset + i * plan.stride, functions)).join(", ")}]`;
			const element = expression(plan.element, 0, functions);
			const name = `f${functions.length}`;
			functions.push(
				`const ${name} = (v, s) => { const a = new Array(${plan.length}); for (let i = 0; i < ${plan.length}; i++) { const o = s + i * ${plan.stride}; a[i] = ${element}; } return a; };`,
			);
			return `${name}(v, ${at})`;
		}
		case "struct":
			// Computed, so that a member called __proto__ is a member.
			return `{ ${plan.fields.map((f) => `${f.name === "__proto__" ? '["__proto__"]' : JSON.stringify(f.name)}: ${expression(f.plan, offset + f.offset, functions)}`).join(", ")} }`;
	}
}
