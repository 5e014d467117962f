import { BpfError, SyscallError } from "#base";
import { Btf } from "#btf";
import { errnoName, type Kernel } from "#kernel";
import { type BpfMap, type Fd, loadBtf, type Program, refuse } from "#live";
import { relocate } from "#relocate";
import type { CollectionSpec, ProgramSpec } from "#spec";
import { type LoadableBtf, loadableBtf } from "./btf.ts";
import { checkVariables, openMap } from "./maps.ts";
import type { LoadOptions } from "./options.ts";
import { loadProgram } from "./programs.ts";

export interface Loaded {
	readonly maps: ReadonlyMap<string, BpfMap>;
	readonly programs: ReadonlyMap<string, Program>;
	readonly btf: Fd | undefined;
	/** What was done otherwise than the object asked, in words. */
	readonly notes: readonly string[];
}

/** Makes everything of a spec, in order; closes it again, in reverse, where a step fails. */
export function loadAll(kernel: Kernel, spec: CollectionSpec, options: LoadOptions): Loaded {
	const made: { close(): void }[] = [];
	const own = <T extends { close(): void }>(thing: T): T => {
		made.push(thing);
		return thing;
	};
	try {
		return build(kernel, spec, options, own);
	} catch (error) {
		for (const thing of made.reverse()) thing.close();
		throw error;
	}
}

function build(
	kernel: Kernel,
	whole: CollectionSpec,
	options: LoadOptions,
	own: <T extends { close(): void }>(thing: T) => T,
): Loaded {
	checkVariables(whole, options.variables ?? {});
	const wanted = options.programs ?? ((program: ProgramSpec) => program.autoload);
	const spec = { ...whole, programs: new Map([...whole.programs].filter(([, program]) => wanted(program))) };
	let kernelBtf = options.kernelBtf;
	const needBtf = (): Btf => {
		kernelBtf ??= readKernelBtf(kernel);
		return kernelBtf;
	};
	const relocated = relocate(spec, { kernel: wantsCore(spec) ? needBtf() : kernelBtf });

	const notes: string[] = [];
	const loadable = spec.btf && loadableBtf(spec, spec.btf);
	const btf = loadable && tryLoadBtf(kernel, loadable, notes);
	if (btf) own(btf);
	const maps = new Map<string, BpfMap>();
	const onUndo = (undo: () => void) => own({ close: undo });
	for (const [name, map] of spec.maps) maps.set(name, own(openMap(kernel, spec, map, btf, options, onUndo)));
	const programs = new Map<string, Program>();
	const parts = {
		maps,
		btf: btf && loadable ? { fd: btf, loadable } : undefined,
		kernelBtf: needBtf,
		logLevel: options.logLevel ?? 0,
	};
	for (const [name, program] of relocated.programs) programs.set(name, own(loadProgram(kernel, spec, program, parts)));
	return { maps, programs, btf, notes };
}

function wantsCore(spec: CollectionSpec): boolean {
	return [...spec.programs.values(), ...spec.functions.values()].some((each) => each.core.length > 0);
}

/** Without BTF programs still run, but nobody can show their types: that is said, not hidden. */
function tryLoadBtf(kernel: Kernel, btf: LoadableBtf, notes: string[]): Fd | undefined {
	try {
		return loadBtf(kernel, btf.bytes);
	} catch (error) {
		if (!(error instanceof SyscallError)) throw error;
		notes.push(`the kernel refused the object's BTF, so maps and programs have no type information: ${error.message}`);
		return undefined;
	}
}

function readKernelBtf(kernel: Kernel): Btf {
	const bytes = kernel.btf();
	if (typeof bytes !== "number") return Btf.decode(bytes, { section: "vmlinux" });
	if (errnoName(bytes) === "ENOENT") {
		throw new BpfError(
			"ERR_NO_BTF",
			`the running kernel ${kernel.release} has no BTF (/sys/kernel/btf/vmlinux): CO-RE and tp_btf need a kernel built with CONFIG_DEBUG_INFO_BTF`,
		);
	}
	throw refuse(kernel, { syscall: "open", errno: -bytes, what: "read the kernel's BTF" });
}
