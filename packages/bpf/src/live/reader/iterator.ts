import { FormatError } from "#base";
import { ERRNO, type Kernel } from "#kernel";
import { Fd } from "../fd.ts";
import { openPin } from "../pins.ts";
import { check, refuse } from "../refusal.ts";

export interface IteratorOptions {
	/** Bytes that are read at a time. Default 64 KiB; the kernel gives less than a page or two at once. */
	readonly chunk?: number;
	/** Lets the host's other work have its turn between reads: `() => new Promise(setImmediate)`. */
	readonly soon?: () => Promise<unknown>;
}

const CHUNK = 64 * 1024;
/** A program that is skipped a million times over makes a read end early: so often it is continued. */
const MOST_AGAIN = 10_000;

/**
 * One run of an iterator program: its output as bytes, text or lines. The program runs while it is read, and a new reader
 * starts from the beginning.
 */
export class IteratorReader implements Disposable, AsyncIterable<Uint8Array> {
	readonly fd: Fd;
	readonly #buffer: Uint8Array<ArrayBuffer>;
	readonly #soon: (() => Promise<unknown>) | undefined;

	/** A run of the iterator that `link` attached. @throws SyscallError EINVAL where it is no iterator's link; PermissionError */
	constructor(link: { readonly fd: Fd }, options: IteratorOptions = {}) {
		const { kernel, what } = link.fd;
		const result = kernel.bpf("ITER_CREATE", { link_fd: link.fd.number });
		this.fd = new Fd(kernel, check(kernel, result, `read ${what}`, "ITER_CREATE"), `run of ${what}`);
		this.#buffer = new Uint8Array(options.chunk ?? CHUNK);
		this.#soon = options.soon;
	}

	/** A run of the iterator whose link is pinned at `path`; undefined where nothing is. @throws BpfError ERR_PIN_KIND, ERR_NO_BPFFS */
	static fromPin(kernel: Kernel, path: string, options: IteratorOptions = {}): IteratorReader | undefined {
		const number = openPin(kernel, path, "link");
		if (number === undefined) return undefined;
		using fd = new Fd(kernel, number, `the iterator pinned at ${path}`);
		return new IteratorReader({ fd }, options);
	}

	/** The next bytes, new ones each time; undefined at the end. */
	read(): Uint8Array<ArrayBuffer> | undefined {
		for (let tries = 0; ; tries++) {
			const { kernel } = this.fd;
			const result = kernel.read(this.fd.number, this.#buffer);
			if (result > 0) return this.#buffer.slice(0, result);
			if (result === 0) return undefined;
			if ((result !== -ERRNO.EAGAIN && result !== -ERRNO.EINTR) || tries === MOST_AGAIN) {
				throw refuse(kernel, { syscall: "read", errno: -result, what: `read the ${this.fd.what}` });
			}
		}
	}

	/** All that is left, as text. Closes. */
	text(): string {
		const utf8 = new TextDecoder();
		let text = "";
		for (const bytes of this) text += utf8.decode(bytes, { stream: true });
		return text + utf8.decode();
	}

	/**
	 * All that is left, cut into records of `size` bytes: views, each good until the next. Closes.
	 * @throws FormatError where the output does not end with a whole record
	 */
	*records(size: number): Generator<DataView<ArrayBuffer>, void, undefined> {
		let rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
		for (const read of this) {
			let bytes = read;
			if (rest.length > 0) {
				bytes = new Uint8Array(rest.length + read.length);
				bytes.set(rest);
				bytes.set(read, rest.length);
			}
			let at = 0;
			for (; at + size <= bytes.length; at += size) yield new DataView(bytes.buffer, at, size);
			rest = bytes.slice(at);
		}
		if (rest.length === 0) return;
		const place = { section: this.fd.what, offset: 0, path: "records" };
		throw new FormatError(place, `${rest.length} bytes are left over after records of ${size} bytes`);
	}

	/** The bytes, read by read; closes at the end. */
	*[Symbol.iterator](): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
		try {
			for (let bytes = this.read(); bytes; bytes = this.read()) yield bytes;
		} finally {
			this.close();
		}
	}

	async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
		for (const bytes of this) {
			yield bytes;
			await this.#soon?.();
		}
	}

	/** Line after line, without their ends. */
	async *lines(): AsyncGenerator<string, void, undefined> {
		const utf8 = new TextDecoder();
		let rest = "";
		for await (const bytes of this) {
			const lines = (rest + utf8.decode(bytes, { stream: true })).split("\n");
			rest = lines.pop() ?? "";
			yield* lines;
		}
		rest += utf8.decode();
		if (rest !== "") yield rest;
	}

	close(): void {
		this.fd.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}
}
