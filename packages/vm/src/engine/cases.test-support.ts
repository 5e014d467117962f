// Case files: sections of bpf_conformance's format, several cases a file, in the assembler of `@skep/bpf/isa`.
//
//   == name            begins a case (a file without it is one case)
//   -- asm             one instruction a line, `label:`, comments from #; jumps and calls may name labels
//   -- mem             bytes in hex: r1 is their address, r2 their number (both 0 without)
//   -- packet          bytes in hex, for LD_ABS and LD_IND
//   -- result          r0, 64 bits
//   -- error           kind of the VmFault, then words that its message has; `refused` and words of the log where a whole
//                      kernel does not take it
//   -- each            a table instead: head `r1 r2 = r0`, then rows. Registers are loaded before the program runs;
//                      a column `imm` takes the place of $imm in the text
//   -- linux           what Linux has to say where it refuses the program or the two cannot be compared: `refused: TEXT OF
//                      ITS LOG` or `not comparable: REASON`
//   -- type            the case is a scene, with maps: see scene.test-support.ts
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Instruction, insn, parse, slotsOf } from "@skep/bpf/isa";
import { HELPERS } from "@skep/bpf/uapi";
import { kfuncNumber, parseScene, type SceneCase } from "./scene.test-support.ts";

export interface Case {
	readonly name: string;
	readonly insns: readonly Instruction[];
	readonly memory: Uint8Array<ArrayBuffer> | undefined;
	readonly packet: Uint8Array<ArrayBuffer> | undefined;
	/** Rows: what memory holds and r0. One row without inputs where `-- result` says it. */
	readonly runs: readonly { readonly memory: Uint8Array<ArrayBuffer> | undefined; readonly result: bigint }[];
	readonly error: { readonly kind: string; readonly words: string } | undefined;
	readonly linux: { readonly kind: "refused" | "not comparable"; readonly words: string } | undefined;
	/** What is run on a whole kernel instead of the interpreter alone. */
	readonly scene?: SceneCase;
}

function helperNumber(name: string): number {
	const row = HELPERS.find((each) => each.name === name);
	if (!row) throw new Error(`no helper ${name}`);
	return row.id;
}

/** Instructions with labels. Distances are counted in slots. @throws FormatError, Error for an unknown label */
export function assemble(text: string): Instruction[] {
	const lines: string[] = [];
	const labels = new Map<string, number>();
	let slot = 0;
	const slots: number[] = [];
	for (const raw of text.split("\n")) {
		const line = raw.replace(/#.*/, "").trim();
		if (line === "") continue;
		const label = /^(\w+):$/.exec(line);
		if (label) labels.set(label[1]!, slot);
		else {
			lines.push(line);
			slots.push(slot);
			slot += / ll$/.test(line) ? 2 : 1;
		}
	}
	return lines.map((line, index) => {
		const distance = (name: string): string => {
			const to = labels.get(name);
			if (to === undefined) throw new Error(`no label ${name} for "${line}"`);
			const by = to - slots[index]! - 1;
			return by < 0 ? `${by}` : `+${by}`;
		};
		const result = parse(
			line
				.replace(/(goto|gotol|may_goto) ([a-z_]\w*)$/, (_, word, name) => `${word} ${distance(name)}`)
				.replace(/^call kfunc (\w+)$/, (_, name) => `call kfunc(${kfuncNumber(name)})`)
				.replace(/^call helper (\w+)$/, (_, name) => `call ${helperNumber(name)}`)
				.replace(/^call ([a-z_]\w*)$/, (_, name) => `call pc${distance(name)}`)
				.replace(/code_addr\(([a-z_]\w*)\)/, (_, name) => `code_addr(${Number(distance(name))})`),
		);
		if (slotsOf(result) !== (/ ll$/.test(line) ? 2 : 1)) throw new Error(`"${line}" has another number of slots`);
		return result;
	});
}

const number = (text: string): bigint => {
	const value = text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
	return BigInt.asUintN(64, value);
};

const hexBytes = (text: string | undefined): Uint8Array<ArrayBuffer> | undefined =>
	text === undefined
		? undefined
		: Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (byte) => Number.parseInt(byte, 16));

function words(values: readonly bigint[]): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(values.length * 8);
	values.forEach((value, i) => {
		new DataView(bytes.buffer).setBigUint64(i * 8, value, true);
	});
	return bytes;
}

const linuxOf = (text: string | undefined): Case["linux"] => {
	if (text === undefined) return undefined;
	const match = /^(refused|not comparable): (.+)$/s.exec(text);
	if (!match) throw new Error(`-- linux: "${text}" is neither refused nor not comparable`);
	return { kind: match[1] as "refused" | "not comparable", words: match[2]! };
};

function parseCase(name: string, text: string): Case[] {
	const sections = new Map<string, string>();
	for (const part of text.split(/^-- /m).slice(1)) {
		const [head, ...body] = part.split("\n");
		const lines = body.map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "");
		sections.set(head!.trim(), lines.join("\n"));
	}
	const asm = sections.get("asm")!;
	const linux = linuxOf(sections.get("linux"));
	const packet = hexBytes(sections.get("packet"));
	const memory = hexBytes(sections.get("mem"));
	const fault = sections.get("error");
	const error =
		fault === undefined ? undefined : { kind: fault.split(" ")[0]!, words: fault.split(" ").slice(1).join(" ") };
	if (sections.has("type")) {
		const scene = parseScene(sections, assemble);
		const insns = scene.scene.programs.get("main")!;
		return [{ name, insns, memory, packet, runs: [], error, linux, scene }];
	}
	const each = sections.get("each");
	if (each === undefined) {
		const result = sections.get("result");
		const runs = result === undefined ? [] : [{ memory, result: number(result) }];
		return [{ name, insns: assemble(asm), memory, packet, runs, error, linux }];
	}
	const [head, ...rows] = each.split("\n").map((line) => line.replace("=", "").trim().split(/\s+/));
	const columns = head!.slice(0, -1);
	const registers = columns.filter((c) => c !== "imm");
	const groups = new Map<string, { memory: Uint8Array<ArrayBuffer>; result: bigint }[]>();
	for (const row of rows) {
		const imm = columns.includes("imm") ? row[columns.indexOf("imm")]! : "";
		const values = registers.map((r) => number(row[columns.indexOf(r)]!));
		const runs = groups.get(imm) ?? [];
		runs.push({ memory: words(values), result: number(row.at(-1)!) });
		groups.set(imm, runs);
	}
	// r1 is the address of the values: loaded last.
	const loads = registers
		.map((r, i) => insn.load(8, Number(r.slice(1)), 1, i * 8))
		.sort((a, b) => Number(a.dst === 1) - Number(b.dst === 1));
	return [...groups].map(([imm, runs]) => ({
		name: imm === "" ? name : `${name} ${imm}`,
		insns: [...loads, ...assemble(asm.replaceAll("$imm", imm))],
		memory: runs[0]!.memory,
		packet,
		runs,
		error,
		linux,
	}));
}

const folder = fileURLToPath(new URL("../../testdata/conformance/", import.meta.url));

/** The cases of one file's text. */
export function parseCases(file: string, text: string): Case[] {
	const parts = text.split(/^== /m);
	if (parts.length === 1) return parseCase(file, text);
	return parts.slice(1).flatMap((part) => {
		const name = part.slice(0, part.indexOf("\n")).trim();
		return parseCase(`${file}: ${name}`, part);
	});
}

/** Every case of every file. */
export function readCases(): Case[] {
	return readdirSync(folder)
		.filter((file) => file.endsWith(".data"))
		.sort()
		.flatMap((file) => parseCases(file, readFileSync(folder + file, "utf8")));
}
