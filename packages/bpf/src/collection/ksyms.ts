import { LinkError, NotSupportedError } from "#base";
import type { Kernel } from "#kernel";
import { essentialName, typesCompatible } from "#relocate";
import type { CollectionSpec } from "#spec";
import type { KernelType, KernelTypes } from "./kernel-types.ts";
import type { LoadOptions } from "./options.ts";

interface Wanted {
	readonly name: string;
	readonly weak: boolean;
}

/** What one program takes of the kernel's symbols. Collects the descriptors of modules that its calls name by index. */
export class KernelSymbols {
	readonly #kernel: Kernel;
	readonly #spec: CollectionSpec;
	readonly #types: KernelTypes;
	readonly #options: LoadOptions;
	/** Variables that the kernel has types of and no addresses. */
	readonly #withoutAddress = new Set<string>();
	/** Index 0 stands for the kernel itself. */
	readonly #fds: number[] = [0];

	constructor(kernel: Kernel, spec: CollectionSpec, types: KernelTypes, options: LoadOptions) {
		this.#kernel = kernel;
		this.#spec = spec;
		this.#types = types;
		this.#options = options;
	}

	/** `fd_array` of PROG_LOAD; undefined: not needed. */
	get fdArray(): Uint8Array | undefined {
		return this.#fds.length > 1 ? new Uint8Array(new Int32Array(this.#fds).buffer) : undefined;
	}

	/** undefined: a weak function that the kernel lacks. @throws NotSupportedError where it is not weak, LinkError where it is another */
	kfunc(wanted: Wanted, program: string): { readonly id: number; readonly fdIndex: number } | undefined {
		const found = this.#typed(wanted, "func", program);
		if (!found && !wanted.weak)
			throw new NotSupportedError(
				`kfunc ${wanted.name}`,
				`program ${program} calls it and the running kernel has none`,
			);
		return found && { id: found.id, fdIndex: this.#index(found) };
	}

	/** A typed symbol's id and the descriptor of its module (0: the kernel), or an address; 0 for a weak one that is missing. */
	ksym(
		wanted: Wanted & { readonly typed: boolean },
		program: string,
	): { readonly id: number; readonly fd: number } | { readonly address: bigint } {
		if (wanted.typed) {
			const kind = this.#spec.externs?.get(wanted.name)?.kind === "ksym-function" ? "func" : "var";
			const found = this.#withoutAddress.has(wanted.name) ? undefined : this.#typed(wanted, kind, program);
			if (found) return { id: found.id, fd: found.module?.fd.number ?? 0 };
			if (wanted.weak) return { address: 0n };
			throw new NotSupportedError(
				`kernel symbol ${wanted.name}`,
				`program ${program} refers to it, and the BTF of kernel ${this.#kernel.release} has no such ${kind === "func" ? "function" : "variable"}`,
			);
		}
		const names = new Set([wanted.name]);
		const address = (this.#options.symbols?.(names) ?? this.#kernel.symbols?.(names))?.get(wanted.name);
		if (address !== undefined) return { address };
		if (wanted.weak) return { address: 0n };
		throw new NotSupportedError(
			`kernel symbol ${wanted.name}`,
			`program ${program} wants its address, and /proc/kallsyms of kernel ${this.#kernel.release} does not have it, or hides it from this process`,
		);
	}

	/** The kernel told while loading that it gives no address of this variable: without CONFIG_KALLSYMS_ALL it knows those of functions only. */
	lacksAddress(name: string): void {
		this.#withoutAddress.add(name);
	}

	#typed({ name, weak }: Wanted, kind: "func" | "var", program: string): KernelType | undefined {
		const found = this.#types.find(essentialName(name), kind);
		const declared = this.#spec.externs?.get(name)?.type ?? 0;
		const local = this.#spec.btf;
		if (!found || !declared || !local) return found;
		const own = local.type(declared);
		const theirs = found.btf.type(found.id);
		const ownType = own.kind === "func" ? own.type : declared;
		const theirType = theirs.kind === "func" || theirs.kind === "var" ? theirs.type : found.id;
		if (typesCompatible(local, ownType, found.btf, theirType, 0, undefined, true)) return found;
		if (weak && kind === "func") return undefined;
		throw new LinkError(
			`program ${program} declares ${name} with another ${kind === "func" ? "signature" : "type"} than kernel ${this.#kernel.release} has`,
			{ symbol: name },
		);
	}

	#index({ module }: KernelType): number {
		if (!module) return 0;
		const known = this.#fds.indexOf(module.fd.number, 1);
		return known > 0 ? known : this.#fds.push(module.fd.number) - 1;
	}
}
