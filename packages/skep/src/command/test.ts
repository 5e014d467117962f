import { writeFileSync } from "node:fs";
import { BpfError } from "@skep/bpf/base";
import { chooseKernel } from "#backend";
import { type Invocation, STATUS, UsageError } from "#cli";
import { findTests, renderCoverage, renderLcov, runTests } from "#harness";
import { toJson } from "#output";

/** `skep test [options] [FILE|FOLDER …]` */
export async function run(call: Invocation): Promise<number> {
	const { flags, rest } = call;
	const files = findTests(rest);
	const wanted = text(flags.get("kernel")) ?? "virtual";
	if (wanted !== "linux" && wanted !== "virtual")
		throw new UsageError(`--kernel: "${wanted}" is not one of linux, virtual`, "test");
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

const text = (flag: string | true | undefined): string | undefined => (flag === true ? undefined : flag);

function write(file: string, content: string): void {
	try {
		writeFileSync(file, content);
	} catch (error) {
		throw new BpfError("ERR_FILE", `${file} cannot be written: ${(error as Error).message}`);
	}
}
