import { type Btf, memberBits, readValue } from "#btf";
import { commentText, type Names, propertyName } from "./names.ts";

/** Nesting of anonymous structs that is written in place. */
const MAX_DEPTH = 32;
/** Members that are written in all; anonymous structs inside each other could multiply without end. */
const MAX_MEMBERS = 1 << 16;
/** Bytes of a value that are tried; larger ones are taken to have one. */
const MAX_TRIED = 1 << 20;

/**
 * Types of an object's BTF in TypeScript, as `readValue` and `writeValue` take them: 64 bits are bigint, text is string,
 * the members of anonymous structs stand beside their own. Named structs become interfaces, which `text` gives at the end.
 */
export class Declarations {
	readonly #btf: Btf;
	readonly #names: Names;
	readonly #interfaces = new Map<number, string>();
	readonly #texts: string[] = [];
	#members = 0;

	constructor(btf: Btf, names: Names) {
		this.#btf = btf;
		this.#names = names;
	}

	/** The type in TypeScript; undefined: it has no value that could be read (a function, something incomplete). */
	of(id: number): string | undefined {
		return this.#readable(id) ? this.#type(id, "", 0) : undefined;
	}

	/** The interfaces that were needed so far. */
	get text(): string {
		return this.#texts.join("\n");
	}

	#readable(id: number): boolean {
		const size = this.#btf.sizeOf(id);
		if (size > MAX_TRIED) return true;
		try {
			readValue(this.#btf, id, new DataView(new ArrayBuffer(size)), 0);
			return true;
		} catch {
			return false;
		}
	}

	#type(id: number, alias: string, depth: number): string {
		let name = alias;
		// The name of a typedef is the name of the anonymous struct behind it.
		for (let at = id; ; ) {
			const t = this.#btf.type(at);
			if (t.kind === "typedef") name = t.name;
			if (
				t.kind !== "typedef" &&
				t.kind !== "const" &&
				t.kind !== "volatile" &&
				t.kind !== "restrict" &&
				t.kind !== "type_tag"
			)
				break;
			at = t.type;
		}
		const real = this.#btf.resolve(id);
		const t = this.#btf.type(real);
		switch (t.kind) {
			case "int":
				if (t.bool && t.size === 1) return "boolean";
				return t.size > 4 ? "bigint" : "number";
			case "enum":
			case "enum64":
				return t.size > 4 ? "bigint" : "number";
			case "ptr":
				return "bigint";
			case "float":
				return "number";
			case "array": {
				const element = this.#btf.type(this.#btf.resolve(t.type));
				if (element.kind === "int" && element.size === 1 && element.name === "char") return "string";
				const text = this.#type(t.type, "", depth + 1);
				return /^[\w$]+(\[\])*$/.test(text) ? `${text}[]` : `Array<${text}>`;
			}
			case "struct":
			case "union": {
				const called = t.name || name;
				if (called === "" || depth > MAX_DEPTH) return this.#inline(real, depth);
				const known = this.#interfaces.get(real);
				if (known !== undefined) return known;
				const made = this.#names.take(called);
				this.#interfaces.set(real, made);
				const place = this.#texts.length;
				this.#texts.push("");
				const title = t.name === "" ? `typedef ${called}` : `${t.kind} ${t.name}`;
				this.#texts[place] =
					`/** \`${commentText(title)}\`, ${t.size} bytes. */\nexport interface ${made} {\n${this.#membersOf(
						real,
						depth,
					)
						.map((m) => `\t${m};\n`)
						.join("")}}\n`;
				return made;
			}
			default:
				return "unknown";
		}
	}

	#inline(id: number, depth: number): string {
		const members = this.#membersOf(id, depth + 1);
		return members.length === 0 ? "Record<string, never>" : `{ ${members.join("; ")} }`;
	}

	/** `name: type`, those of anonymous members among them; of members of one name the first. */
	#membersOf(id: number, depth: number): string[] {
		const found = new Map<string, string>();
		const collect = (from: number, level: number): void => {
			const t = this.#btf.type(from);
			if ((t.kind !== "struct" && t.kind !== "union") || level > MAX_DEPTH) return;
			this.#members += t.members.length;
			if (this.#members > MAX_MEMBERS)
				throw this.#btf.malformed(`Type[${from}]`, `more than ${MAX_MEMBERS} members in the types of one object`);
			for (const m of t.members) {
				const target = this.#btf.resolve(m.type);
				if (m.name === "") collect(target, level + 1);
				else if (!found.has(m.name)) found.set(m.name, this.#member(m, target, depth));
			}
		};
		collect(id, 0);
		return [...found].map(([name, type]) => `${propertyName(name)}: ${type}`);
	}

	#member(m: Parameters<typeof memberBits>[1], target: number, depth: number): string {
		const t = this.#btf.type(target);
		if (memberBits(this.#btf, m).bitSize > 0 && t.kind === "int" && t.bool) return "boolean";
		return this.#type(m.type, "", depth + 1);
	}
}
