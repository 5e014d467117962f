import type { Btf } from "@skep/bpf/btf";

/** `long unsigned int` is what compilers write into BTF; people write `unsigned long`. */
const PLAIN: Readonly<Record<string, string>> = {
	"long unsigned int": "unsigned long",
	"long long unsigned int": "unsigned long long",
	"long long int": "long long",
	"long int": "long",
	"short int": "short",
	"short unsigned int": "unsigned short",
};

/** A declaration in C: `struct task_struct *p`, `const u64 *unsafe_ptr`. Functions inside are written without parameters. */
function declare(btf: Btf, id: number, name: string): string {
	if (id === 0) return `void ${name}`.trimEnd();
	const type = btf.type(id);
	switch (type.kind) {
		case "int":
		case "float":
		case "typedef":
			return `${PLAIN[type.name] ?? type.name} ${name}`.trimEnd();
		case "struct":
		case "union":
			return `${type.kind} ${type.name} ${name}`.trimEnd();
		case "enum":
		case "enum64":
			return `enum ${type.name} ${name}`.trimEnd();
		case "fwd":
			return `${type.union ? "union" : "struct"} ${type.name} ${name}`.trimEnd();
		case "ptr":
			return declare(btf, type.type, `*${name}`);
		case "const": {
			const inner = type.type === 0 ? undefined : btf.type(type.type).kind;
			return inner === "ptr" ? declare(btf, type.type, `const ${name}`) : `const ${declare(btf, type.type, name)}`;
		}
		case "volatile":
		case "restrict":
		case "type_tag":
			return declare(btf, type.type, name);
		case "array":
			return declare(btf, type.type, `${name}[]`);
		case "func_proto":
			return `void (${name})()`;
		default:
			return name;
	}
}

/** `void *(void *obj, u32 size)`: a function of the kernel as its types have it; undefined: it has none of this name. */
export function prototypeOf(btf: Btf, name: string): string | undefined {
	const id = btf.find(name, "func");
	const found = id === undefined ? undefined : btf.type(id);
	const type = found?.kind === "func" ? btf.type(found.type) : undefined;
	if (type?.kind !== "func_proto") return undefined;
	const result = declare(btf, type.ret, "");
	const parameters = type.params.map((each) => declare(btf, each.type, each.name));
	return `${result}${result.endsWith("*") ? "" : " "}(${parameters.join(", ") || "void"})`;
}
