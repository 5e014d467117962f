/** A variable or function that the object declares and the kernel has. */
export type ExternSpec = KconfigExtern | KsymExtern;

/** An option of the kernel's configuration, or what libbpf adds (`LINUX_KERNEL_VERSION`): a window into the map `.kconfig`. */
export interface KconfigExtern {
	readonly kind: "kconfig";
	/** `CONFIG_HZ` */
	readonly name: string;
	/** BTF id of its type in the object's BTF. */
	readonly type: number;
	/** In the map's value, in bytes. */
	readonly offset: number;
	/** In bytes. */
	readonly size: number;
	/** What values may be: y/n, y/n/m, a number, one character, text. */
	readonly value: "bool" | "tristate" | "int" | "char" | "string";
	readonly signed: boolean;
	/** Zero where the kernel does not have it. */
	readonly weak: boolean;
}

/** A symbol of the kernel. */
export interface KsymExtern {
	readonly kind: "ksym-function" | "ksym-variable";
	readonly name: string;
	/** BTF id in the object's BTF: of the FUNC, or of the variable's type; 0: declared without a type (`extern const void x`). */
	readonly type: number;
	/** Zero where the kernel does not have it. */
	readonly weak: boolean;
}
