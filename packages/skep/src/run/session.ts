import { basename } from "node:path";
import { BpfError, NotSupportedError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { Collection, type LoadOptions, type ProgramSignatures, planAttach } from "@skep/bpf/collection";
import type { Kernel } from "@skep/bpf/kernel";
import { type BpfMap, type Link, type MappedMap, PerfBufferReader, RingBufferReader } from "@skep/bpf/live";
import type { ManifestMap, ManifestProgram } from "@skep/bpf/spec";
import type { Shape, Summary } from "#output";
import type { ActiveSession, Codec, LinkBinding, MapBinding, ProgramBinding, Site, VariableBinding } from "#program";
import { howToGive, type ParsedOptions } from "./arguments.ts";
import { findHandle, linkBinding } from "./bind.ts";
import { Feed, type FeedRun } from "./feed.ts";
import { makeFolder } from "./files.ts";
import {
	completed,
	foreignPrograms,
	foreignRecord,
	foreignTarget,
	isBuffer,
	lenient,
	unknownRecord,
} from "./foreign.ts";
import { type IteratorOutput, iteratorBinding, recordsOf } from "./iterators.ts";
import { rawMap } from "./maps.ts";
import { codecOf, opaqueCodec, opaqueShape, recordReader, shapeOf } from "./shapes.ts";
import type { Source } from "./source.ts";

export interface Attached {
	readonly program: string;
	readonly link: Link;
}

/** A program that was left alone, and what to do about it. */
export interface Unattached {
	readonly program: string;
	readonly reason: string;
	/** How the option is given that would attach it: `--dev DEV`. */
	readonly give?: string;
}

/** A map that is shown to people. */
export interface ShownMap {
	readonly name: string;
	readonly binding: MapBinding;
	readonly keyShape: Shape;
	readonly valueShape: Shape;
	readonly perCpu: boolean;
}

export interface SessionOptions {
	/** Records; undefined: no limit. */
	readonly limit?: number | undefined;
	/** Seconds; undefined: until stopped. */
	readonly duration?: number | undefined;
	/** What happens is told by a recording: its clock is the run's. */
	readonly replayed?: boolean | undefined;
	/** false: nothing is attached by itself. */
	readonly attach?: boolean | undefined;
	/** Instead of what the source says, by map. */
	readonly maxEntries?: Readonly<Record<string, number>> | undefined;
	/** Folder in a bpffs for maps that are pinned by name; default `PIN_PATH`. */
	readonly pinPath?: string | undefined;
	/** Types that CO-RE goes by instead of the kernel's own. */
	readonly coreBtf?: LoadOptions["coreBtf"];
	/** The kernel checks the programs' signatures. */
	readonly signed?: ProgramSignatures | undefined;
}

/** Where maps with `{ pin: … }` are kept, and found again by the next run. */
const PIN_PATH = "/sys/fs/bpf/skep";

/**
 * One run of one file on one kernel: loaded, attached, its handles bound by the place of their calls. `stop()` detaches,
 * lets every reader drain, and resolves `stopped`; `close()` gives everything back.
 */
export class Session implements ActiveSession, FeedRun {
	readonly source: Source;
	readonly kernel: Kernel;
	readonly collection: Collection;
	readonly parsed: ParsedOptions;
	readonly attached: readonly Attached[];
	readonly unattached: readonly Unattached[];
	/** Programs that were to be attached, whatever came of it. */
	readonly wanted: number;
	/** CPU that the process had used when everything was attached, in milliseconds. */
	readonly startupCpu: number;
	/** Resolves with the first `stop()`, whoever it was that asked. */
	readonly stopAsked: Promise<void>;
	/** Resolves when somebody waits for what happens: a reader of records, a timer, whoever waits for the end. */
	readonly awaited: Promise<void>;
	/** Maps that user space wrote to by their handles; `shared()` variables by the name of their section. */
	readonly written: Set<string> = new Set();
	readonly #stopped: Promise<void>;
	readonly #options: SessionOptions;
	readonly #started = performance.now();
	readonly #maps = new Map<string, MapBinding>();
	readonly #mappings = new Map<string, MappedMap>();
	/** Programs that run when their link is read. */
	readonly iterators: readonly IteratorOutput[];
	readonly #readers: (RingBufferReader | PerfBufferReader)[] = [];
	readonly #feeds = new Set<Feed>();
	readonly #wakers = new Set<() => void>();
	/** Of a replay: milliseconds since its beginning, and who waits for which of them. */
	#replayClock = 0;
	readonly #sleepers = new Set<{ readonly due: number; readonly wake: () => void }>();
	#resolveStopAsked: () => void = () => {};
	#resolveStopped: () => void = () => {};
	#resolveAwaited: () => void = () => {};
	#stopping = false;
	#timer: NodeJS.Timeout | undefined;
	#events = 0;
	#kernelBtf: Btf | undefined;
	#final: Summary | undefined;

	private constructor(
		source: Source,
		kernel: Kernel,
		parsed: ParsedOptions,
		options: SessionOptions,
		collection: Collection,
	) {
		this.source = source;
		this.kernel = kernel;
		this.parsed = parsed;
		this.collection = collection;
		this.#options = options;
		this.stopAsked = new Promise((resolve) => {
			this.#resolveStopAsked = resolve;
		});
		this.#stopped = new Promise((resolve) => {
			this.#resolveStopped = resolve;
		});
		this.awaited = new Promise((resolve) => {
			this.#resolveAwaited = resolve;
		});
		const attached: Attached[] = [];
		const unattached: Unattached[] = [];
		const iterators: IteratorOutput[] = [];
		if (options.attach !== false) this.#openPerfBuffers();
		this.wanted = options.attach === false ? 0 : this.#attachAll(attached, unattached, iterators);
		this.attached = attached;
		this.iterators = iterators;
		this.unattached = unattached;
		const { user, system } = process.cpuUsage();
		this.startupCpu = (user + system) / 1000;
		if (options.duration !== undefined) {
			this.#timer = setTimeout(() => this.stop(), options.duration * 1000);
			// Whoever waits holds the process up; a user half that has ended does not wait for the clock.
			this.#timer.unref();
		}
	}

	/** Loads and attaches. @throws VerifierError, PermissionError, LinkError, SyscallError; then nothing is left behind */
	static open(source: Source, kernel: Kernel, parsed: ParsedOptions, options: SessionOptions = {}): Session {
		const pinPath = options.pinPath ?? PIN_PATH;
		if ([...source.spec.maps.values()].some((map) => map.pinning === "by-name")) makeFolder(pinPath);
		const spec = source.manifest ? source.spec : completed(source.spec, parsed.values);
		const collection = Collection.load(kernel, spec, {
			pinPath,
			variables: parsed.variables,
			maxEntries: options.maxEntries,
			programs: source.manifest ? undefined : foreignPrograms(spec, parsed.values),
			coreBtf: options.coreBtf,
			signed: options.signed,
		});
		try {
			return new Session(source, kernel, parsed, options, collection);
		} catch (error) {
			collection.close();
			throw error;
		}
	}

	get stopping(): boolean {
		return this.#stopping;
	}

	get stopped(): Promise<void> {
		this.#resolveAwaited();
		return this.#stopped;
	}

	/** Detaches all programs; loops over handles drain and end, then `stopped` resolves. Idempotent. */
	stop(): void {
		if (this.#stopping) return;
		this.#stopping = true;
		this.#resolveStopAsked();
		clearTimeout(this.#timer);
		const kept = new Set(this.iterators.map(({ link }) => link)); // they are read at the end
		for (const link of this.collection.links) if (!kept.has(link)) link.close();
		for (const wake of [...this.#wakers]) wake();
		for (const { wake } of this.#sleepers) wake();
		this.#sleepers.clear();
		this.#settle();
	}

	pause(milliseconds: number): Promise<void> {
		this.#resolveAwaited();
		if (this.#stopping) return Promise.resolve();
		return new Promise((resolve) => {
			const wake = () => {
				clearTimeout(timer);
				this.#wakers.delete(wake);
				resolve();
			};
			const timer = setTimeout(wake, milliseconds);
			this.#wakers.add(wake);
		});
	}

	get replayed(): boolean {
		return this.#options.replayed === true;
	}

	get clock(): number {
		return this.replayed ? this.#replayClock : performance.now();
	}

	until(clock: number): Promise<void> {
		if (!this.replayed) return this.pause(clock - performance.now());
		this.#resolveAwaited();
		if (this.#stopping || clock <= this.#replayClock) return Promise.resolve();
		return new Promise((wake) => this.#sleepers.add({ due: clock, wake }));
	}

	/** A replay has come so far. True: somebody was waiting for that, and should have a turn. */
	advance(clock: number): boolean {
		let due = false;
		this.#replayClock = Math.max(this.#replayClock, clock);
		for (const sleeper of this.#sleepers) {
			if (sleeper.due > this.#replayClock) continue;
			this.#sleepers.delete(sleeper);
			sleeper.wake();
			due = true;
		}
		return due;
	}

	grant(wanted: number): number {
		const { limit } = this.#options;
		return limit === undefined ? wanted : Math.max(0, Math.min(wanted, limit - this.#events));
	}

	count(records: number): void {
		this.#events += records;
		if (this.#events >= (this.#options.limit ?? Number.POSITIVE_INFINITY)) this.stop();
	}

	opened(feed: Feed): void {
		this.#resolveAwaited();
		this.#feeds.add(feed);
	}

	closed(feed: Feed): void {
		this.#feeds.delete(feed);
		this.#settle();
	}

	#settle(): void {
		if (this.#stopping && this.#feeds.size === 0) this.#resolveStopped();
	}

	/** Unmaps, detaches and closes everything. */
	close(): void {
		if (this.#final !== undefined) return;
		this.stop();
		this.#final = this.summary();
		for (const reader of this.#readers) reader.close();
		for (const mapping of this.#mappings.values()) mapping.close();
		this.collection.close();
	}

	/** What the run has to say at its end; after `close()`, what it said then. */
	summary(): Summary {
		if (this.#final !== undefined) return this.#final;
		const { user, system } = process.cpuUsage();
		return {
			events: BigInt(this.#events),
			lost: this.lost(),
			duration: (performance.now() - this.#started) / 1000,
			cpu: (user + system) / 1e6,
			startup: this.startupCpu / 1000,
		};
	}

	/** Failed reservations of all ring buffers; undefined: the object does not count them. */
	lost(): bigint | undefined {
		const { manifest } = this.source;
		const counted = manifest?.maps.filter((m) => m.lost !== undefined);
		// The kernel counts what perf buffers lose; of ring buffers only their programs know.
		if (!manifest && this.ringBuffers().every(({ name }) => this.collection.map(name).type !== "ringbuf"))
			return this.#readers.reduce((sum, reader) => sum + ("lost" in reader ? BigInt(reader.lost) : 0n), 0n);
		if (counted === undefined || counted.length === 0) return this.ringBuffers().length === 0 ? 0n : undefined;
		return counted.reduce((all, m) => all + this.#lostOf(m), 0n);
	}

	#lostOf(map: ManifestMap): bigint {
		if (map.lost === undefined) return 0n;
		const key = new Uint8Array(4);
		new DataView(key.buffer).setUint32(0, map.lost.key, true);
		const values = this.collection.map(map.lost.map).lookupPerCpu(key) ?? [];
		return values.reduce((sum, bytes) => sum + new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true), 0n);
	}

	// ── Programs ──

	#attachAll(attached: Attached[], unattached: Unattached[], iterators: IteratorOutput[]): number {
		const { manifest, spec: whole } = this.source;
		let wanted = 0;
		const devices = new Set<string | number>();
		for (const name of this.collection.structOps.keys()) {
			wanted++;
			attached.push({ program: name, link: this.collection.attach(name) });
		}
		for (const [name, spec] of this.source.spec.programs) {
			if (!this.collection.programs.has(name)) continue;
			const said = this.source.manifest?.programs.find((p) => p.name === name);
			if (said?.attach === false || spec.type === "struct_ops") continue;
			wanted++;
			const target = manifest ? this.#targetOf(said) : foreignTarget(spec, whole, this.parsed.values);
			if ("reason" in target) {
				unattached.push({ program: name, ...target });
				continue;
			}
			const plan = planAttach(spec, target);
			if (plan.way === "none") {
				unattached.push({ program: name, reason: plan.why });
				continue;
			}
			if (plan.way === "xdp" && devices.has(plan.device)) {
				unattached.push({ program: name, reason: `${plan.device} takes one XDP program, and has one of this object` });
				continue;
			}
			try {
				const link = this.collection.attach(name, target);
				if (plan.way === "xdp") devices.add(plan.device);
				// An iterator's link runs nothing: somebody has to read it.
				if (plan.way === "iterator") iterators.push({ program: name, link, records: recordsOf(this.source, name) });
				else attached.push({ program: name, link });
			} catch (error) {
				if (said?.optional !== true || !(error instanceof NotSupportedError)) throw error;
				unattached.push({ program: name, reason: error.message });
			}
		}
		return wanted;
	}

	#targetOf(
		program: ManifestProgram | undefined,
	): { device?: string; mode?: "native" | "generic" | "offload" } | { reason: string; give?: string } {
		if (program?.wants === undefined) return {};
		const target = program.target[program.wants];
		if (target === undefined) return { reason: `it names no ${program.wants}: only its attach() can give one` };
		if ("option" in target) {
			const value = this.parsed.values[target.option];
			if (value === undefined) {
				const option = this.source.options.find((o) => o.name === target.option);
				return {
					reason: `no ${program.wants} was given`,
					...(option === undefined ? {} : { give: howToGive(option) }),
				};
			}
			return targetFrom(program, String(value));
		}
		return targetFrom(program, target.value);
	}

	program(site: Site, word: string): ProgramBinding {
		return this.programByName(findHandle(this.source, site, "program", word).name);
	}

	/** The binding of a program by its name in the object. */
	programByName(name: string): ProgramBinding {
		const { collection } = this;
		const said = this.source.manifest?.programs.find((p) => p.name === name);
		const own = [...this.attached, ...this.iterators].filter((a) => a.program === name);
		const links: LinkBinding[] = own.map((a) => linkBinding(a.link));
		return {
			name,
			...this.#iterator(name, own[0]?.link),
			get links() {
				return links;
			},
			get stats() {
				return collection.program(name).stats();
			},
			attach: (target) => {
				const link = linkBinding(
					collection.attach(name, said?.wants === undefined ? {} : this.#givenTarget(said, target)),
				);
				links.push(link);
				return link;
			},
		};
	}

	/** An iterator is read by its link, which it gets now where it was not attached. */
	#iterator(name: string, made: Link | undefined): Pick<ProgramBinding, "iterator"> {
		if (this.source.spec.programs.get(name)?.attachType !== "trace_iter") return {};
		let link = made;
		const attached = () => {
			link ??= this.collection.attach(name);
			return link;
		};
		return { iterator: iteratorBinding(name, attached, recordsOf(this.source, name)) };
	}

	#givenTarget(
		program: ManifestProgram,
		target: unknown,
	): { device?: string; mode?: "native" | "generic" | "offload" } {
		if (typeof target === "object" && target !== null && "dev" in target && typeof target.dev === "string") {
			return targetFrom(program, target.dev);
		}
		const declared = this.#targetOf(program);
		if ("reason" in declared)
			throw new BpfError("ERR_NO_TARGET", `${program.name}.attach(): ${declared.reason}; say { ${program.wants}: … }`);
		return declared;
	}

	// ── Maps, options, variables ──

	map(site: Site, word: string): MapBinding {
		return this.mapByName(findHandle(this.source, site, "map", word).name);
	}

	/** The binding of a map by its name in the object; made once. */
	mapByName(name: string): MapBinding {
		let binding = this.#maps.get(name);
		if (binding === undefined) {
			binding = this.#bindMap(name);
			this.#maps.set(name, binding);
		}
		return binding;
	}

	#bindMap(name: string): MapBinding {
		const map = this.collection.map(name);
		const spec = this.source.spec.maps.get(name);
		const said = this.source.manifest?.maps.find((m) => m.name === name);
		return {
			name,
			word: said?.word ?? map.type,
			raw: rawMap(map, () => this.written.add(name)),
			key: this.#codec(spec?.keyType ?? 0, map.keySize),
			value: this.#codec(spec?.valueType ?? 0, map.valueSize),
			length: map.maxEntries,
			...(said?.histogram === undefined ? {} : { histogram: said.histogram }),
			...(this.#isRead(map) ? { records: this.#feed(map, name, said) } : {}),
		};
	}

	#codec(type: number, size: number): Codec {
		const { btf } = this.source.spec;
		return btf === undefined || type === 0 ? opaqueCodec(size, this.source.manifest === undefined) : codecOf(btf, type);
	}

	/** Before anything runs: what is written where nobody reads is gone. Ring buffers keep it. */
	#openPerfBuffers(): void {
		for (const { name } of this.ringBuffers())
			if (this.collection.map(name).type === "perf_event_array") this.mapByName(name);
	}

	/** What is compiled here writes ring buffers only; of others' objects perf buffers are read too. */
	#isRead(map: BpfMap): boolean {
		return this.source.manifest ? map.type === "ringbuf" : isBuffer(map);
	}

	#feed(map: BpfMap, name: string, said: ManifestMap | undefined): Feed {
		const { btf } = this.source.spec;
		const record = this.#recordType(name, said);
		const typed = btf && record !== undefined ? recordReader(btf, record) : undefined;
		const decode =
			typed && this.source.manifest === undefined ? lenient(btf!, record!, typed) : (typed ?? unknownRecord);
		const reader = map.type === "ringbuf" ? new RingBufferReader(map) : new PerfBufferReader(map);
		this.#readers.push(reader);
		return new Feed(name, reader, decode, () => (said === undefined ? 0n : this.#lostOf(said)), this);
	}

	#recordType(name: string, said: ManifestMap | undefined): number | undefined {
		const { spec, manifest } = this.source;
		const map = spec.maps.get(name);
		if (manifest === undefined) return map && foreignRecord(map, spec, this.parsed.values);
		return said?.record === undefined ? undefined : spec.btf?.find(said.record, "struct");
	}

	options(site: Site): Readonly<Record<string, unknown>> {
		findHandle(this.source, site, "options", "options");
		return this.parsed.values;
	}

	shared(site: Site): Readonly<Record<string, VariableBinding>> {
		const handle = findHandle(this.source, site, "shared", "shared");
		return Object.fromEntries(
			Object.entries(handle.variables ?? {}).map(([member, name]) => [member, this.#variable(name)]),
		);
	}

	#variable(name: string): VariableBinding {
		const spec = this.source.spec.variables.get(name);
		if (spec === undefined) throw new BpfError("ERR_VARIABLE", `the object has no variable ${name}`);
		let mapping = this.#mappings.get(spec.map);
		if (mapping === undefined) {
			mapping = this.collection.map(spec.map).mmap(true);
			this.#mappings.set(spec.map, mapping);
		}
		const { bytes } = mapping;
		const codec = this.#codec(spec.type, spec.size);
		const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		return {
			get: () => codec.decode(view, spec.offset),
			set: (value) => {
				this.written.add(spec.map);
				bytes.set(codec.encode(value), spec.offset);
			},
		};
	}

	enumerator(type: string, name: string): number | bigint | undefined {
		if (this.#kernelBtf === undefined) {
			const bytes = this.kernel.btf();
			if (typeof bytes === "number") return undefined;
			this.#kernelBtf = Btf.decode(bytes, { section: "vmlinux" });
		}
		const btf = this.#kernelBtf;
		const id = btf.find(type, "enum") ?? btf.find(type, "enum64");
		const found = id === undefined ? undefined : btf.type(id);
		if (found?.kind !== "enum" && found?.kind !== "enum64") return undefined;
		return found.values.find((v) => v.name === name)?.value;
	}

	// ── What people see ──

	/** Ring buffers, and perf buffers of others' objects, in the object's order, with the shape of their records; without what the compiler made for itself. */
	ringBuffers(): readonly { readonly name: string; readonly shape: Shape }[] {
		const { btf } = this.source.spec;
		const internal = new Set(this.source.manifest?.maps.flatMap((m) => (m.internal === true ? [m.name] : [])));
		return [...this.collection.maps]
			.filter(([name, map]) => this.#isRead(map) && !internal.has(name))
			.map(([name]) => {
				const record = this.#recordType(
					name,
					this.source.manifest?.maps.find((m) => m.name === name),
				);
				const shape: Shape =
					btf === undefined || record === undefined
						? {
								kind: "struct",
								name: "",
								members: ["text", "bytes"].map((member) => ({ name: member, shape: { kind: "opaque", size: 0 } })),
							}
						: shapeOf(btf, record);
				return { name, shape };
			});
	}

	/** Maps of the user's, without ring buffers and what the compiler made for itself. */
	shownMaps(): readonly ShownMap[] {
		const { manifest, spec } = this.source;
		const shown: ShownMap[] = [];
		for (const [name, map] of this.collection.maps) {
			if (map.type === "ringbuf" || !SHOWN.has(map.type)) continue;
			const said = manifest?.maps.find((m) => m.name === name);
			if (manifest === undefined ? /^(\.|__)/.test(name) : said === undefined || said.internal === true) continue;
			const types = spec.maps.get(name);
			const shape = (id: number, size: number): Shape =>
				spec.btf === undefined || id === 0 ? opaqueShape(size, manifest === undefined) : shapeOf(spec.btf, id);
			shown.push({
				name,
				binding: this.mapByName(name),
				keyShape: shape(types?.keyType ?? 0, map.keySize),
				valueShape: shape(types?.valueType ?? 0, map.valueSize),
				perCpu: map.perCpu,
			});
		}
		return shown;
	}

	/** Name of the file without folder and ending, for headings. */
	get title(): string {
		return basename(this.source.name).replace(/\.[^.]*$/, "");
	}
}

/** Maps whose entries are keys and values to people. */
// biome-ignore format: table
const SHOWN: ReadonlySet<string> = new Set(["hash", "array", "percpu_hash", "percpu_array", "lru_hash", "lru_percpu_hash", "lpm_trie"]);

function targetFrom(
	program: ManifestProgram,
	device: string,
): { device: string; mode?: "native" | "generic" | "offload" } {
	const { mode } = program;
	return mode === "native" || mode === "generic" || mode === "offload" ? { device, mode } : { device };
}
