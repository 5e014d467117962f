/** A kind of BTF type: number, first kernel, what it says, a declaration in C that it comes from. */
export type KindRow = readonly [name: string, value: number, since: string, text: string, example: string];

/** One row a kind of type. */
// biome-ignore format: table
export const KIND_TEXTS: readonly KindRow[] = [
	["INT", 1, "4.18", "An integer: bytes, bits, and whether it is signed, a character or a boolean.", "int n;"],
	["PTR", 2, "4.18", "A pointer to a type; type 0 is void.", "struct task_struct *next;"],
	["ARRAY", 3, "4.18", "An array: type of elements, how many, and type of the index.", "char comm[16];"],
	["STRUCT", 4, "4.18", "A struct: its size, and members with name, type and offset in bits. The upper 8 bits of an offset are a bit-field's width where the struct says so.", "struct event { int pid; char comm[16]; };"],
	["UNION", 5, "4.18", "A union: as a struct, with members that lie over each other.", "union value { int n; float f; };"],
	["ENUM", 6, "4.18", "An enumeration with values of up to 32 bits.", "enum verdict { DROP, PASS };"],
	["FWD", 7, "4.18", "A struct or union that is only named, not described.", "struct module;"],
	["TYPEDEF", 8, "4.18", "Another name of a type.", "typedef unsigned int u32;"],
	["VOLATILE", 9, "4.18", "volatile: does not change what a value is.", "volatile int ready;"],
	["CONST", 10, "4.18", "const: does not change what a value is.", "const int limit = 10;"],
	["RESTRICT", 11, "4.18", "restrict: does not change what a value is.", "void copy(char *restrict to);"],
	["FUNC", 12, "5.0", "A function: name and type; static, global or extern.", "int on_exec(void *ctx) { return 0; }"],
	["FUNC_PROTO", 13, "5.0", "The type of a function: result and parameters with their names.", "int (*callback)(int index, void *ctx);"],
	["VAR", 14, "5.2", "A variable: name, type, static, global or extern.", "int counter;"],
	["DATASEC", 15, "5.2", "A section of variables, with where each stands and how large it is: .data, .maps.", "int counter SEC(\".data.counters\");"],
	["FLOAT", 16, "5.13", "A floating-point number. Only so that structs that have one can be described.", "struct reading { float volts; };"],
	["DECL_TAG", 17, "5.16", "A word that the source attached to a struct, member, function or parameter: `bpf_kfunc`, `arg:ctx`.", "__bpf_kfunc int f(void);   /* tag bpf_kfunc */"],
	["TYPE_TAG", 18, "5.17", "A word that the source attached to what a pointer points to: `user`, `rcu`, `percpu`, `kptr`.", "struct task_struct __rcu *real_parent;"],
	["ENUM64", 19, "6.0", "An enumeration with values of up to 64 bits.", "enum flags { ALL = 0xffffffffffULL };"],
];
