import type { FormatError } from "#base";
import type {
	Manifest,
	ManifestHandle,
	ManifestMap,
	ManifestOption,
	ManifestProgram,
	OptionJson,
	OptionType,
	TargetJson,
} from "#spec";

type Fail = (path: string, message: string) => FormatError;

// biome-ignore format: table
const OPTION_TYPES: ReadonlySet<string> = new Set<OptionType>([
	"boolean", "u8", "u16", "u32", "i32", "u64", "i64", "duration", "bytes", "string", "comm", "path", "pid", "interface", "cgroup", "ip4", "port",
]);
const BIG: ReadonlySet<string> = new Set<OptionType>(["u64", "i64", "duration", "bytes"]);
const KINDS: ReadonlySet<string> = new Set<ManifestHandle["kind"]>(["map", "program", "options", "shared"]);

/** A JSON value with the path by which it was reached; every accessor checks. */
class Node {
	readonly value: unknown;
	readonly path: string;
	readonly #fail: Fail;

	constructor(value: unknown, path: string, fail: Fail) {
		this.value = value;
		this.path = path;
		this.#fail = fail;
	}

	fail(expected: string): FormatError {
		const text = this.value === undefined ? "nothing" : JSON.stringify(this.value);
		return this.#fail(this.path, `${text.length > 60 ? `${text.slice(0, 60)}…` : text}, expected ${expected}`);
	}

	get(name: string): Node {
		const { value } = this;
		if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.fail("an object");
		const inside: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
		return new Node(inside, this.path === "" ? name : `${this.path}/${name}`, this.#fail);
	}

	list<T>(read: (item: Node) => T): T[] {
		const { value } = this;
		if (!Array.isArray(value)) throw this.fail("a list");
		return value.map((v: unknown, i) => read(new Node(v, `${this.path}[${i}]`, this.#fail)));
	}

	record<T>(read: (item: Node) => T): Record<string, T> {
		const { value } = this;
		if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.fail("an object");
		const result: [string, T][] = Object.keys(value).map((k) => [k, read(this.get(k))]);
		return Object.fromEntries(result);
	}

	text(): string {
		if (typeof this.value !== "string") throw this.fail("a text");
		return this.value;
	}

	flag(): boolean {
		if (typeof this.value !== "boolean") throw this.fail("true or false");
		return this.value;
	}

	integer(least = 0): number {
		const { value } = this;
		if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least)
			throw this.fail(`an integer from ${least}`);
		return value;
	}

	get absent(): boolean {
		return this.value === undefined;
	}
}

/** `{ name: value }`, or nothing where the field is absent. */
const optional = <K extends string, T>(node: Node, name: K, read: (n: Node) => T): { [P in K]?: T } => {
	const n = node.get(name);
	return n.absent ? {} : ({ [name]: read(n) } as { [P in K]: T });
};
const yes = (n: Node): true => {
	if (n.value !== true) throw n.fail("true, or nothing");
	return true;
};
const text = (n: Node): string => n.text();

/**
 * Reads the section `.skep`: data of strangers, so every field is checked; unknown fields are dropped.
 * @throws FormatError with the field's path: `options[2]/type`.
 */
export function readManifest(json: string, fail: Fail): Manifest {
	let value: unknown;
	try {
		value = JSON.parse(json);
	} catch (cause) {
		throw fail("", `no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
	}
	const root = new Node(value, "", fail);
	if (root.get("version").value !== 1) throw root.get("version").fail("1");
	const modules = root.get("modules").list(text);
	return {
		version: 1,
		producer: root.get("producer").text(),
		source: root.get("source").text(),
		modules,
		userHalf: root.get("userHalf").flag(),
		options: root.get("options").list(option),
		maps: root.get("maps").list(map),
		programs: root.get("programs").list(program),
		handles: root.get("handles").list((n) => handle(n, modules.length)),
	};
}

function option(n: Node): ManifestOption {
	const type = n.get("type").text();
	if (!OPTION_TYPES.has(type)) throw n.get("type").fail("a type of option");
	const json = (v: Node): OptionJson => {
		if (BIG.has(type)) {
			if (typeof v.value !== "string" || !/^-?\d+$/.test(v.value)) throw v.fail("a decimal number as text");
			return v.value;
		}
		if (typeof v.value !== "boolean" && typeof v.value !== "number" && typeof v.value !== "string")
			throw v.fail("true, false, a number or a text");
		return v.value;
	};
	return {
		name: n.get("name").text(),
		type: type as OptionType,
		help: n.get("help").text(),
		...optional(n, "short", text),
		...optional(n, "positional", yes),
		...optional(n, "required", yes),
		...optional(n, "max", (v) => v.integer()),
		...optional(n, "default", json),
		...optional(n, "choices", (v) => v.list(json)),
		...optional(n, "variable", text),
		...optional(n, "present", text),
	};
}

function map(n: Node): ManifestMap {
	const number = (v: Node): number => {
		if (typeof v.value !== "number" || !Number.isFinite(v.value)) throw v.fail("a number");
		return v.value;
	};
	return {
		name: n.get("name").text(),
		word: n.get("word").text(),
		...optional(n, "record", text),
		...optional(n, "lost", (l) => ({ map: l.get("map").text(), key: l.get("key").integer() })),
		...optional(n, "histogram", (h) => {
			const scale = h.get("scale");
			return {
				keyed: h.get("keyed").flag(),
				scale:
					scale.value === "log2"
						? ("log2" as const)
						: { from: number(scale.get("from")), to: number(scale.get("to")), step: number(scale.get("step")) },
			};
		}),
		...optional(n, "internal", yes),
	};
}

function target(n: Node): TargetJson {
	const value = n.get("value");
	return value.absent ? { option: n.get("option").text() } : { value: value.text() };
}

function program(n: Node): ManifestProgram {
	return {
		name: n.get("name").text(),
		word: n.get("word").text(),
		attach: n.get("attach").flag(),
		...optional(n, "optional", yes),
		target: n.get("target").record(target),
		...optional(n, "wants", text),
		...optional(n, "mode", text),
		...optional(n, "record", text),
	};
}

function handle(n: Node, modules: number): ManifestHandle {
	const kind = n.get("kind").text();
	if (!KINDS.has(kind)) throw n.get("kind").fail("map, program, options or shared");
	const module = n.get("module").integer();
	if (module >= modules) throw n.get("module").fail(`an index below ${modules}`);
	return {
		kind: kind as ManifestHandle["kind"],
		word: n.get("word").text(),
		name: n.get("name").text(),
		module,
		line: n.get("line").integer(1),
		column: n.get("column").integer(1),
		hash: n.get("hash").text(),
		...optional(n, "variables", (v) => v.record(text)),
	};
}
