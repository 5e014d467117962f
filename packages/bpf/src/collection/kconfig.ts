import { LinkError } from "#base";
import { type Kernel, versionCode } from "#kernel";
import { has } from "#live";
import type { CollectionSpec, KconfigExtern } from "#spec";
import type { LoadOptions } from "./options.ts";

/** `CONFIG_HZ` → `250`, as the file has it. */
type Config = ReadonlyMap<string, string>;

const LINE = /^(CONFIG_\w+)=(.*)$/gm;

/** What `.kconfig` holds on this kernel. @throws LinkError where a strong option is not set or its value does not fit */
export function kconfigContents(kernel: Kernel, spec: CollectionSpec, options: LoadOptions, size: number): Uint8Array {
	const bytes = new Uint8Array(size);
	const view = new DataView(bytes.buffer);
	let config: Config | undefined;
	const given = new Set(Object.keys(options.variables ?? {}));
	for (const extern of spec.externs?.values() ?? []) {
		if (extern.kind !== "kconfig" || given.has(extern.name)) continue;
		if (extern.name.startsWith("LINUX_")) {
			const value = linuxValue(kernel, extern.name, () => {
				config ??= readConfig(kernel, options);
				return config;
			});
			if (value !== undefined) writeNumber(view, extern, value);
			else if (!extern.weak)
				throw refused(
					extern,
					"no loader knows it; of that form are LINUX_KERNEL_VERSION, LINUX_HAS_BPF_COOKIE and LINUX_HAS_SYSCALL_WRAPPER",
				);
			continue;
		}
		config ??= readConfig(kernel, options);
		const text = config.get(extern.name);
		if (text !== undefined) writeOption(view, bytes, extern, text);
		else if (!extern.weak)
			throw refused(
				extern,
				config.size === 0
					? `the configuration of kernel ${kernel.release} cannot be read (/proc/config.gz, /boot/config-${kernel.release}): give it by the option kconfig`
					: `it is not set in the configuration of kernel ${kernel.release}`,
			);
	}
	return bytes;
}

const refused = (extern: KconfigExtern, why: string): LinkError =>
	new LinkError(`option ${extern.name} of the kernel's configuration: ${why}`, {
		symbol: extern.name,
		section: ".kconfig",
	});

function readConfig(kernel: Kernel, options: LoadOptions): Config {
	const given = typeof options.kconfig === "function" ? options.kconfig() : options.kconfig;
	const text = given ?? kernel.config?.();
	const config = new Map<string, string>();
	if (typeof text !== "string") return config;
	for (const [, name, value] of text.matchAll(LINE)) config.set(name!, value!.trim());
	return config;
}

/** Since when system calls are `__x64_sys_…`, whose arguments stand in a pt_regs of their own. */
const WRAPPER_SINCE = versionCode("4.17");

function linuxValue(kernel: Kernel, name: string, config: () => Config): number | undefined {
	switch (name) {
		case "LINUX_KERNEL_VERSION":
			return versionCode(kernel.version ?? kernel.release);
		case "LINUX_HAS_BPF_COOKIE":
			return has(kernel, "attach_cookie") ? 1 : 0;
		case "LINUX_HAS_SYSCALL_WRAPPER": {
			const known = config();
			// Without a configuration: x86, arm64 and s390 have it from 4.17 to 5.6 on, and others do not run skep.
			if (known.size === 0) return versionCode(kernel.release) >= WRAPPER_SINCE ? 1 : 0;
			return known.get("CONFIG_ARCH_HAS_SYSCALL_WRAPPER") === "y" ? 1 : 0;
		}
		default:
			return undefined;
	}
}

const TRISTATE = { n: 0, y: 1, m: 2 } as const;

function writeOption(view: DataView, bytes: Uint8Array, extern: KconfigExtern, text: string): void {
	const wants = { bool: "y or n", tristate: "y, n or m", int: "a number", char: "y, n, m or a number", string: "text" };
	const unfit = () => refused(extern, `its value is ${text}, but the object declares it for ${wants[extern.value]}`);
	if (text === "y" || text === "n" || text === "m") {
		if (extern.value === "char") bytes[extern.offset] = text.charCodeAt(0);
		else if (extern.value === "tristate") writeNumber(view, extern, TRISTATE[text]);
		else if (extern.value === "bool" && text !== "m") writeNumber(view, extern, TRISTATE[text]);
		else throw unfit();
		return;
	}
	if (text.startsWith('"')) {
		if (extern.value !== "string" || !text.endsWith('"') || text.length < 2) throw unfit();
		// Cut to what fits with a NUL behind it.
		const content = new TextEncoder().encode(text.slice(1, -1).replace(/\\(.)/g, "$1"));
		bytes.set(content.subarray(0, extern.size - 1), extern.offset);
		return;
	}
	if (!/^-?(\d+|0[xX][0-9a-fA-F]+)$/.test(text) || (extern.value !== "int" && extern.value !== "char")) throw unfit();
	const value = text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
	const bits = BigInt(extern.size * 8);
	const [low, high] = extern.signed ? [-(1n << (bits - 1n)), 1n << (bits - 1n)] : [0n, 1n << bits];
	if (value < low || value >= high)
		throw refused(extern, `its value ${text} does not fit into ${extern.signed ? "signed" : "unsigned"} ${bits} bits`);
	writeNumber(view, extern, value);
}

function writeNumber(view: DataView, extern: KconfigExtern, value: number | bigint): void {
	let rest = BigInt.asUintN(64, BigInt(value));
	for (let i = 0; i < extern.size; i++, rest >>= 8n) view.setUint8(extern.offset + i, Number(rest & 255n));
}
