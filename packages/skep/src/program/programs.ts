import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { bindLate, type IteratorBinding, type LinkBinding, type ProgramBinding } from "./session.ts";
import { formatSite, keepSite, siteOf } from "./site.ts";

/** An attachment. Ends with the process at the latest: links are file descriptors. */
class LinkHandle {
	readonly #link: LinkBinding;
	constructor(link: LinkBinding) {
		this.#link = link;
	}
	get id(): number {
		return this.#link.id;
	}
	get target(): string {
		return this.#link.target;
	}
	detach(): void {
		this.#link.detach();
	}
	pin(path: string): void {
		this.#link.pin(path);
	}
	update(_program: unknown): never {
		throw new NotSupportedError("link.update()", "this version of skep does not build it yet; detach() and attach()");
	}
	[Symbol.dispose](): void {
		this.detach();
	}
}

/** A program of the file; what is bound may be looked up late. */
export class ProgramHandle {
	readonly #bound: () => ProgramBinding;
	constructor(bound: () => ProgramBinding) {
		this.#bound = bound;
	}
	get name(): string {
		return this.#bound().name;
	}
	/** Those that are attached now. */
	get links(): readonly LinkHandle[] {
		return this.#bound().links.map((link) => new LinkHandle(link));
	}
	/** Run-time figures; runs and nanoseconds need kernel.bpf_stats_enabled. */
	get stats(): { readonly runs: bigint; readonly nanoseconds: bigint; readonly missed: bigint } {
		return this.#bound().stats;
	}
	attach(target?: unknown): LinkHandle {
		return new LinkHandle(this.#bound().attach(target));
	}
}

/** A program that runs when somebody reads it: once for each thing that it walks over. */
class IteratorHandle extends ProgramHandle {
	readonly #iterator: () => IteratorBinding;
	constructor(bound: () => ProgramBinding) {
		super(bound);
		this.#iterator = () => {
			const { name, iterator } = bound();
			if (!iterator) throw new BpfError("ERR_PROGRAM", `${name} is no iterator`);
			return iterator;
		};
	}
	/** What it prints. */
	text(): string {
		return this.#iterator().text();
	}
	lines(): string[] {
		const text = this.text();
		return text === "" ? [] : text.replace(/\n$/, "").split("\n");
	}
	/** What it writes. */
	records(): unknown[] {
		return this.#iterator().records();
	}
	/** From then on whoever reads the file runs it. */
	pin(path: string): void {
		this.#iterator().pin(path);
	}
}

/** The constructors differ in their types only; what they mean is compiled. */
function constructorOf(word: string, Handle = ProgramHandle): (...args: readonly unknown[]) => ProgramHandle {
	const make = (...args: readonly unknown[]): ProgramHandle => {
		if (typeof args.at(-1) !== "function")
			throw new BpfError("ERR_ARGUMENT", `${word}(…): a function is expected as the last argument`);
		const site = siteOf(make);
		const bound = bindLate(`${word}() of ${formatSite(site)}`, (session) => session.program(site, word));
		const handle = new Handle(bound);
		keepSite(handle, site);
		return handle;
	};
	return make;
}

export const tracepoint = constructorOf("tracepoint");
export const rawTracepoint = constructorOf("rawTracepoint");
export const tpBtf = constructorOf("tpBtf");
export const fentry = constructorOf("fentry");
export const fexit = constructorOf("fexit");
export const fmodRet = constructorOf("fmodRet");
export const kprobe = constructorOf("kprobe");
export const kretprobe = constructorOf("kretprobe");
export const kprobeMulti = constructorOf("kprobeMulti");
export const lsm = constructorOf("lsm");
export const uprobe = constructorOf("uprobe");
export const uretprobe = constructorOf("uretprobe");
export const usdt = constructorOf("usdt");
export const perfEvent = constructorOf("perfEvent");
export const xdp = constructorOf("xdp");
export const tc = constructorOf("tc");
export const cgroupSkb = constructorOf("cgroupSkb");
export const cgroupConnect4 = constructorOf("cgroupConnect4");
export const cgroupConnect6 = constructorOf("cgroupConnect6");
export const sockOps = constructorOf("sockOps");
export const skLookup = constructorOf("skLookup");
export const iter = constructorOf("iter", IteratorHandle);

/** Words whose handles come with a later version: the compiler refuses them by number before this is met. */
const later = (word: string) => (): never => {
	throw new NotSupportedError(word, "this version of skep does not build it yet");
};
export const structOps = later("structOps");
export const syscall = later("syscall");
export const firstOf = later("firstOf");
