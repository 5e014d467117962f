import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { type Invocation, STATUS, UsageError, writeError } from "#cli";
import { compileFile, display } from "#run";
import { reportFindings } from "./execute.ts";
import { renderIr, explain as renderReport } from "./explain.ts";
import { fileError } from "./files.ts";

/** `skep build FILE.ts [-o FILE.o] [--explain] [--ir]`. */
export async function run(call: Invocation): Promise<number> {
	const [file, ...more] = call.rest;
	if (file === undefined) throw new UsageError("build wants a file: FILE.ts", "build");
	if (more.length > 0) throw new UsageError(`build takes one file, "${more[0]}" is one too many`, "build");
	const btf = call.flags.get("btf");
	const explain = call.flags.has("explain");
	const ir = call.flags.has("ir");
	const compiled = compileFile(file, { btf: typeof btf === "string" ? btf : undefined, explain: ir });
	const { result, warnings } = await compiled.catch(reportFindings);
	if (warnings !== "") writeError(warnings);
	const output = call.flags.get("output");
	if (explain) process.stdout.write(renderReport(file, result));
	if (ir) process.stdout.write(renderIr(result));
	if ((explain || ir) && output === undefined) return STATUS.ok;
	const target = typeof output === "string" ? output : `${basename(file).replace(/\.[^.]*$/, "")}.o`;
	try {
		writeFileSync(target, result.object);
	} catch (error) {
		throw fileError(error, target);
	}
	if (!explain && !ir) process.stdout.write(`${display(target)}: ${result.object.length} bytes\n`);
	return STATUS.ok;
}
