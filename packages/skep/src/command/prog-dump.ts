import { writeFileSync } from "node:fs";
import { BpfError } from "@skep/bpf/base";
import type { Fd } from "@skep/bpf/live";
import { STATUS } from "#cli";
import {
	blocksText,
	hexOf,
	infoOf,
	type JitedFunction,
	jitedFunctions,
	openAll,
	programDrawing,
	programGraph,
	programRow,
	programText,
	type SourceLine,
	sourcePlace,
	takeSelector,
	type XlatedInsn,
	xlatedInsns,
} from "#inspect";
import { printable } from "#output";
import { type Desk, done, type Task, writeJson } from "./desk.ts";
import { fileError } from "./files.ts";

/** What a dump is to show. */
interface Wish {
	readonly what: "xlated" | "jited";
	readonly opcodes: boolean;
	readonly linum: boolean;
	/** A graph instead of text: for `dot`, or drawn. */
	readonly graph: "dot" | "svg" | undefined;
	/** Blocks apart, with arrows from jumps to where they lead. */
	readonly blocks: boolean;
	readonly file: string | undefined;
}

/** `dump xlated|jited PROG [opcodes] [linum] [blocks] [visual|svg] [file FILE]`. */
export const dump: Task = (words, desk) => {
	// Without a word for it xlated is meant, as with bpftool.
	const what = words.skip("xlated") ? "xlated" : words.skip("jited") ? "jited" : "xlated";
	const selector = takeSelector("prog", words);
	const options = new Set<string>();
	let file: string | undefined;
	while (!words.empty) {
		const option = words.oneOf(["file", "opcodes", "visual", "linum", "blocks", "svg"], "way to dump");
		options.add(option);
		if (option === "file") file = words.next("the file's name");
	}
	const wish = {
		what,
		file,
		opcodes: options.has("opcodes"),
		linum: options.has("linum"),
		graph: options.has("svg") ? "svg" : options.has("visual") ? "dot" : undefined,
		// On a terminal always; behind a pipe the text is bpftool's.
		blocks: options.has("blocks") || desk.screen.width !== undefined,
	} as const;
	for (const [option, wanted] of [
		["visual", wish.graph === "dot"],
		["svg", wish.graph === "svg"],
		["blocks", options.has("blocks")],
	] as const)
		if (wanted && (wish.what === "jited" || desk.json)) throw words.wrong(`${option} is for text of xlated`);
	const found = openAll(desk.kernel, "prog", selector);
	try {
		if (found.length > 1 && (wish.graph !== undefined || wish.file !== undefined)) {
			const list = found.map((fd) => infoOf(desk.kernel, "prog", fd.number).id).join(", ");
			throw new BpfError("ERR_AMBIGUOUS", `${found.length} programs fit: say one by id (${list})`);
		}
		const values = found.map((fd) => dumpOne(fd, wish, desk, found.length > 1));
		if (desk.json && wish.file === undefined) writeJson(desk, values.length === 1 ? values[0] : values);
	} finally {
		for (const fd of found) fd.close();
	}
	return STATUS.ok;
};

/** Writes text at once; of JSON the value is returned. */
function dumpOne(fd: Fd, wish: Wish, desk: Desk, titled: boolean): unknown {
	const { kernel, machine } = desk;
	if (titled && !desk.json) desk.write(`${titleOf(fd, desk)}\n`);
	if (wish.what === "jited") return dumpJited(fd, wish, desk);
	const insns = xlatedInsns(kernel, machine, fd.number);
	if (insns.length === 0 || insns.every((each) => each.bytes.every((byte) => byte === 0)))
		throw new BpfError(
			"ERR_HIDDEN",
			`the kernel does not show the instructions of ${fd.what}: privileges are missing, or net.core.bpf_jit_harden hides them`,
		);
	const graph =
		wish.graph === "dot"
			? programGraph(insns)
			: wish.graph === "svg"
				? programDrawing(insns, titleOf(fd, desk))
				: undefined;
	if (wish.file !== undefined)
		return toFile(wish.file, graph === undefined ? insns.map((each) => each.bytes) : [Buffer.from(graph)], desk);
	if (desk.json) return xlatedJson(insns, wish);
	desk.write(graph ?? (wish.blocks ? blocksText(insns, desk.screen, wish) : xlatedText(insns, wish)));
	return undefined;
}

/** The first line of what `show` says. */
const titleOf = (fd: Fd, { kernel, machine }: Desk): string =>
	programText(programRow({ kernel, machine }, fd.number)).split("\n")[0]!;

function toFile(file: string, parts: readonly Uint8Array[], desk: Desk): void {
	try {
		writeFileSync(file, Buffer.concat(parts));
	} catch (error) {
		throw fileError(error, file);
	}
	done(desk);
}

function xlatedText(insns: readonly XlatedInsn[], wish: Wish): string {
	let text = "";
	for (const each of insns) {
		if (each.proto !== undefined) text += `${printable(each.proto)}\n`;
		if (each.source) text += `; ${printable(each.source.text)}${wish.linum ? sourcePlace(each.source) : ""}\n`;
		text += `${String(each.slot).padStart(4)}: ${each.text}\n`;
		if (wish.opcodes) text += `       ${hexOf(each.bytes)}\n`;
	}
	return text;
}

/** bpftool's keys: proto, src, file, line_num, line_col, disasm, opcodes. */
function xlatedJson(insns: readonly XlatedInsn[], wish: Wish): object[] {
	const byte = (value: number) => `0x${value.toString(16).padStart(2, "0")}`;
	return insns.map(({ proto, source, text, insn, bytes }) => ({
		...(proto === undefined ? {} : { proto: proto.replace(/:$/, "") }),
		...(source ? { src: source.text } : {}),
		...(source && wish.linum ? { file: source.file, line_num: source.line, line_col: source.column } : {}),
		disasm: text,
		...(wish.opcodes
			? {
					opcodes: {
						code: byte(insn.opcode),
						src_reg: `0x${insn.src.toString(16)}`,
						dst_reg: `0x${insn.dst.toString(16)}`,
						off: Array.from(bytes.subarray(2, 4), byte),
						// Of wide instructions all that follows, as bpftool has it.
						imm: Array.from(bytes.subarray(4), byte),
					},
				}
			: {}),
	}));
}

function dumpJited(fd: Fd, wish: Wish, desk: Desk): unknown {
	const functions = jitedFunctions(desk.kernel, fd.number);
	if (functions.length === 0)
		throw new BpfError(
			"ERR_NOT_JITED",
			`no machine code was made of ${fd.what} (net.core.bpf_jit_enable), or the kernel hides it`,
		);
	if (wish.file !== undefined)
		return toFile(
			wish.file,
			functions.map((each) => each.code),
			desk,
		);
	if (desk.json) return functions.map((each) => jitedJson(each, wish));
	desk.write(functions.map((each) => jitedText(each, wish)).join("\n"));
	return undefined;
}

/** No disassembler: bytes from one source line to the next, with their offsets. */
function parts({
	code,
	lines,
}: JitedFunction): { offset: number; source: SourceLine | undefined; bytes: Uint8Array }[] {
	const starts = [...new Set([0, ...lines.map((line) => line.offset)])].sort((a, b) => a - b);
	return starts.map((offset, i) => ({
		offset,
		source: lines.find((line) => line.offset === offset),
		bytes: code.subarray(offset, starts[i + 1] ?? code.length),
	}));
}

function jitedText(each: JitedFunction, wish: Wish): string {
	let text = each.proto === undefined ? "" : `${printable(each.proto)}:\n`;
	text += `0x${each.address.toString(16).padStart(16, "0")} ${printable(each.name)}, ${each.code.length} bytes:\n`;
	for (const { offset, source, bytes } of parts(each)) {
		if (source) text += `; ${printable(source.text)}${wish.linum ? sourcePlace(source) : ""}\n`;
		for (let at = 0; at < bytes.length; at += 16)
			text += `${(offset + at).toString(16).padStart(4)}: ${hexOf(bytes.subarray(at, at + 16))}\n`;
	}
	return text;
}

function jitedJson(each: JitedFunction, wish: Wish): object {
	return {
		...(each.proto === undefined ? {} : { proto: each.proto }),
		name: each.name,
		address: `0x${each.address.toString(16)}`,
		bytes: each.code.length,
		insns: parts(each).map(({ offset, source, bytes }) => ({
			pc: `0x${offset.toString(16)}`,
			...(source ? { src: source.text } : {}),
			...(source && wish.linum ? { file: source.file, line_num: source.line, line_col: source.column } : {}),
			opcodes: Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, "0")}`),
		})),
	};
}
