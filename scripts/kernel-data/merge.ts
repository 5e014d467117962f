// Several kernels' BTF into one small one: what the compiler looks names up in on machines without a BTF of their own.
import {
	type Btf,
	BtfBuilder,
	type BtfMember,
	type BtfType,
	flattenMembers,
} from "../../packages/bpf/src/btf/index.ts";
import { KERNELS_TAG } from "../../packages/compiler/src/declare/index.ts";

export interface Kernel {
	/** `6.12` */
	readonly label: string;
	readonly btf: Btf;
}

export interface MergePlan {
	/** Names of structs, unions and enums to start from, and of typedefs. */
	readonly roots: readonly string[];
	/** Functions whose prototypes are kept. */
	readonly functions: (name: string) => boolean;
	/** Structs kept by name, with what they hold by value, but nothing behind their pointers. */
	readonly shallow: (name: string) => boolean;
	/** Pointers that are followed from the roots. */
	readonly depth: number;
}

type Aggregate = BtfType & { kind: "struct" | "union" };
interface Definition {
	readonly kernel: Kernel;
	readonly id: number;
}

const isAggregate = (t: BtfType): t is Aggregate => t.kind === "struct" || t.kind === "union";
const isEnum = (t: BtfType): t is BtfType & { kind: "enum" | "enum64" } => t.kind === "enum" || t.kind === "enum64";
const family = (t: BtfType): string => (t.kind === "enum64" ? "enum" : t.kind);

/** Without const, volatile, restrict and type tags: CO-RE does not see them either. */
const bare = (btf: Btf, id: number): number => {
	for (;;) {
		const t = btf.type(id);
		if (t.kind !== "const" && t.kind !== "volatile" && t.kind !== "restrict" && t.kind !== "type_tag") return id;
		id = t.type;
	}
};

/** `kernels`: newest first. Its layouts are the base; members that only older ones have lie over the end of the struct. */
export function mergeKernels(
	kernels: readonly Kernel[],
	plan: MergePlan,
): { readonly btf: Btf; readonly left: readonly string[] } {
	const merger = new Merger(kernels, plan);
	return { btf: merger.run(), left: merger.left };
}

class Merger {
	readonly #kernels: readonly Kernel[];
	readonly #plan: MergePlan;
	readonly #builder = new BtfBuilder();
	readonly #included = new Map<string, readonly Definition[]>();
	readonly #ids = new Map<string, number>();
	readonly #work: (() => void)[] = [];
	readonly #tags: { readonly type: number; readonly component: number; readonly kernels: string }[] = [];

	/** Members of older kernels that found no room. */
	readonly left: string[] = [];

	constructor(kernels: readonly Kernel[], plan: MergePlan) {
		this.#kernels = kernels;
		this.#plan = plan;
	}

	run(): Btf {
		this.#discover();
		for (const [key, definitions] of this.#included) this.#named(key, definitions);
		this.#drain();
		for (const root of this.#plan.roots) this.#typedef(root);
		this.#tracepoints();
		this.#functions();
		this.#drain();
		for (const t of this.#tags)
			this.#builder.add({ kind: "decl_tag", name: KERNELS_TAG + t.kernels, type: t.type, component: t.component });
		return this.#builder.finish();
	}

	#drain(): void {
		for (let next = this.#work.pop(); next; next = this.#work.pop()) next();
	}

	/** Complete definitions of a name, one a kernel, newest first. */
	#definitions(kind: string, name: string): Definition[] {
		return this.#kernels.flatMap((kernel) => {
			const id = kernel.btf.findAll(name).find((i) => family(kernel.btf.type(i)) === kind);
			return id === undefined ? [] : [{ kernel, id }];
		});
	}

	/** Which named structs are kept whole: breadth first, what is held by value with its holder. */
	#discover(): void {
		let level: { readonly key: string; readonly definitions: readonly Definition[] }[] = [];
		let next: typeof level = [];
		const shallow = new Set<string>();
		const include = (kind: string, name: string, list: typeof level) => {
			const key = `${kind} ${name}`;
			if (this.#included.has(key)) return;
			const definitions = this.#definitions(kind, name);
			if (definitions.length === 0) return;
			this.#included.set(key, definitions);
			list.push({ key, definitions });
		};
		const visit = ({ kernel, id }: Definition, depth: number, deep: boolean): void => {
			const t = kernel.btf.type(id);
			switch (t.kind) {
				case "const":
				case "volatile":
				case "restrict":
				case "type_tag":
				case "typedef":
				case "array":
					visit({ kernel, id: t.type }, depth, deep);
					break;
				case "ptr": {
					if (!deep || depth >= this.#plan.depth) break;
					const target = kernel.btf.type(kernel.btf.resolve(t.type));
					if (isAggregate(target) && target.name !== "") include(family(target), target.name, next);
					break;
				}
				case "struct":
				case "union":
					if (t.name !== "") include(t.kind, t.name, level);
					else for (const m of t.members) visit({ kernel, id: m.type }, depth, deep);
					break;
				case "enum":
				case "enum64":
					if (t.name !== "") include("enum", t.name, level);
					break;
			}
		};
		for (const name of this.#plan.roots) for (const kind of ["struct", "union", "enum"]) include(kind, name, level);
		for (const kernel of this.#kernels)
			for (const id of kernel.btf.ofKind("struct")) {
				const name = kernel.btf.name(id);
				if (!this.#plan.shallow(name)) continue;
				shallow.add(`struct ${name}`);
				include("struct", name, level);
			}
		for (let depth = 0; level.length > 0; depth++) {
			for (let item = level.pop(); item; item = level.pop()) {
				const deep = !shallow.has(item.key);
				for (const d of item.definitions) {
					const t = d.kernel.btf.type(d.id);
					if (isAggregate(t)) for (const m of t.members) visit({ kernel: d.kernel, id: m.type }, depth, deep);
				}
			}
			level = next;
			next = [];
		}
	}

	#once(key: string, make: () => BtfType): number {
		let id = this.#ids.get(key);
		if (id === undefined) {
			id = this.#builder.add(make());
			this.#ids.set(key, id);
		}
		return id;
	}

	/** Id first, contents later: types refer to each other. */
	#reserved(key: string, fill: (id: number) => void): number {
		let id = this.#ids.get(key);
		if (id === undefined) {
			id = this.#builder.reserve();
			this.#ids.set(key, id);
			const reserved = id;
			this.#work.push(() => fill(reserved));
		}
		return id;
	}

	#named(key: string, definitions: readonly Definition[]): number {
		return this.#reserved(key, (id) => {
			const base = definitions[0]!;
			const t = base.kernel.btf.type(base.id);
			if (isAggregate(t)) this.#aggregate(id, definitions);
			else if (isEnum(t)) this.#enum(id, t, definitions);
		});
	}

	/** The merged type for one kernel's type. */
	#ref({ kernel, id: raw }: Definition): number {
		const { btf } = kernel;
		const id = bare(btf, raw);
		const t = btf.type(id);
		const again = (to: number) => this.#ref({ kernel, id: to });
		switch (t.kind) {
			case "void":
				return 0;
			case "int":
				return this.#once(`int ${t.name} ${t.size} ${t.bits}`, () => t);
			case "float":
				return this.#once(`float ${t.name}`, () => t);
			case "fwd":
				return this.#forward(t.union ? "union" : "struct", t.name);
			case "ptr": {
				const target = btf.type(btf.resolve(t.type));
				if (target.kind === "func_proto") return this.#function();
				if (isAggregate(target) && target.name !== "") {
					const to = this.#forward(target.kind, target.name);
					return this.#once(`ptr ${to}`, () => ({ kind: "ptr", type: to }));
				}
				// An unnamed struct behind a pointer says little and drags a lot.
				const to =
					isAggregate(target) && target.name === "" && btf.kind(bare(btf, t.type)) !== "typedef" ? 0 : again(t.type);
				return this.#once(`ptr ${to}`, () => ({ kind: "ptr", type: to }));
			}
			case "array": {
				const type = again(t.type);
				const index = again(t.index);
				return this.#once(`array ${type} ${t.length}`, () => ({ kind: "array", type, index, length: t.length }));
			}
			case "typedef": {
				const target = btf.type(btf.resolve(t.type));
				if (isAggregate(target) && target.name !== "" && !this.#included.has(`${target.kind} ${target.name}`))
					return again(t.type);
				return this.#reserved(`typedef ${t.name}`, (own) =>
					this.#builder.set(own, { kind: "typedef", name: t.name, type: again(t.type) }),
				);
			}
			case "struct":
			case "union":
				// By value and not kept: arguments of a few tracepoints. The size is what matters.
				if (t.name !== "" && !this.#included.has(`${t.kind} ${t.name}`))
					return this.#once(`cut ${t.kind} ${t.name}`, () => ({ ...t, members: [] }));
				if (t.name !== "") return this.#forward(t.kind, t.name);
				return this.#reserved(`anonymous ${kernel.label} ${id}`, (own) => this.#aggregate(own, [{ kernel, id }]));
			case "enum":
			case "enum64": {
				const known = t.name === "" ? undefined : this.#included.get(`enum ${t.name}`);
				if (known) return this.#named(`enum ${t.name}`, known);
				return t.name === ""
					? this.#once(`anonymous ${kernel.label} ${id}`, () => t)
					: // Only the width is left of enums that nothing holds.
						this.#once(`cut enum ${t.name}`, () => ({ ...t, values: [] }) as BtfType);
			}
			default:
				return 0;
		}
	}

	#forward(kind: "struct" | "union", name: string): number {
		const known = this.#included.get(`${kind} ${name}`);
		return known
			? this.#named(`${kind} ${name}`, known)
			: this.#once(`fwd ${kind} ${name}`, () => ({ kind: "fwd", name, union: kind === "union" }));
	}

	/** One prototype for all function pointers: they are opaque to programs. */
	#function(): number {
		const proto = this.#once("proto", () => ({ kind: "func_proto", ret: 0, params: [] }));
		return this.#once(`ptr ${proto}`, () => ({ kind: "ptr", type: proto }));
	}

	/** @param flat names by kernel of the struct around, for an anonymous member's own members */
	#aggregate(
		id: number,
		definitions: readonly Definition[],
		flat = definitions.map((d) => ({
			label: d.kernel.label,
			names: new Set(flattenMembers(d.kernel.btf, d.id).map((m) => m.name)),
		})),
	): void {
		const base = definitions[0]!;
		const t = base.kernel.btf.type(base.id) as Aggregate;
		const size = this.#sizeOfAggregate(base);
		const members: BtfMember[] = [];
		for (const m of t.members) {
			const type = bare(base.kernel.btf, m.type);
			const inner = base.kernel.btf.type(type);
			if (isAggregate(inner) && inner.name === "") {
				// Its own copy, because its members get tags of their own.
				const own = this.#builder.reserve();
				const others = m.name === "" ? [] : this.#counterparts(definitions.slice(1), m.name, inner.kind);
				if (m.name === "") this.#work.push(() => this.#aggregate(own, [{ kernel: base.kernel, id: type }], flat));
				else this.#work.push(() => this.#aggregate(own, [{ kernel: base.kernel, id: type }, ...others]));
				members.push({ ...m, type: own });
			} else members.push({ ...m, type: this.#ref({ kernel: base.kernel, id: m.type }) });
		}
		const known = new Set(flat[0]!.names);
		for (const d of definitions.slice(1)) {
			for (const m of flattenMembers(d.kernel.btf, d.id)) {
				if (known.has(m.name)) continue;
				known.add(m.name);
				const bytes = this.#sizeOf(d.kernel, m.member.type);
				// It has to lie within the struct, or nothing that holds the struct would be valid.
				if (bytes > size) {
					this.left.push(`${t.kind} ${t.name}.${m.name} of ${d.kernel.label}: ${bytes} bytes, the struct has ${size}`);
					continue;
				}
				const bitOffset = t.kind === "union" ? 0 : Math.floor((size - bytes) / 8) * 64;
				const at = members.findIndex((x) => x.bitOffset > bitOffset);
				members.splice(at < 0 ? members.length : at, 0, {
					name: m.name,
					type: this.#ref({ kernel: d.kernel, id: m.member.type }),
					bitOffset,
					bitSize: m.member.bitSize,
				});
			}
		}
		this.#builder.set(id, { kind: t.kind, name: t.name, size, members });
		members.forEach((m, component) => {
			if (m.name === "") return;
			const have = flat.filter((f) => f.names.has(m.name)).map((f) => f.label);
			if (have.length < flat.length) this.#tags.push({ type: id, component, kernels: have.join(",") });
		});
	}

	/** As merged: a named struct has its newest kernel's size. */
	#sizeOf(kernel: Kernel, id: number): number {
		const real = kernel.btf.resolve(id);
		const t = kernel.btf.type(real);
		if (t.kind === "array") return t.length * this.#sizeOf(kernel, t.type);
		if (!isAggregate(t)) return kernel.btf.sizeOf(real);
		const base =
			t.name === "" ? { kernel, id: real } : (this.#included.get(`${t.kind} ${t.name}`)?.[0] ?? { kernel, id: real });
		return this.#sizeOfAggregate(base);
	}

	/** A struct that only older kernels have may hold one that grew since. */
	#sizeOfAggregate({ kernel, id }: Definition): number {
		const t = kernel.btf.type(id) as Aggregate;
		if (kernel === this.#kernels[0]) return t.size;
		return Math.max(
			t.size,
			...t.members.map((m) => Math.ceil(m.bitOffset / 8) + (m.bitSize > 0 ? 0 : this.#sizeOf(kernel, m.type))),
		);
	}

	#counterparts(definitions: readonly Definition[], name: string, kind: string): Definition[] {
		return definitions.flatMap(({ kernel, id }) => {
			const m = flattenMembers(kernel.btf, id).find((x) => x.name === name);
			if (!m) return [];
			const type = bare(kernel.btf, m.member.type);
			const t = kernel.btf.type(type);
			return t.kind === kind && isAggregate(t) && t.name === "" ? [{ kernel, id: type }] : [];
		});
	}

	#enum(id: number, base: BtfType & { kind: "enum" | "enum64" }, definitions: readonly Definition[]): void {
		const sets = definitions.map((d) => {
			const t = d.kernel.btf.type(d.id) as BtfType & { kind: "enum" | "enum64" };
			return { label: d.kernel.label, values: t.values, names: new Set(t.values.map((v) => v.name)) };
		});
		const values = [...base.values] as { name: string; value: number | bigint }[];
		const known = new Set(values.map((v) => v.name));
		for (const s of sets.slice(1))
			for (const v of s.values) {
				if (known.has(v.name)) continue;
				known.add(v.name);
				values.push({ name: v.name, value: base.kind === "enum64" ? BigInt(v.value) : Number(v.value) });
			}
		this.#builder.set(id, { ...base, values } as BtfType);
		values.forEach((v, component) => {
			const have = sets.filter((s) => s.names.has(v.name)).map((s) => s.label);
			if (have.length < sets.length) this.#tags.push({ type: id, component, kernels: have.join(",") });
		});
	}

	#typedef(name: string): void {
		for (const kernel of this.#kernels) {
			const id = kernel.btf.find(name, "typedef");
			if (id === undefined) continue;
			this.#ref({ kernel, id });
			return;
		}
	}

	/** All `btf_trace_NAME`, with the parameters' names of the functions that the kernel calls. */
	#tracepoints(): void {
		for (const kernel of this.#kernels) {
			const { btf } = kernel;
			for (const id of btf.ofKind("typedef")) {
				const name = btf.name(id);
				if (!name.startsWith("btf_trace_") || this.#ids.has(`typedef ${name}`)) continue;
				const proto = this.#protoOf(btf, btf.type(id));
				if (!proto) continue;
				const func = btf.find(`__traceiter_${name.slice(10)}`, "func");
				const named = func === undefined ? undefined : this.#protoOf(btf, btf.type(func));
				const params = proto.params.map((p, i) => ({
					name: (named?.params.length === proto.params.length ? named.params[i]!.name : p.name) || `arg${i}`,
					type: this.#ref({ kernel, id: p.type }),
				}));
				const key = params.map((p) => `${p.name}:${p.type}`).join();
				const to = this.#once(`proto ${key}`, () => ({ kind: "func_proto", ret: 0, params }));
				const pointer = this.#once(`ptr ${to}`, () => ({ kind: "ptr", type: to }));
				this.#once(`typedef ${name}`, () => ({ kind: "typedef", name, type: pointer }));
			}
		}
	}

	#protoOf(btf: Btf, t: BtfType): (BtfType & { kind: "func_proto" }) | undefined {
		for (let at = t; ; ) {
			if (at.kind === "func_proto") return at;
			if (at.kind !== "typedef" && at.kind !== "ptr" && at.kind !== "func" && at.kind !== "const") return undefined;
			at = btf.type(at.type);
		}
	}

	#functions(): void {
		for (const kernel of this.#kernels) {
			const { btf } = kernel;
			const kfuncs = new Set<number>();
			for (const id of btf.ofKind("decl_tag")) {
				const t = btf.type(id);
				if (t.kind === "decl_tag" && t.name === "bpf_kfunc") kfuncs.add(t.type);
			}
			for (const id of btf.ofKind("func")) {
				const name = btf.name(id);
				if ((!kfuncs.has(id) && !this.#plan.functions(name)) || this.#ids.has(`func ${name}`)) continue;
				const proto = this.#protoOf(btf, btf.type(id));
				if (!proto) continue;
				const ret = this.#ref({ kernel, id: proto.ret });
				const params = proto.params.map((p) => ({ name: p.name, type: this.#ref({ kernel, id: p.type }) }));
				const key = `${ret} ${params.map((p) => `${p.name}:${p.type}`).join()}`;
				const type = this.#once(`proto ${key}`, () => ({ kind: "func_proto", ret, params }));
				const func = this.#once(`func ${name}`, () => ({ kind: "func", name, type, linkage: "static" }));
				if (kfuncs.has(id)) this.#builder.add({ kind: "decl_tag", name: "bpf_kfunc", type: func, component: -1 });
			}
		}
	}
}
