import { type Btf, memberBits } from "@skep/bpf/btf";
import type { RecordingSite } from "@skep/bpf/spec";
import type { CoreAccess } from "#ir";

/** The places of a module that log, each with its number on the wire; places that log the same are one. */
export class Sites {
	readonly list: RecordingSite[] = [];
	readonly #numbers = new Map<string, number>();

	number(site: RecordingSite): number {
		const key = JSON.stringify(site);
		let n = this.#numbers.get(key);
		if (n === undefined) {
			n = this.list.length;
			if (n > 0xffff) throw new RangeError("more than 65536 places that log");
			this.list.push(site);
			this.#numbers.set(key, n);
		}
		return n;
	}
}

/** The field that an access reads `size` bytes of, by the names that the kernel's BTF has. */
export function fieldSite(kernel: Btf, access: CoreAccess, size: number): RecordingSite & { kind: "field" } {
	const root = kernel.resolve(access.root);
	const path: string[] = [];
	let at = root;
	for (const index of access.path.slice(1)) {
		const type = kernel.type(at);
		if (type.kind === "array") {
			path.push(`[${index}]`);
			at = kernel.resolve(type.type);
		} else if (type.kind === "struct" || type.kind === "union") {
			const member = type.members[index]!;
			if (member.name !== "") path.push(member.name);
			at = kernel.resolve(member.type);
		}
	}
	const type = kernel.type(at);
	const target = type.kind === "ptr" ? kernel.type(kernel.resolve(type.type)) : undefined;
	const pointsTo = target?.kind === "struct" || target?.kind === "union" ? nameOfTarget(kernel, at) : "";
	const signed = (type.kind === "int" || type.kind === "enum" || type.kind === "enum64") && type.signed;
	return {
		kind: "field",
		struct: kernel.name(root) || kernel.name(access.root),
		path,
		size,
		...(pointsTo ? { pointsTo } : {}),
		...(signed ? { signed } : {}),
	};
}

/** The name of the struct behind a pointer; a typedef's where the struct itself has none. */
export function nameOfTarget(kernel: Btf, pointer: number): string {
	for (let id = pointer; ; ) {
		const type = kernel.type(id);
		if (type.kind === "struct" || type.kind === "union") return type.name;
		if (type.kind === "typedef" && id !== pointer) {
			const name = kernel.name(kernel.resolve(id));
			return name || type.name;
		}
		if (!("type" in type) || type.kind === "array" || type.kind === "func") return "";
		id = type.type;
	}
}

/** Width in bits of the bit-field that an access ends in; 0: it is none. */
export function bitFieldBits(kernel: Btf, access: CoreAccess): number {
	let at = kernel.resolve(access.root);
	let bits = 0;
	for (const index of access.path.slice(1)) {
		const type = kernel.type(at);
		bits = 0;
		if (type.kind === "array") at = kernel.resolve(type.type);
		else if (type.kind === "struct" || type.kind === "union") {
			bits = memberBits(kernel, type.members[index]!).bitSize;
			at = kernel.resolve(type.members[index]!.type);
		}
	}
	return bits;
}
