import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BpfError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { kernelDeclarations, readTracefs, type TracepointTable, tracepointTable } from "@skep/compiler/declare";
import { tracefsRoot } from "#backend";
import { readBtfFile, readBytes } from "./files.ts";
import { kernelData } from "./kernel-data.ts";

/** What the vocabulary's own types name; the sources' names come on top. */
const STRUCTS = [
	"task_struct",
	"linux_binprm",
	"cgroup",
	"sock",
	"inode",
	"file",
	"path",
	"xdp_md",
	"__sk_buff",
	"bpf_sock_addr",
	"bpf_sk_lookup",
	"bpf_sock_ops",
	"bpf_sock",
	"pt_regs",
];

export interface KernelTypesText {
	/** A `kernel.d.ts`. */
	readonly text: string;
	/** Where the types and tracepoints came from, for people. */
	readonly from: string;
}

/**
 * This machine's kernel types for the editor, beside the shipped ones: BTF of the running kernel (or of a file), tracepoints of tracefs. `named`:
 * struct names, or TypeScript files whose imports from `skep/kernel` name them.
 */
export function kernelTypes(btfFile: string | undefined, named: readonly string[]): KernelTypesText {
	const btf = btfFile === undefined ? runningBtf() : readBtfFile(btfFile);
	const { table, from } = btfFile === undefined ? tracepointsHere() : shippedTracepoints();
	const structs = [...new Set([...STRUCTS, ...named.flatMap(namesOf)])];
	const source = btfFile ?? RUNNING;
	for (const name of named) {
		if (/\.[mc]?ts$/.test(name) || KINDS.some((kind) => btf.find(name, kind) !== undefined)) continue;
		const file = existsSync(name) ? "; a file is named by its ending .ts" : "";
		throw new BpfError("ERR_TYPE", `${source} has no type ${name}${file}`);
	}
	return {
		text: kernelDeclarations({
			btf,
			tracepoints: table,
			structs,
			existing: shippedTypes(),
			title: `Kernel types by "skep types", from ${source}`,
		}),
		from: `${source} and ${from}`,
	};
}

/** What has a declaration of its own. */
const KINDS = ["struct", "union", "enum", "enum64", "typedef"] as const;

/** What `skep/kernel` declares already: interfaces merge, but no member may be declared twice in two ways. */
function shippedTypes(): string {
	const path = fileURLToPath(new URL("../../types/kernel.d.ts", import.meta.resolve("skep/kernel")));
	try {
		return readFileSync(path, "utf8");
	} catch {
		throw new BpfError("ERR_FILE", `${path} is missing: this installation of skep is not whole`);
	}
}

const RUNNING = "/sys/kernel/btf/vmlinux";

function runningBtf(): Btf {
	try {
		return Btf.decode(readFileSync(RUNNING), { section: "vmlinux", file: RUNNING });
	} catch (error) {
		if (error instanceof BpfError) throw error;
		throw new BpfError(
			"ERR_FILE",
			`${RUNNING} cannot be read: a kernel with CONFIG_DEBUG_INFO_BTF is needed, or give --btf FILE`,
		);
	}
}

function tracepointsHere(): { readonly table: TracepointTable; readonly from: string } {
	const root = tracefsRoot();
	if (typeof root === "number") return shippedTracepoints();
	const events = `${root}/events`;
	const quietly = <T>(work: () => T): T | undefined => {
		try {
			return work();
		} catch {
			return undefined;
		}
	};
	const list = readTracefs({
		list: (path) => quietly(() => readdirSync(`${events}/${path}`)) ?? [],
		read: (path) => quietly(() => readFileSync(`${events}/${path}`, "utf8")),
	});
	return list.length === 0
		? shippedTracepoints()
		: { table: tracepointTable(list), from: `tracefs (${list.length} tracepoints)` };
}

function shippedTracepoints(): { readonly table: TracepointTable; readonly from: string } {
	const { tracepoints } = kernelData(undefined);
	return { table: tracepoints, from: `the shipped table of tracepoints (${tracepoints.names().length})` };
}

/** A struct's name is itself; a TypeScript file names what it imports from `skep/kernel`. */
function namesOf(word: string): string[] {
	if (!/\.[mc]?ts$/.test(word)) return [word];
	const text = new TextDecoder().decode(readBytes(word));
	const imports = [...text.matchAll(/import\s+(?:type\s+)?\{([^}]*)\}\s*from\s*["']skep\/kernel["']/g)];
	return imports.flatMap(([, names]) =>
		names!
			.split(",")
			.map((name) =>
				name
					.trim()
					.replace(/^type\s+/, "")
					.replace(/\s+as\s+.*$/, ""),
			)
			.filter((name) => name !== ""),
	);
}
