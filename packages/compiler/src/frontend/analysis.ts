import type { ManifestOption } from "@skep/bpf/spec";
import type { MapType } from "@skep/bpf/uapi";
import type { Position, StructType, Type } from "#ir";
import type { Word } from "#language";
import type { Node } from "./tree.ts";

/** What the front end finds out without looking into function bodies: modules, names, types and declarations. */
export interface Analysis {
	/** Entry first, then in order of import. */
	readonly modules: readonly SourceModule[];
	readonly maps: readonly MapDeclaration[];
	readonly programs: readonly ProgramDeclaration[];
	readonly options: readonly OptionsDeclaration[];
	readonly shared: readonly SharedDeclaration[];
	/** `export const license` of the entry; `GPL` where it says none. */
	readonly license: string;
	/** Words of the vocabulary that handles and kernel code use, each place; for the kernel version that is needed. */
	readonly words: readonly { readonly word: Word; readonly module: SourceModule; readonly node: Node }[];
	/** Functions that kernel code reaches, by node; those handed to program constructors included. */
	readonly kernelFunctions: ReadonlySet<Node>;
	/** Of these, the ones that no user code reaches and no module exports: the hook blanks their bodies. */
	readonly kernelOnly: ReadonlySet<Node>;
	/** Statements besides declarations, or an exported `main`, in the entry. */
	readonly userHalf: boolean;
	/** What a name means at the top of a module; undefined: not declared there (a JavaScript global or nothing). */
	lookup(module: SourceModule, name: string): Binding | undefined;
	/** Type syntax to a type. Reports what has no size (SK2101) at the node; undefined after a report. */
	resolveType(module: SourceModule, node: Node): TypeRef | undefined;
	/** As `resolveType`, but the type must have a size: reports kernel structs, `T | undefined` and the like. */
	sizedType(module: SourceModule, node: Node): Type | undefined;
	/** Compile-time value of an expression of module level (literals, arithmetic, `as const`, htons(53), XDP.PASS …); undefined: none, nothing is reported. Names are those of the module's top: a caller in a function body looks at its locals first. */
	evaluate(module: SourceModule, node: Node): Constant | undefined;
	/** Source position of a node. */
	position(module: SourceModule, node: Node): Position;
}

export interface SourceModule {
	/** Index in `Analysis.modules`, and `Position.file`. */
	readonly index: number;
	readonly path: string;
	readonly text: string;
	readonly program: Node;
}

/** A sized type, or something only expressions have: a struct of the target kernel, a user pointer … */
export type TypeRef =
	| Type
	| {
			readonly kind: "kernel" /** name in skep/kernel, flavour included: `task_struct`, `task_struct___pre_5_14` */;
			readonly name: string;
	  }
	| { readonly kind: "user-ptr"; readonly to: TypeRef }
	| { readonly kind: "kernel-ptr"; readonly to: TypeRef }
	| {
			readonly kind: "vocabulary" /** `Cursor`, `XdpPacket`, `cstr`, `Ref` … */;
			readonly name: string;
			readonly args: readonly TypeRef[];
	  }
	| { readonly kind: "optional" /** `T | undefined` */; readonly type: TypeRef }
	| { readonly kind: "void" };

export type Constant =
	| {
			readonly kind: "int";
			readonly value: bigint /** bigint in the source; false: number */;
			readonly big: boolean /** absent: a literal, sign still open */;
			readonly type?: Type;
	  }
	| {
			readonly kind: "be";
			readonly bits: 16 | 32 | 64 /** as stored: the bytes in memory read little-endian */;
			readonly value: bigint;
	  }
	| { readonly kind: "bool"; readonly value: boolean }
	| { readonly kind: "string"; readonly value: string }
	| { readonly kind: "undefined" }
	| { readonly kind: "array"; readonly elements: readonly Constant[] }
	| { readonly kind: "object"; readonly members: ReadonlyMap<string, Constant> };

/** What a module-level name stands for. */
export type Binding =
	/** Imported from skep, skep/net, skep/uapi, skep/kernel. */
	| {
			readonly kind: "vocabulary";
			readonly module: "skep" | "skep/net" | "skep/uapi" | "skep/kernel";
			readonly name: string;
	  }
	| { readonly kind: "map"; readonly map: MapDeclaration }
	| { readonly kind: "program"; readonly program: ProgramDeclaration }
	| { readonly kind: "options"; readonly options: OptionsDeclaration }
	| {
			readonly kind: "function";
			readonly module: SourceModule;
			readonly name: string /** FunctionDeclaration, FunctionExpression or ArrowFunctionExpression */;
			readonly node: Node /** `subprogram(fn)`: never inlined */;
			readonly subprogram?: { readonly global: boolean; readonly weak: boolean };
	  }
	| { readonly kind: "shared"; readonly shared: SharedDeclaration }
	| {
			readonly kind: "constant";
			readonly module: SourceModule;
			readonly name: string;
			readonly node: Node;
			readonly value: Constant;
	  }
	| { readonly kind: "type"; readonly module: SourceModule; readonly name: string; readonly node: Node }
	/** A module-level `let`/`var` of the user's. */
	| { readonly kind: "variable"; readonly module: SourceModule; readonly name: string; readonly node: Node }
	/** Anything else of the user half: classes, const with run-time value, imports from node: and npm. */
	/** A handle that was refused and reported: say nothing more about it. */
	| { readonly kind: "broken"; readonly name: string }
	| { readonly kind: "user"; readonly name: string /** specifier, where it is imported */; readonly from?: string };

export interface MapDeclaration {
	readonly module: SourceModule;
	/** Unique in the compilation: the constant's name, numbered where two modules use the same one. */
	readonly name: string;
	/** `hash`, `ringbuf`, `histogram` … */
	readonly word: string;
	readonly type: MapType;
	readonly key: Type | undefined;
	readonly value: Type | undefined;
	readonly record: StructType | undefined;
	readonly maxEntries: number;
	readonly flags: number;
	readonly pin: string | undefined;
	readonly numaNode?: number;
	readonly histogram?: {
		readonly keyed: boolean;
		readonly scale: "log2" | { readonly from: number; readonly to: number; readonly step: number };
	};
	/** The CallExpression. */
	readonly call: Node;
}

export interface ProgramDeclaration {
	readonly module: SourceModule;
	/** Unique; the constant's name, else made from the target: `sched_process_exec`. At most 15 characters are kept by the kernel. */
	readonly name: string;
	/** `tracepoint`, `tpBtf`, `xdp` … */
	readonly word: string;
	/** Static targets: `sched:sched_process_exec`; several where the source gives an array. */
	readonly targets: readonly string[];
	/** Literal members of the options object. */
	readonly attach: boolean;
	readonly optional: boolean;
	readonly sleepable: boolean;
	/** Targets of the options object: `dev` → literal or `opt.dev`. */
	readonly target: Readonly<Record<string, { readonly value: string } | { readonly option: string }>>;
	/** Member of the options object the word can take as target: `dev`, `cgroup`; undefined: none wanted. */
	readonly wants: string | undefined;
	readonly mode: string | undefined;
	/** xdp: multi-buffer packets. */
	readonly frags: boolean;
	/** The function: node and the module it is written in. */
	readonly fn: Node;
	readonly fnModule: SourceModule;
	readonly call: Node;
}

/** `shared<T>({…})`: variables of both halves. */
export interface SharedDeclaration {
	readonly module: SourceModule;
	readonly name: string;
	readonly members: readonly {
		readonly name: string;
		readonly type: Type;
		readonly initial: Constant /** name of the global, unique in the compilation */;
		readonly variable: string;
	}[];
	readonly call: Node;
}

export interface OptionsDeclaration {
	readonly module: SourceModule;
	readonly name: string;
	readonly entries: readonly OptionEntry[];
	readonly call: Node;
}
export interface OptionEntry {
	/** `variable` and `present` are filled by lowering where the kernel half reads the option. */
	readonly option: ManifestOption;
	/** Type of the value in the kernel half; undefined: no use there (interface, cgroup, path of unknown size). */
	readonly type: Type | undefined;
	/** `T | undefined`: no default, not required, not boolean. */
	readonly optional: boolean;
}
