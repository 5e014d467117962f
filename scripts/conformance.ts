// `npm run conformance -- FOLDER`: a folder of bpf_conformance's tests (*.data) through `skep vm plugin`, as its own runner
// does it: program in hex on stdin, memory as an argument, r0 in hex on stdout. Each in the interpreter and in generated
// code, checked and not; a table of what passed. Ends with status 1 where one did not.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encode, type Instruction, parse, slotsOf } from "@skep/bpf/isa";

const PLUGIN = fileURLToPath(new URL("../packages/skep/bin/skep-vm-plugin", import.meta.url));
const ENGINES = { interpreter: ["--interpreter"], "checked JIT": [], JIT: ["--unchecked"] };

/** Verbs of its assembler and signs of ours. */
// biome-ignore format: table
const ARITHMETIC: Readonly<Record<string, string>> = {
	add: "+=", sub: "-=", mul: "*=", div: "/=", sdiv: "s/=", mod: "%=", smod: "s%=", or: "|=", and: "&=", xor: "^=",
	lsh: "<<=", rsh: ">>=", arsh: "s>>=", mov: "=",
};
// biome-ignore format: table
const CONDITIONS: Readonly<Record<string, string>> = {
	jeq: "==", jne: "!=", jset: "&", jgt: ">", jge: ">=", jlt: "<", jle: "<=", jsgt: "s>", jsge: "s>=", jslt: "s<", jsle: "s<=",
};
const ATOMIC: Readonly<Record<string, string>> = { add: "+=", or: "|=", and: "&=", xor: "^=" };
const TYPES: Readonly<Record<string, string>> = { b: "u8", h: "u16", w: "u32", dw: "u64" };

interface Test {
	readonly name: string;
	readonly program: string;
	readonly memory: string;
	readonly result: bigint;
	/** It has to end in an error. */
	readonly fails: boolean;
}

/** One instruction of its assembler in the words of ours; `jump`: distance to a label or number. */
function translated(verb: string, operands: readonly string[], jump: (target: string) => string): string {
	// Of immediates the low 32 bits count.
	const short = (text: string): string =>
		/^0x[0-9a-f]{9,}$/.test(text) && verb !== "lddw" ? `0x${BigInt.asUintN(32, BigInt(text)).toString(16)}` : text;
	const [a = "", b = "", c = ""] = operands.map(short);
	const narrow = verb.endsWith("32") ? "w" : "r";
	const register = (text: string, letter = narrow): string => text.replace(/^r/, letter);
	const base = verb.replace(/32$/, "");
	const place = (text: string): string => {
		const found = /^\[(r\d+)([+-].+)?\]$/.exec(text);
		if (!found) throw new Error(`"${text}" is no [register+offset]`);
		return `${found[1]} ${found[2] ? `${found[2][0]} ${Number(found[2].slice(1))}` : "+ 0"}`;
	};
	const extended = /^movsx(8|16|32)(32|64)$/.exec(verb);
	if (extended) {
		const letter = extended[2] === "32" ? "w" : "r";
		return `${register(a, letter)} = (s${extended[1]})${register(b, letter)}`;
	}
	if (ARITHMETIC[base]) return `${register(a)} ${ARITHMETIC[base]} ${register(b)}`;
	if (base === "neg") return `${register(a)} = -${register(a)}`;
	if (/^(le|be|b?swap)(16|32|64)$/.test(verb)) return `${a} = ${verb.replace(/^swap/, "bswap")} ${a}`;
	if (CONDITIONS[base]) return `if ${register(a)} ${CONDITIONS[base]} ${register(b)} goto ${jump(c)}`;
	if (verb === "lddw") return `${a} = ${b} ll`;
	const memory = /^(ldxs?|stx?)(b|h|w|dw)(sx)?$/.exec(verb);
	if (memory && verb.startsWith("ld")) {
		const isSigned = memory[1] === "ldxs" || memory[3] !== undefined;
		const type = TYPES[memory[2]!]!;
		return `${a} = *(${isSigned ? type.replace("u", "s") : type} *)(${place(b)})`;
	}
	if (memory) return `*(${TYPES[memory[2]!]} *)(${place(a)}) = ${b}`;
	switch (verb) {
		case "exit":
			return "exit";
		case "ja":
			return `goto ${jump(a)}`;
		case "ja32":
			return `gotol ${jump(a)}`;
		case "call":
			if (/^r\d+$/.test(a)) return `callx ${a}`;
			if (a === "local") return `call pc${jump(b)}`;
			if (a === "runtime") return `call kfunc(${Number(b)})`;
			return `call ${Number(a === "helper" ? b : a)}`;
		case "lock":
			return atomic(operands, place);
		default:
			throw new Error(`"${verb}" is no instruction`);
	}
}

function atomic(operands: readonly string[], place: (text: string) => string): string {
	const words = operands.filter((word) => word !== "fetch");
	const [verb = "", where = "", source = ""] = words;
	const isNarrow = verb.endsWith("32");
	const [type, from] = isNarrow ? ["u32", source.replace("r", "w")] : ["u64", source];
	const base = verb.replace(/32$/, "");
	if (base === "xchg") return `${from} = ${isNarrow ? "xchg32_32" : "xchg_64"}(${place(where)}, ${from})`;
	if (base === "cmpxchg") {
		const [name, result] = isNarrow ? ["cmpxchg32_32", "w0"] : ["cmpxchg_64", "r0"];
		return `${result} = ${name}(${place(where)}, ${result}, ${from})`;
	}
	if (words.length < operands.length) return `${from} = atomic_fetch_${base}((${type} *)(${place(where)}), ${from})`;
	return `lock *(${type} *)(${place(where)}) ${ATOMIC[base]} ${from}`;
}

function assemble(text: string): Uint8Array {
	const lines: { slot: number; verb: string; operands: string[] }[] = [];
	const labels = new Map<string, number>();
	let slot = 0;
	for (const raw of text.split("\n")) {
		const line = raw.replace(/#.*/, "").trim();
		if (line === "") continue;
		if (line.endsWith(":")) {
			labels.set(line.slice(0, -1), slot);
			continue;
		}
		const [verb = "", ...operands] = line
			.replaceAll("%", "")
			.replace(/0x[0-9a-f]+/gi, (hex) => hex.toLowerCase())
			.split(/[\s,]+/);
		// The first exit is a label of its own.
		if (verb === "exit" && !labels.has("exit")) labels.set("exit", slot);
		lines.push({ slot, verb, operands });
		slot += verb === "lddw" ? 2 : 1;
	}
	const insns: Instruction[] = lines.map(({ slot: at, verb, operands }) => {
		const jump = (target: string): string => {
			const to = labels.get(target);
			const by = to === undefined ? Number(target) : to - at - 1;
			if (!Number.isInteger(by)) throw new Error(`no label ${target}`);
			return by < 0 ? `${by}` : `+${by}`;
		};
		const one = parse(translated(verb, operands, jump));
		if (slotsOf(one) !== (verb === "lddw" ? 2 : 1)) throw new Error(`"${verb}" has another number of slots`);
		return one;
	});
	return encode(insns);
}

function readTest(folder: string, file: string): Test {
	const sections = new Map<string, string[]>();
	let lines: string[] | undefined;
	for (const line of readFileSync(join(folder, file), "utf8").split(/\r?\n/)) {
		const head = /^--\s*(.+?)\s*$/.exec(line);
		if (head) {
			lines = [];
			sections.set(head[1]!, lines);
		} else lines?.push(line);
	}
	if (sections.has("map")) throw new Error("it wants a map, which a plugin has no way to get");
	const words = (name: string): string[] =>
		(sections.get(name) ?? []).flatMap((line) => line.replace(/#.*/, "").split(/\s+/)).filter((word) => word !== "");
	const raw = words("raw");
	const bytes =
		raw.length > 0
			? new Uint8Array(BigUint64Array.from(raw, BigInt).buffer)
			: assemble((sections.get("asm") ?? []).join("\n"));
	return {
		name: file.replace(/\.data$/, ""),
		program: Buffer.from(bytes).toString("hex"),
		memory: words("mem").join(" "),
		result: BigInt.asUintN(64, BigInt(words("result")[0] ?? 0)),
		fails: sections.has("error"),
	};
}

interface Answer {
	readonly status: number | null;
	readonly text: string;
}

function askPlugin(test: Test, options: readonly string[]): Promise<Answer> {
	const child = spawn(PLUGIN, [...options, ...(test.memory ? [test.memory] : [])]);
	let text = "";
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (bytes) => {
			text += bytes;
		});
	child.stdin.end(test.program);
	return new Promise((resolve) => child.once("close", (status) => resolve({ status, text: text.trim() })));
}

/** What is wrong with an answer; undefined: nothing. */
function complaint(test: Test, { status, text }: Answer): string | undefined {
	if (test.fails) return status === 0 ? `gave ${text}, expected an error` : undefined;
	if (status !== 0) return text.split("\n")[0];
	return BigInt(`0x${text}`) === test.result ? undefined : `gave ${text}, expected ${test.result.toString(16)}`;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
	console.error("usage: npm run conformance -- FOLDER   (the folder `tests` of bpf_conformance)");
	process.exit(2);
}
const files = readdirSync(folder).filter((file) => file.endsWith(".data"));
const wrong: string[] = [];
const passed = new Map(Object.keys(ENGINES).map((name) => [name, 0]));
const left: string[] = [];
async function work(): Promise<void> {
	for (let file = files.shift(); file !== undefined; file = files.shift()) {
		let test: Test;
		try {
			test = readTest(folder!, file);
		} catch (error) {
			left.push(`${file}: ${(error as Error).message}`);
			continue;
		}
		for (const [name, options] of Object.entries(ENGINES)) {
			const what = complaint(test, await askPlugin(test, options));
			if (what === undefined) passed.set(name, passed.get(name)! + 1);
			else wrong.push(`${test.name}, ${name}: ${what}`);
		}
	}
}
const all = files.length;
await Promise.all(Array.from({ length: availableParallelism() }, work));
console.log(`| engine | passed of ${all} |\n| --- | ---: |`);
for (const [name, count] of passed) console.log(`| ${name} | ${count} |`);
for (const line of [...wrong.sort(), ...left.sort()]) console.log(line);
process.exitCode = wrong.length + left.length === 0 ? 0 : 1;
