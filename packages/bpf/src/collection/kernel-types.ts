import { BpfError, NotSupportedError, PermissionError } from "#base";
import { Btf, type BtfKind } from "#btf";
import { errnoName, type Kernel } from "#kernel";
import { type Fd, ids, KernelBtf, refuse } from "#live";

/** A type of the running kernel, or of one of its modules. */
export interface KernelType {
	readonly btf: Btf;
	readonly id: number;
	/** Absent: the kernel itself. */
	readonly module?: { readonly name: string; readonly fd: Fd };
}

interface ModuleTypes {
	readonly name: string;
	readonly btf: Btf;
	readonly fd: Fd;
}

/**
 * The running kernel's types, read when first asked for; those of modules only where the kernel itself lacks a name.
 * Owns the descriptors of the modules' BTF: close it when everything is loaded.
 */
export class KernelTypes implements Disposable {
	readonly #kernel: Kernel;
	#vmlinux: Btf | undefined;
	#modules: readonly ModuleTypes[] | undefined;

	/** `vmlinux`: the kernel's own BTF where the caller has it already. */
	constructor(kernel: Kernel, vmlinux: Btf | undefined) {
		this.#kernel = kernel;
		this.#vmlinux = vmlinux;
	}

	/** What is known so far, without asking. */
	get known(): Btf | undefined {
		return this.#vmlinux;
	}

	/** @throws BpfError ERR_NO_BTF where the kernel was built without */
	get vmlinux(): Btf {
		this.#vmlinux ??= readVmlinux(this.#kernel);
		return this.#vmlinux;
	}

	/** BTF of the modules that are loaded now; none where the kernel cannot tell. */
	get modules(): readonly ModuleTypes[] {
		this.#modules ??= readModules(this.#kernel, this.vmlinux);
		return this.#modules;
	}

	/** `module`: look there alone (`module:function` in a section's name). */
	find(name: string, kind: BtfKind, module?: string): KernelType | undefined {
		const { vmlinux } = this;
		if (module === undefined || module === "vmlinux") {
			const id = vmlinux.find(name, kind);
			if (id !== undefined) return { btf: vmlinux, id };
			if (module !== undefined) return undefined;
		}
		for (const { name: from, btf, fd } of this.modules) {
			if (module !== undefined && module !== from) continue;
			const id = btf.findAll(name).find((each) => each >= btf.firstId && btf.kind(each) === kind);
			if (id !== undefined) return { btf, id, module: { name: from, fd } };
		}
		return undefined;
	}

	close(): void {
		for (const { fd } of this.#modules ?? []) fd.close();
		this.#modules = [];
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

/** A kernel's types stay what they are: the next load need not read them again, while there is memory for them. */
const READ = new WeakMap<Kernel, WeakRef<Btf>>();

function readVmlinux(kernel: Kernel): Btf {
	const before = READ.get(kernel)?.deref();
	if (before) return before;
	const bytes = kernel.btf();
	if (typeof bytes !== "number") {
		const btf = Btf.decode(bytes, { section: "vmlinux" });
		READ.set(kernel, new WeakRef(btf));
		return btf;
	}
	if (errnoName(bytes) === "ENOENT") {
		throw new BpfError(
			"ERR_NO_BTF",
			`the running kernel ${kernel.release} has no BTF (/sys/kernel/btf/vmlinux): CO-RE and tp_btf need a kernel built with CONFIG_DEBUG_INFO_BTF`,
		);
	}
	throw refuse(kernel, { syscall: "open", errno: -bytes, what: "read the kernel's BTF" });
}

function readModules(kernel: Kernel, base: Btf): ModuleTypes[] {
	const found: ModuleTypes[] = [];
	try {
		for (const id of ids(kernel, "btf")) {
			const live = openBtf(kernel, id);
			if (!live) continue;
			if (!live.isKernel || live.name === "vmlinux" || live.name === "") live.close();
			else found.push({ name: live.name, btf: live.decode(base), fd: live.fd });
		}
	} catch (error) {
		// Kernels before 5.4 have no ids of BTF, and without CAP_SYS_ADMIN nobody may ask: then there are no modules to see.
		if (error instanceof NotSupportedError || error instanceof PermissionError) return found;
		for (const { fd } of found) fd.close();
		throw error;
	}
	return found;
}

/** undefined: gone since it was listed. */
function openBtf(kernel: Kernel, id: number): KernelBtf | undefined {
	try {
		return KernelBtf.byId(kernel, id);
	} catch (error) {
		if (error instanceof BpfError && error.code === "ENOENT") return undefined;
		throw error;
	}
}
