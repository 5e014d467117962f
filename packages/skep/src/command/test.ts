import { writeFileSync } from "node:fs";
import { BpfError } from "@skep/bpf/base";
import { chooseKernel } from "#backend";
import { type Invocation, STATUS, UsageError, writeError } from "#cli";
import { findTests, renderCoverage, renderLcov, runTests } from "#harness";
import { toJson } from "#output";

/** `skep test [options] [FILE|FOLDER …]` */
export async function run(call: Invocation): Promise<number> {
	const { flags, rest } = call;
	const files = findTests(rest);
	const asked = text(flags.get("kernel")) ?? "virtual";
	if (asked !== "linux" && asked !== "virtual" && asked !== "auto")
		throw new UsageError(`--kernel: "${asked}" is not one of linux, virtual, auto`, "test");
	const wanted = asked === "auto" ? chosen() : asked;
	// Better here and once than in each machine.
	if (wanted === "linux") chooseKernel("linux");
	const json = flags.has("json");
	const lcov = text(flags.get("lcov"));
	if (wanted === "linux" && (lcov !== undefined || flags.has("coverage")))
		throw new UsageError("coverage is counted by the virtual kernel: without --kernel linux", "test");
	const { ok, counts } = await runTests(files, {
		kernel: wanted,
		reporter: text(flags.get("reporter")) ?? "spec",
		name: text(flags.get("name")),
		coverage: flags.has("coverage") || lcov !== undefined,
		...(json ? { result: (result) => process.stdout.write(`${toJson(result)}\n`) } : {}),
	});
	if (counts !== undefined && lcov !== undefined) write(lcov, renderLcov(counts));
	if (counts !== undefined && flags.has("coverage"))
		(json ? process.stderr : process.stdout).write(renderCoverage(counts));
	return ok ? STATUS.ok : STATUS.error;
}

/** Linux where it may be, which takes packets only. */
function chosen(): "linux" | "virtual" {
	const { kernel, reason } = chooseKernel("auto", "given");
	writeError(reason);
	return kernel.name === "linux" ? "linux" : "virtual";
}

const text = (flag: string | true | undefined): string | undefined => (flag === true ? undefined : flag);

function write(file: string, content: string): void {
	try {
		writeFileSync(file, content);
	} catch (error) {
		throw new BpfError("ERR_FILE", `${file} cannot be written: ${(error as Error).message}`);
	}
}
