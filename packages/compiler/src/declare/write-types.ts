import type { Btf } from "@skep/bpf/btf";
import { spellType, type Type } from "#ir";
import {
	type KernelFunction,
	type KernelMember,
	type KernelParam,
	type KernelPointer,
	type KernelType,
	KernelTypes,
} from "./kernel-types.ts";
import { ACQUIRING, NETWORK_ORDER, UNNAMED_ENUMS, USER_ARGUMENTS, WRITABLE } from "./overlay.ts";
import type { TracepointTable, TracepointType } from "./tracepoints.ts";

export interface KernelDeclarationsInput {
	readonly btf: Btf;
	readonly tracepoints: TracepointTable;
	/** Structs, unions and their typedefs to begin with: what the sources name. */
	readonly structs: readonly string[];
	/** Steps from those (by value or by pointer) to the structs that are written too. Default 2. */
	readonly hops?: number;
	/** Which stable tracepoints, by `category:event`. Default: all. */
	readonly tracepoint?: (name: string) => boolean;
	/** Which raw and BTF tracepoints. Default: all. */
	readonly btfTracepoint?: (name: string) => boolean;
	/** Functions for fentry, fexit and kprobe. */
	readonly functions?: readonly string[];
	/** Enums besides those of the structs' members. */
	readonly enums?: readonly string[];
	/**
	 * Text of declarations that are there already (the shipped ones): what they have is left out, because a member may be
	 * declared twice only with the same type.
	 */
	readonly existing?: string;
	/** First line, a comment: who wrote it and from what. */
	readonly title?: string;
}

/** Interfaces cannot be called so. */
const RESERVED = new Set(
	"any unknown never bigint number boolean string symbol void object undefined null break case catch class const continue debugger default delete do else enum export extends false finally for function if import in instanceof new return super switch this throw true try typeof var while with implements interface let package private protected public static yield".split(
		" ",
	),
);
/** What the module imports from "skep": a kernel type of that name would hide it. */
const IMPORTED = new Set(
	"arr be16 be32 be64 chars cstr dynstr i8 i16 i32 i64 KernelPtr Owned opaque UserPtr u8 u16 u32 u64".split(" "),
);
const PROPERTY = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const key = (name: string): string => (PROPERTY.test(name) ? name : JSON.stringify(name));
/** A member's name and its declaration. */
type Row = readonly [name: string, text: string];
/** Deepest nesting of unnamed structs that is written out. */
const MAX_INLINE = 4;

/**
 * Text of a `kernel.d.ts` for editors and tsc: interfaces of the named structs and of those a few steps away, tables of
 * tracepoints, LSM hooks, kfuncs and enums. Everything else is `opaque`. Interfaces merge, so several such files may live
 * in one project.
 */
export function kernelDeclarations(input: KernelDeclarationsInput): string {
	return new Writer(input).write();
}

class Writer {
	readonly #input: KernelDeclarationsInput;
	readonly #kernel: KernelTypes;
	/** Interfaces that are written, by name. */
	readonly #names = new Map<string, number>();
	readonly #enums = new Set<string>();

	readonly #existing: ReadonlyMap<string, ReadonlySet<string>>;

	constructor(input: KernelDeclarationsInput) {
		this.#existing = input.existing === undefined ? new Map() : declaredMembers(input.existing);
		this.#input = input;
		this.#kernel = new KernelTypes(input.btf);
		for (const e of input.enums ?? []) this.#enums.add(e);
	}

	write(): string {
		this.#close();
		const interfaces = [...this.#names]
			.sort(([a], [b]) => (a < b ? -1 : 1))
			.map(([name, id]) => this.#interface(name, id));
		const { title } = this.#input;
		const parts = [
			...interfaces,
			this.#stable(),
			this.#raw(),
			this.#functions(),
			this.#lsm(),
			this.#iterators(),
			this.#structOps(),
			this.#kfuncs(),
			this.#table("Helpers", HELPERS),
			this.#enumTable(),
		].filter((p) => p !== "");
		return `${title === undefined ? "" : `// ${title}\n`}declare module "skep/kernel" {
  import type { ${[...IMPORTED].join(", ")} } from "skep";
${parts.join("\n")}
}
`;
	}

	/** Breadth first from the named structs. */
	#close(): void {
		let level = new Map<string, number>();
		for (const name of this.#input.structs) {
			const s = this.#kernel.struct(name);
			if (s && s.name !== "") level.set(s.name, s.id);
		}
		const hops = this.#input.hops ?? 2;
		for (let hop = 0; hop <= hops && level.size > 0; hop++) {
			const next = new Map<string, number>();
			const reach = (t: KernelType, depth: number): void => {
				if (t.kind === "enum" && t.name !== "") this.#enums.add(t.name);
				else if (t.kind === "array") reach(t.element, depth);
				else if (t.kind === "pointer" && t.struct && t.struct.name !== "") next.set(t.struct.name, t.struct.id);
				else if (t.kind === "struct") {
					if (t.name !== "") next.set(t.name, t.id);
					else if (depth < MAX_INLINE) for (const m of this.#kernel.members(t.id)) reach(m.type, depth + 1);
				}
			};
			for (const [name, id] of level) if (!RESERVED.has(name) && !IMPORTED.has(name)) this.#names.set(name, id);
			for (const [, id] of level) for (const m of this.#kernel.members(id)) reach(m.type, 0);
			level = new Map([...next].filter(([name]) => !this.#names.has(name)));
		}
	}

	#interface(name: string, id: number): string {
		const existing = this.#existing.get(name);
		const members = this.#members(id, name, 0, existing);
		return members === "" && existing ? "" : `  export interface ${name} { ${members} }`;
	}

	#members(id: number, struct: string, depth: number, existing?: ReadonlySet<string>): string {
		const seen = new Set<string>(existing);
		const out: string[] = [];
		for (const m of this.#kernel.members(id)) {
			if (seen.has(m.name)) continue;
			seen.add(m.name);
			const writable = WRITABLE[struct]?.includes(m.name);
			out.push(
				`${writable ? "" : "readonly "}${key(m.name)}${m.kernels ? "?" : ""}: ${this.#member(m, struct, depth)}`,
			);
		}
		return out.join("; ");
	}

	#member(m: KernelMember, struct: string, depth: number): string {
		const order = NETWORK_ORDER[struct]?.[m.name];
		if (order === undefined) return this.#type(m.type, depth);
		return m.type.kind === "array" ? `arr<be${order}, ${m.type.length}>` : `be${order}`;
	}

	#type(t: KernelType, depth = 0): string {
		switch (t.kind) {
			case "int":
				return `${t.signed ? "i" : "u"}${t.bits}`;
			case "bool":
				return "boolean";
			case "be":
				return `be${t.bits}`;
			case "enum":
				return `${t.signed ? "i" : "u"}${t.bits}`;
			case "chars":
				return `chars<${t.size}>`;
			case "array":
				return `arr<${this.#type(t.element, depth)}, ${t.length}>`;
			case "pointer":
				return this.#pointer(t);
			case "struct":
				if (t.name !== "") return this.#named(t.name);
				return depth < MAX_INLINE ? `{ ${this.#members(t.id, "", depth + 1)} }` : `opaque<"unnamed">`;
			case "opaque":
				return `opaque<${JSON.stringify(t.what)}>`;
		}
	}

	#named(name: string): string {
		return this.#names.has(name) ? name : `opaque<${JSON.stringify(name)}>`;
	}

	#pointer(t: KernelPointer, user = t.user): string {
		const to = this.#kernel.classify(t.to);
		if (user)
			return `UserPtr<${t.target === "scalar" ? this.#type(to) : t.struct && t.struct.name !== "" ? this.#named(t.struct.name) : "u8"}>`;
		switch (t.target) {
			case "struct":
				return t.struct!.name === "" ? `opaque<"unnamed">` : this.#named(t.struct!.name);
			case "char":
				return "cstr";
			case "scalar":
				return `KernelPtr<${this.#type(to)}>`;
			case "pointer":
				return "KernelPtr<u64>";
			case "void":
			case "array":
				return "KernelPtr<u8>";
			case "function":
				return `opaque<"function">`;
			case "opaque":
				return `opaque<${JSON.stringify(to.kind === "opaque" ? to.what : "unknown")}>`;
		}
	}

	#stable(): string {
		const rows: Row[] = [];
		for (const name of this.#input.tracepoints.names()) {
			if (this.#input.tracepoint && !this.#input.tracepoint(name)) continue;
			const t = this.#input.tracepoints.find(name);
			if (!t) continue;
			// The number of the call is in the name already.
			const shown = t.fields.filter((f) => t.category !== "syscalls" || f.name !== "__syscall_nr");
			const fields = shown.map((f) => `readonly ${key(f.name)}: ${this.#field(f.type)}`);
			rows.push([name, `${JSON.stringify(name)}: { ${fields.join("; ")} }`]);
		}
		return this.#table("Tracepoints", rows);
	}

	#field(t: TracepointType): string {
		switch (t.kind) {
			case "dynstr":
				return "dynstr";
			case "dynarr":
				return `opaque<"dynamic array">`;
			case "cstr":
				return "cstr";
			case "user-ptr":
				return `UserPtr<${t.to ? this.#field(t.to) : "u8"}>`;
			case "kernel-ptr":
				if (t.struct !== undefined) return this.#named(t.struct);
				return `KernelPtr<${t.to ? sized(t.to) : "u8"}>`;
			case "opaque":
				return `opaque<${JSON.stringify(t.what)}>`;
			default:
				return sized(t);
		}
	}

	#params(params: readonly KernelParam[], user: readonly string[] = []): string {
		const names = new Set<string>();
		return params
			.map((p, i) => {
				let name = p.name === "" || RESERVED.has(p.name) || !PROPERTY.test(p.name) ? `arg${i}` : p.name;
				if (names.has(name)) name = `${name}${i}`;
				names.add(name);
				const type =
					p.type.kind === "pointer" && user.includes(p.name) ? this.#pointer(p.type, true) : this.#type(p.type);
				return `${name}: ${type}`;
			})
			.join(", ");
	}

	#raw(): string {
		const rows: Row[] = [];
		for (const name of this.#kernel.tracepointNames()) {
			if (this.#input.btfTracepoint && !this.#input.btfTracepoint(name)) continue;
			const params = this.#kernel.tracepoint(name);
			if (params) rows.push([name, `${key(name)}(${this.#params(params)}): void`]);
		}
		const raw = this.#existing.has("RawTracepoints")
			? []
			: ["  export interface RawTracepoints extends BtfTracepoints {}"];
		return [this.#table("BtfTracepoints", rows), ...raw].join("\n");
	}

	#result(f: KernelFunction): string {
		return f.result.kind === "opaque" && f.result.what === "void" ? "void" : this.#type(f.result);
	}

	#functions(): string {
		const rows = (this.#input.functions ?? []).flatMap((name): Row[] => {
			const f = this.#kernel.func(name);
			return f ? [[name, `${key(name)}(${this.#params(f.params, USER_ARGUMENTS[name])}): ${this.#result(f)}`]] : [];
		});
		return this.#table("KernelFunctions", rows);
	}

	*#functionNames(prefix: string): Generator<string, undefined> {
		const { btf } = this.#input;
		const names = new Set<string>();
		for (const id of btf.ofKind("func")) {
			const name = btf.name(id);
			if (name.startsWith(prefix)) names.add(name);
		}
		yield* [...names].sort();
	}

	#lsm(): string {
		const rows: Row[] = [];
		for (const name of this.#functionNames("bpf_lsm_")) {
			const f = this.#kernel.func(name);
			if (f) {
				const hook = name.slice("bpf_lsm_".length);
				rows.push([hook, `${key(hook)}(${this.#params(f.params)}): ${this.#result(f)}`]);
			}
		}
		return this.#table("LsmHooks", rows);
	}

	#iterators(): string {
		const { btf } = this.#input;
		const rows: Row[] = [];
		const names = new Set(
			[...btf.ofKind("struct")].map((id) => btf.name(id)).filter((n) => n.startsWith("bpf_iter__")),
		);
		for (const name of [...names].sort()) {
			const s = this.#kernel.struct(name);
			if (!s) continue;
			const fields = this.#kernel
				.members(s.id)
				.filter((m) => m.name !== "meta")
				.map((m) => `readonly ${key(m.name)}: ${this.#type(m.type)}${m.type.kind === "pointer" ? " | undefined" : ""}`);
			const target = name.slice("bpf_iter__".length);
			rows.push([target, `${key(target)}: { ${fields.join("; ")} }`]);
		}
		return this.#table("IterTargets", rows);
	}

	#kfuncs(): string {
		const { btf } = this.#input;
		const names = new Set<string>();
		for (const id of btf.ofKind("decl_tag")) {
			const t = btf.type(id);
			if (t.kind === "decl_tag" && t.name === "bpf_kfunc") names.add(btf.name(t.type));
		}
		const rows: Row[] = [];
		for (const name of [...names].sort()) {
			const f = this.#kernel.func(name);
			if (!f) continue;
			const plain = this.#result(f);
			const result = ACQUIRING.has(name)
				? `Owned<${plain}> | undefined`
				: f.result.kind === "pointer"
					? `${plain} | undefined`
					: plain;
			rows.push([name, `${key(name)}(${this.#params(f.params)}): ${result}`]);
		}
		return this.#table("Kfuncs", rows);
	}

	/** Signatures of what programs implement: not in BTF as such, the members are function pointers. */
	#structOps(): string {
		const sock = this.#named("sock");
		const congestion = `tcp_congestion_ops: { init(sk: ${sock}): void; ssthresh(sk: ${sock}): u32; cong_avoid(sk: ${sock}, ack: u32, acked: u32): void; undo_cwnd(sk: ${sock}): u32; set_state(sk: ${sock}, new_state: u8): void; readonly flags: u32 }`;
		return this.#table("StructOps", [["tcp_congestion_ops", congestion]]);
	}

	#enumTable(): string {
		const rows: Row[] = [];
		for (const name of [...this.#enums].sort()) {
			const values = this.#kernel.enumerators(name);
			if (!values || values.length === 0) continue;
			const literal = (v: bigint) => (v >= -0x80000000n && v <= 0xffffffffn ? `${v}` : `${v}n`);
			const members = values.map((v) => `readonly ${key(v.name)}${v.kernels ? "?" : ""}: ${literal(v.value)}`);
			rows.push([name, `readonly ${key(name)}: { ${members.join("; ")} }`]);
		}
		for (const [name, values] of Object.entries(UNNAMED_ENUMS)) {
			if (this.#kernel.enumerators(name)) continue;
			const members = Object.entries(values).map(([k, v]) => `readonly ${k}: ${v}`);
			rows.push([name, `readonly ${name}: { ${members.join("; ")} }`]);
		}
		const brand =
			"  const E: unique symbol;\n  export type enumerator<Type extends string> = u32 & { readonly [E]?: Type };\n";
		return `${this.#existing.has("Enums") ? "" : brand}${this.#table("Enums", rows)}`;
	}

	/** An interface of one row a line, without the rows that are declared already. */
	#table(name: string, rows: readonly Row[]): string {
		const existing = this.#existing.get(name);
		const left = rows.filter(([member]) => !existing?.has(member)).map(([, text]) => `    ${text};`);
		return left.length === 0 && existing ? "" : `  export interface ${name} {\n${left.join("\n")}\n  }`;
	}
}

const sized = (t: Type): string => spellType(t, (struct) => `opaque<${JSON.stringify(struct.name)}>`);

/** Helpers have no types in BTF; these are called by their own name, the others through the vocabulary. */
const HELPERS: readonly Row[] = [
	["bpf_send_signal", "bpf_send_signal(sig: u32): i32"],
	["bpf_get_smp_processor_id", "bpf_get_smp_processor_id(): u32"],
	["bpf_get_socket_cookie", "bpf_get_socket_cookie(ctx: object): u64"],
	["bpf_override_return", "bpf_override_return(rc: u64): i32"],
	["bpf_d_path", "bpf_d_path(path: object, buf: chars<number>): i64"],
	["bpf_ktime_get_tai_ns", "bpf_ktime_get_tai_ns?(): u64"],
];

/** Interfaces of a declaration file and the names of their members. Understands what `kernelDeclarations` writes, and files like it. */
export function declaredMembers(text: string): Map<string, Set<string>> {
	const out = new Map<string, Set<string>>();
	for (const m of text.matchAll(/export interface (\w+)[^{]*\{/g)) {
		const members = out.get(m[1]!) ?? new Set<string>();
		out.set(m[1]!, members);
		let depth = 0;
		let start = true;
		for (let at = m.index + m[0].length; at < text.length; at++) {
			const c = text[at]!;
			if (depth === 0 && c === "}") break;
			if (c === "/" && text[at + 1] === "/") at = text.indexOf("\n", at);
			else if (c === "/" && text[at + 1] === "*") at = text.indexOf("*/", at) + 1;
			else if (start && depth === 0 && /["\w$]/.test(c)) {
				const name = /^(?:readonly\s+)?(?:"([^"]*)"|([\w$]+))/.exec(text.slice(at, at + 200));
				if (name) {
					members.add(name[1] ?? name[2]!);
					at += name[0].length - 1;
				}
				start = false;
			} else if ("{(<[".includes(c)) depth++;
			else if ("})>]".includes(c)) depth--;
			else if (depth === 0 && (c === ";" || c === ",")) start = true;
		}
	}
	return out;
}
