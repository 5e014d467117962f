import { addressOf, syscall } from "./ffi.ts";
import { syscallNumbers } from "./syscalls.ts";

const NR = syscallNumbers(process.arch);
const LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;

/**
 * Runs `body` with no effective capability on this thread, and gives them back: what anybody may do. -errno where they cannot be
 * laid down.
 * @throws Error where they do not come back
 */
export function withoutCapabilities<T extends object>(body: () => T): T | number {
	// struct __user_cap_header_struct; two of struct __user_cap_data_struct: effective, permitted, inheritable.
	const header = new Uint8Array(new Uint32Array([LINUX_CAPABILITY_VERSION_3, 0]).buffer);
	const held = new Uint32Array(6);
	const bytes = new Uint8Array(held.buffer);
	const got = syscall(NR.capget, addressOf(header), addressOf(bytes));
	if (got < 0) return got;
	const laid = held.slice();
	laid[0] = 0;
	laid[3] = 0;
	const without = new Uint8Array(laid.buffer);
	const laidDown = setCapabilities(header, without);
	if (laidDown < 0) return laidDown;
	try {
		return body();
	} finally {
		takeBack(header, bytes);
	}
}

function setCapabilities(header: Uint8Array, sets: Uint8Array): number {
	const result = syscall(NR.capset, addressOf(header), addressOf(sets));
	// Both are read after the call, so that neither is collected while only its address is known.
	return header.length + sets.length === 32 ? result : -1;
}

function takeBack(header: Uint8Array, sets: Uint8Array): void {
	const back = setCapabilities(header, sets);
	if (back < 0) throw new Error(`capset: errno ${-back}: the capabilities do not come back`);
}
