import { ERRNO, type Mapping } from "@skep/bpf/kernel";
import { addressOf, memoryAt, syscall } from "./ffi.ts";
import { syscallNumbers } from "./syscalls.ts";

const NR = syscallNumbers(process.arch);
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** mmap(2), shared. The mapping, or -errno as a number. */
export function mmap(fd: number, offset: number, length: number, writable: boolean, address = 0): Mapping | number {
	if (length <= 0) return -ERRNO.EINVAL;
	const at = syscall(NR.mmap, address, length, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, offset);
	return at < 0 ? at : new Memory(at, length);
}

/** read(2) into `bytes` from its start. How many bytes came, or -errno. */
export function read(fd: number, bytes: Uint8Array): number {
	const length = bytes.length;
	const result = syscall(NR.read, fd, length === 0 ? 0 : addressOf(bytes), length);
	// Read after the call, so that the buffer is not collected while only its address is known.
	return bytes.length === length ? result : -ERRNO.EFAULT;
}

/** Mapped memory that is unmapped by hand: koffi's views own nothing. */
class Memory implements Mapping {
	readonly buffer: ArrayBuffer;
	readonly address: number;
	#address: number;
	readonly #length: number;

	constructor(address: number, length: number) {
		this.address = address;
		this.#address = address;
		this.#length = length;
		this.buffer = memoryAt(address, length);
	}

	unmap(): void {
		if (this.#address !== 0) syscall(NR.munmap, this.#address, this.#length);
		this.#address = 0;
	}
}
