import type { Binding, Constant, Node } from "#frontend";
import { KNOWN_CONSTANTS, wordOf } from "#language";
import { enumsWord } from "./enumerator.ts";
import { readVariable } from "./global.ts";
import { readLocal } from "./local.ts";
import type { Lowering } from "./lowering.ts";
import { boolConstant, constant, type Local, literal, POISON, UNDEFINED, type Value } from "./value.ts";

/** A constant of module level as a value. */
export function fromConstant(c: Constant): Value {
	switch (c.kind) {
		case "int":
			if (c.type?.kind === "int") return { ...constant(c.value, c.type.bits, c.type.signed) };
			return c.value >= 0n ? literal(c.value, c.big) : constant(c.value, c.big ? 64 : 32, true);
		case "be":
			return { kind: "be", bits: c.bits, constant: c.value };
		case "bool":
			return boolConstant(c.value);
		case "string":
			return { kind: "text", text: c.value };
		case "undefined":
			return UNDEFINED;
		case "array":
			return { kind: "list", elements: c.elements.map(fromConstant) };
		case "object":
			return { kind: "record", members: new Map([...c.members].map(([k, v]) => [k, fromConstant(v)])) };
	}
}

const USER_GLOBALS: Record<string, string> = {
	console: "printk(`…`) writes to the trace pipe",
	process: "use current, or options({…}) for the command line",
	fetch: "send a record to the user half: ringbuf and emit",
	setTimeout: "wait in the user half",
	setInterval: "use every() in the user half",
	require: "import at the top of the module",
	globalThis: "there are no global objects here",
	Buffer: "use chars<N> or arr<u8, N>",
	document: "there is no page here",
	window: "there is no page here",
	performance: "ktime() gives nanoseconds",
	queueMicrotask: "the kernel half runs to its end",
	structuredClone: "`{ ...x }` copies a struct",
};

const JS_OBJECTS = new Set([
	"Math",
	"Number",
	"BigInt",
	"Boolean",
	"String",
	"Date",
	"JSON",
	"Object",
	"Array",
	"Map",
	"Set",
	"WeakMap",
	"Promise",
	"Symbol",
	"RegExp",
	"Error",
	"Reflect",
	"parseInt",
	"parseFloat",
	"isNaN",
	"isFinite",
	"Uint8Array",
	"DataView",
	"Atomics",
	"Intl",
	"eval",
]);

export function identifier(l: Lowering, node: Node): Value {
	const name: string = node["name"];
	const found = l.lookup(name);
	if (!found) {
		if (name === "undefined") return UNDEFINED;
		if (name === "NaN" || name === "Infinity")
			return l.error("SK2001", node, `${name} is no integer`, "kernel code has integers only");
		if (USER_GLOBALS[name]) return l.error("SK5005", node, `${name} belongs to the user half`, USER_GLOBALS[name]);
		if (JS_OBJECTS.has(name)) return { kind: "word", module: "js", name };
		return l.error("SK1004", node, `${name} is not declared`, "declare or import it");
	}
	if (!("kind" in found)) return readLocal(l, found as Local, node);
	return fromBinding(l, found, node);
}

function fromBinding(l: Lowering, b: Binding | Value, node: Node): Value {
	switch (b.kind) {
		case "vocabulary": {
			if (b.module === "skep/uapi") {
				const value = KNOWN_CONSTANTS[b.name];
				if (value !== undefined) return literal(BigInt(value), false);
			}
			if (b.name.startsWith("enums.")) return enumsWord(l, b.name, node);
			const word = wordOf(b.module, b.name);
			if (word?.half === "U")
				return l.error("SK5005", node, `${b.name} belongs to the user half`, "use it outside of programs' functions");
			if (word && !word.compiled) return l.notYet(node, b.name);
			return { kind: "word", module: b.module, name: b.name };
		}
		case "map":
			return { kind: "map", map: (b as Extract<Binding, { kind: "map" }>).map };
		case "program":
			return l.error(
				"SK5002",
				node,
				`${(b as Extract<Binding, { kind: "program" }>).program.name} is a program: its members belong to the user half`,
				"move this to the user half",
			);
		case "options":
			return "options" in b ? { kind: "options", options: b.options } : POISON;
		case "function":
			if (b.subprogram) return l.notYet(node, "subprogram()", "write an ordinary function: it is inlined");
			return { kind: "closure", node: b.node, module: b.module, scope: undefined, name: b.name };
		case "constant":
			return "value" in b ? fromConstant(b.value as Constant) : POISON;
		case "variable":
			return readVariable(l, b, node);
		case "type":
			return l.error("SK1001", node, `${b.name} is a type, not a value`);
		case "shared":
			return { kind: "shared", shared: b.shared };
		case "broken":
			return POISON;
		case "user":
			return l.error(
				"SK5005",
				node,
				`${b.name} belongs to the user half`,
				"only functions, constants, handles and the vocabulary reach kernel code",
			);
		default:
			return b;
	}
}
