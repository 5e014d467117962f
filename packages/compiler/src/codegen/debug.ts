import { LinkError } from "@skep/bpf/base";
import type { Btf, BtfBuilder, BtfMember, BtfType } from "@skep/bpf/btf";
import type { CoreRelocation, LineInfo } from "@skep/bpf/spec";
import type { CoreAccess, Func, ParamType, Position, SourceFile, Type } from "#ir";

const INT = { kind: "int", offset: 0, char: false, bool: false } as const;

/** Names as a C compiler on Linux gives them: the int and the typedef that the kernel's headers put on it. */
// biome-ignore format: table
const INTS = {
	u8: ["unsigned char", "__u8"], u16: ["unsigned short", "__u16"], u32: ["unsigned int", "__u32"], u64: ["unsigned long long", "__u64"],
	i8: ["signed char", "__s8"], i16: ["short", "__s16"], i32: ["int", "__s32"], i64: ["long long", "__s64"],
} as const;
type IntName = keyof typeof INTS;

/** Types of the source as BTF: records, keys, values, variables and function prototypes. Each type once. */
export class DebugTypes {
	readonly #btf: BtfBuilder;
	readonly #known = new Map<string, number>();

	constructor(btf: BtfBuilder) {
		this.#btf = btf;
	}

	#int(name: string, size: number, signed: boolean): number {
		return this.#btf.once({ ...INT, name, size, bits: size * 8, signed });
	}

	/** `int`, as programs return it. */
	int(): number {
		return this.#int("int", 4, true);
	}

	pointer(type: number): number {
		return this.#btf.once({ kind: "ptr", type });
	}

	#array(type: number, length: number): number {
		const index = this.#int("__ARRAY_SIZE_TYPE__", 4, false);
		return this.#btf.once({ kind: "array", type, index, length });
	}

	#typedef(name: string, type: number): number {
		return this.#btf.once({ kind: "typedef", name, type });
	}

	#integer(name: IntName): number {
		const [c, alias] = INTS[name];
		return this.#typedef(alias, this.#int(c, Number(name.slice(1)) / 8, name.startsWith("i")));
	}

	/** Id of a type of the source. */
	type(t: Type): number {
		switch (t.kind) {
			case "int":
				return this.#integer(`${t.signed ? "i" : "u"}${t.bits}`);
			case "be":
				return this.#typedef(`__be${t.bits}`, this.#integer(`u${t.bits}`));
			case "bool":
				return this.#typedef(
					"bool",
					this.#btf.once({ ...INT, name: "_Bool", size: 1, bits: 8, signed: false, bool: true }),
				);
			case "chars":
				return this.#array(this.#int("char", 1, true), t.size);
			case "array":
				return this.#array(this.type(t.element), t.length);
			case "struct": {
				const key = `struct ${t.name}`;
				const known = this.#known.get(key);
				if (known !== undefined) return known;
				const id = this.#btf.reserve();
				this.#known.set(key, id);
				const members: BtfMember[] = t.fields.map((f) => ({
					name: f.name,
					type: this.type(f.type),
					bitOffset: f.offset * 8 + (f.bits?.shift ?? 0),
					bitSize: f.bits?.size ?? 0,
				}));
				// The kernel refuses members that are not in the order of their offsets.
				members.sort((a, b) => a.bitOffset - b.bitOffset);
				this.#btf.set(id, { kind: "struct", name: t.name, size: t.size, members });
				return id;
			}
		}
	}

	/** FUNC with its prototype. Aggregates go by pointer, as registers do. */
	func(f: Func, kernel: KernelTypes): number {
		const program = f.section !== ".text";
		const ret = f.result ? this.type(f.result) : program ? this.int() : 0;
		const params = f.params.map((p, i) => ({ name: identifier(p.name, `arg${i}`), type: this.#param(p.type, kernel) }));
		const proto = this.#btf.add({ kind: "func_proto", ret, params });
		const linkage = program || f.global ? "global" : "static";
		return this.#btf.add({ kind: "func", name: f.name, type: proto, linkage });
	}

	#param(t: ParamType, kernel: KernelTypes): number {
		if (t.kind === "ctx") return this.pointer(t.struct === undefined ? 0 : kernel.context(t.struct));
		const type = this.type(t);
		return t.kind === "struct" || t.kind === "array" || t.kind === "chars" ? this.pointer(type) : type;
	}
}

/** Parameter names must be C identifiers or the kernel refuses the FUNC. */
const identifier = (name: string, otherwise: string): string => {
	const clean = name.replace(/[^A-Za-z0-9_]/g, "_");
	return /^[A-Za-z_]/.test(clean) ? clean : otherwise;
};

interface Shadow {
	/** Name to give; the kernel's unless flavoured. */
	readonly name: string;
	readonly kernelId: number;
	/** Indexes of members or enumerators in the kernel's type that are used. */
	readonly used: Set<number>;
	/** Local id, once there is one. */
	id: number;
	/** Kernel's index to the local one; filled when the type is written. */
	readonly place: Map<number, number>;
}

/**
 * The kernel's types that CO-RE accesses go through, copied with only what is used: members keep the kernel's offsets,
 * structs its size. Accesses are added first (`use`), then `write` makes the types, then `relocation` translates.
 */
export class KernelTypes {
	readonly #btf: BtfBuilder;
	readonly #kernel: Btf;
	readonly #shadows = new Map<string, Shadow>();
	/** Plain copies (ints, pointers, arrays …) by what they are. */
	#written = false;

	constructor(btf: BtfBuilder, kernel: Btf) {
		this.#btf = btf;
		this.#kernel = kernel;
	}

	/** Marks what an access needs. */
	use(access: CoreAccess): void {
		if (this.#written) throw new Error("an access after the kernel's types were written");
		const root = this.#root(access);
		const [first, ...rest] = access.path;
		if (access.kind === "enumval_exists" || access.kind === "enumval_value") {
			if (first !== undefined) root.used.add(first);
			return;
		}
		let id = root.kernelId;
		let shadow = root;
		let named = true;
		for (const index of rest) {
			const type = this.#kernel.type(id);
			if (type.kind === "array") {
				id = this.#kernel.resolve(type.type);
				named = true;
			} else if (type.kind === "struct" || type.kind === "union") {
				if (id !== shadow.kernelId) shadow = this.#shadow(id);
				const member = type.members[index];
				if (!member) throw this.#wrong(access, `"${type.name}" has no member ${index}`);
				shadow.used.add(index);
				id = this.#kernel.resolve(member.type);
				named = member.name !== "";
			} else throw this.#wrong(access, `it goes on through a ${type.kind}`);
		}
		// A loader finds members by name: a last one without would silently become the struct around it.
		if (!named) throw this.#wrong(access, "its last member has no name");
	}

	#wrong(access: CoreAccess, why: string): LinkError {
		const name = this.#kernel.name(access.root);
		return new LinkError(`the access ${access.path.join(":")} of "${name}" cannot be described: ${why}`, {
			symbol: name,
		});
	}

	/** The struct, union or enum an access starts from; a typedef of one without a name counts as its name. */
	#root(access: CoreAccess): Shadow {
		const id = this.#kernel.resolve(access.root);
		return this.#shadow(id, this.#localName(access, id));
	}

	#localName(access: CoreAccess, id: number): string {
		const name = this.#kernel.name(id) || this.#kernel.name(access.root);
		if (!name) throw this.#wrong(access, "the type has no name");
		if (access.flavour === undefined) return name;
		return access.flavour.includes("___") ? access.flavour : `${name}___${access.flavour}`;
	}

	#shadow(kernelId: number, name = this.#kernel.name(kernelId)): Shadow {
		const key = `${kernelId} ${name}`;
		let shadow = this.#shadows.get(key);
		if (!shadow) {
			shadow = { name, kernelId, used: new Set(), id: 0, place: new Map() };
			this.#shadows.set(key, shadow);
		}
		return shadow;
	}

	/** Struct of a program's context, by its C name; a forward declaration where the kernel's BTF does not have it. */
	context(name: string): number {
		const id = this.#kernel.find(name, "struct");
		if (id === undefined) return this.#btf.once({ kind: "fwd", name, union: false });
		return this.#ensure(this.#shadow(id));
	}

	/** FUNC of a kernel function, linkage extern; undefined: the kernel's BTF does not have it. */
	kfunc(name: string): number | undefined {
		const id = this.#kernel.find(name, "func");
		const func = id === undefined ? undefined : this.#kernel.type(id);
		if (func?.kind !== "func") return undefined;
		const proto = this.#kernel.type(func.type);
		if (proto.kind !== "func_proto") return undefined;
		const params = proto.params.map((p, i) => ({
			name: identifier(p.name, `arg${i}`),
			type: this.#copy(p.type, true),
		}));
		const type = this.#btf.add({ kind: "func_proto", ret: this.#copy(proto.ret, true), params });
		return this.#btf.add({ kind: "func", name, type, linkage: "extern" });
	}

	/** Makes the types of all accesses. */
	write(): void {
		this.#written = true;
		for (const shadow of [...this.#shadows.values()]) this.#ensure(shadow);
	}

	#ensure(shadow: Shadow): number {
		if (shadow.id) return shadow.id;
		const type = this.#kernel.type(shadow.kernelId);
		const { name } = shadow;
		const used = [...shadow.used].sort((a, b) => a - b);
		// A typedef's name stands on a type without one: the typedef is what the target is searched for.
		const inner = this.#kernel.name(shadow.kernelId);
		const behindTypedef = inner === "" && name !== "";
		const own = this.#btf.reserve();
		shadow.id = behindTypedef ? this.#btf.add({ kind: "typedef", name, type: own }) : own;
		const given = behindTypedef ? "" : name;
		switch (type.kind) {
			case "struct":
			case "union": {
				const members = used
					.map((index) => ({ index, member: type.members[index]! }))
					.sort((a, b) => a.member.bitOffset - b.member.bitOffset)
					.map(({ index, member }, i): BtfMember => {
						shadow.place.set(index, i);
						return { ...member, type: this.#copy(member.type, false) };
					});
				this.#btf.set(own, { kind: type.kind, name: given, size: type.size, members });
				break;
			}
			case "enum":
				for (const [i, index] of used.entries()) shadow.place.set(index, i);
				this.#btf.set(own, { ...type, name: given, values: used.map((index) => type.values[index]!) });
				break;
			case "enum64":
				for (const [i, index] of used.entries()) shadow.place.set(index, i);
				this.#btf.set(own, { ...type, name: given, values: used.map((index) => type.values[index]!) });
				break;
			default:
				this.#btf.set(own, this.#other(shadow.kernelId));
		}
		return shadow.id;
	}

	/** Roots of type relocations may be anything that has a name. */
	#other(kernelId: number): BtfType {
		const type = this.#kernel.type(kernelId);
		switch (type.kind) {
			case "int":
			case "float":
			case "fwd":
				return type;
			case "ptr":
				return { kind: "ptr", type: this.#copy(type.type, false) };
			case "array":
				return { ...type, type: this.#copy(type.type, false), index: this.#copy(type.index, false) };
			default:
				throw new LinkError(`a ${type.kind} cannot be the root of a CO-RE access`);
		}
	}

	/**
	 * A type of a member or parameter without typedefs and qualifiers (CO-RE looks through them). Pointers lead to the
	 * shadow of a struct that is used, else to a forward declaration; `whole`: to a struct, as libbpf compares kfuncs.
	 */
	#copy(kernelId: number, whole: boolean): number {
		const id = this.#kernel.resolve(kernelId);
		const type = this.#kernel.type(id);
		switch (type.kind) {
			case "int":
			case "float":
			case "fwd":
				return this.#btf.once(type);
			case "enum":
			case "enum64":
			case "struct":
			case "union":
				return this.#ensure(this.#shadow(id));
			case "array": {
				const element = this.#copy(type.type, whole);
				const index = this.#copy(type.index, whole);
				return this.#btf.once({ ...type, type: element, index });
			}
			case "ptr": {
				const target = this.#pointee(type.type, whole);
				return this.#btf.once({ kind: "ptr", type: target });
			}
			default:
				return 0;
		}
	}

	#pointee(kernelId: number, whole: boolean): number {
		const id = this.#kernel.resolve(kernelId);
		const type = this.#kernel.type(id);
		switch (type.kind) {
			case "struct":
			case "union": {
				const known = this.#shadows.get(`${id} ${type.name}`);
				if (known || whole) return this.#ensure(known ?? this.#shadow(id));
				if (type.name === "") return 0;
				return this.#btf.once({ kind: "fwd", name: type.name, union: type.kind === "union" });
			}
			case "int":
				return this.#copy(id, whole);
			case "ptr":
			case "enum":
			case "enum64":
			case "fwd":
				return whole ? this.#copy(id, whole) : 0;
			default:
				return 0;
		}
	}

	/** The access in terms of the local types. After `write`. */
	relocation(slot: number, access: CoreAccess): CoreRelocation {
		const root = this.#root(access);
		const { kind } = access;
		if (kind === "enumval_exists" || kind === "enumval_value") {
			const index = root.place.get(access.path[0] ?? -1);
			if (index === undefined) throw this.#wrong(access, "there is no such enumerator");
			return { slot, type: root.id, access: `${index}`, kind };
		}
		if (kind.startsWith("type_")) return { slot, type: root.id, access: "0", kind };
		const [first = 0, ...rest] = access.path;
		const local = [first];
		let id = root.kernelId;
		let shadow = root;
		for (const index of rest) {
			const type = this.#kernel.type(id);
			if (type.kind === "array") {
				local.push(index);
				id = this.#kernel.resolve(type.type);
				continue;
			}
			if (type.kind !== "struct" && type.kind !== "union")
				throw this.#wrong(access, `it goes on through a ${type.kind}`);
			if (id !== shadow.kernelId) shadow = this.#shadow(id);
			const place = shadow.place.get(index);
			const member = type.members[index];
			if (place === undefined || !member) throw this.#wrong(access, `member ${index} was not announced`);
			local.push(place);
			id = this.#kernel.resolve(member.type);
		}
		return { slot, type: root.id, access: local.join(":"), kind };
	}
}

/** Lines of the sources, split once. */
export class SourceLines {
	readonly #files: readonly SourceFile[];
	readonly #lines = new Map<number, readonly string[]>();

	constructor(files: readonly SourceFile[]) {
		this.#files = files;
	}

	#text(file: number, line: number): string {
		let lines = this.#lines.get(file);
		if (!lines) {
			lines = this.#files[file]?.text.split(/\r\n|\r|\n/) ?? [];
			this.#lines.set(file, lines);
		}
		return lines[line - 1] ?? "";
	}

	/**
	 * Line information of a function, in order of slots. The kernel wants one for the first slot and no two for one; a
	 * position that repeats the one before it says nothing.
	 */
	of(positions: readonly { readonly slot: number; readonly position: Position }[]): LineInfo[] {
		const bySlot = new Map(positions.map((p) => [p.slot, p.position]));
		const result: LineInfo[] = [];
		let last: Position | undefined;
		for (const [slot, p] of [...bySlot].sort((a, b) => a[0] - b[0])) {
			if (last && last.file === p.file && last.line === p.line && last.column === p.column) continue;
			last = p;
			const file = this.#files[p.file]?.path ?? "";
			result.push({ slot, file, text: this.#text(p.file, p.line), line: p.line, column: p.column });
		}
		return result;
	}
}
