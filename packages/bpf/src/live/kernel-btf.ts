import { BpfError, NotSupportedError } from "#base";
import { Btf } from "#btf";
import type { BtfInfo, Kernel } from "#kernel";
import { Fd } from "./fd.ts";
import { check } from "./refusal.ts";

/** BTF that the kernel holds: of itself, of a module, of a loaded program or map. */
export class KernelBtf implements Disposable {
	readonly fd: Fd;
	readonly id: number;
	/** `vmlinux`, a module's name, or empty for what user space loaded. */
	readonly name: string;
	/** The kernel's own, or a module's, which continues `vmlinux`. */
	readonly isKernel: boolean;
	/** Bytes of the whole. */
	readonly size: number;
	#decoded: Btf | undefined;

	private constructor(fd: Fd, info: BtfInfo) {
		this.fd = fd;
		this.id = info.id;
		this.name = info.name;
		this.isKernel = info.kernel_btf !== 0;
		this.size = info.btf_size;
	}

	/** Takes ownership of a descriptor, also where it throws. */
	static fromFd(kernel: Kernel, number: number): KernelBtf {
		return Fd.adopt(kernel, number, () => {
			const info = btfInfo(kernel, number, {});
			return new KernelBtf(new Fd(kernel, number, `BTF ${info.id}`), info);
		});
	}

	/** @throws PermissionError; SyscallError ENOENT */
	static byId(kernel: Kernel, id: number): KernelBtf {
		const result = kernel.bpf("BTF_GET_FD_BY_ID", { id });
		return KernelBtf.fromFd(kernel, check(kernel, result, `open BTF ${id}`, "BTF_GET_FD_BY_ID"));
	}

	/** The bytes as they were loaded. */
	bytes(): Uint8Array<ArrayBuffer> {
		const btf = new Uint8Array(this.size);
		btfInfo(this.fd.kernel, this.fd.number, { btf });
		return btf;
	}

	/** The types. `base`: the kernel's, which a module's continues. @throws NotSupportedError for a module's without it */
	decode(base?: Btf): Btf {
		if (this.isKernel && this.name !== "vmlinux" && !base) {
			throw new NotSupportedError(`BTF of module ${this.name}`, "it continues the kernel's: give that as base");
		}
		this.#decoded ??= Btf.decode(this.bytes(), { section: `BTF ${this.id}`, ...(base ? { base } : {}) });
		return this.#decoded;
	}

	info(): BtfInfo {
		return btfInfo(this.fd.kernel, this.fd.number, {});
	}

	close(): void {
		this.fd.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}
}

/** The types of BTF that the kernel knows under an id. @throws BpfError ERR_NO_BTF for id 0, which is none */
export function btfOf(kernel: Kernel, id: number, of: string): Btf {
	if (id === 0) throw new BpfError("ERR_NO_BTF", `${of} has no types: it was made without BTF; give them`);
	using btf = KernelBtf.byId(kernel, id);
	return btf.decode();
}

function btfInfo(kernel: Kernel, number: number, info: Partial<BtfInfo>): BtfInfo {
	const result = kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: number, kind: "btf", info });
	check(kernel, result, `ask about BTF fd ${number}`, "OBJ_GET_INFO_BY_FD");
	return info as BtfInfo;
}
