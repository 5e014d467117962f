import { wordOf } from "#language";
import type { Binding } from "./analysis.ts";
import { importedPath, isVocabulary, type ResolvedModule, type TopName, type VocabularyModule } from "./resolve.ts";
import { isFunction, type Node, unwrap } from "./tree.ts";

/** What a name of a type stands for. */
export type TypeBinding =
	| { readonly kind: "vocabulary"; readonly module: VocabularyModule; readonly name: string }
	| { readonly kind: "type"; readonly module: ResolvedModule; readonly name: string; readonly nodes: readonly Node[] };

/** Follows names through imports and re-exports. Bindings of handles and constants come from the owner by `declared`. */
export class Names {
	readonly #byPath: ReadonlyMap<string, ResolvedModule>;
	readonly #cache = new Map<string, Binding | undefined>();
	readonly #declared: (module: ResolvedModule, name: string, symbol: TopName) => Binding | undefined;

	constructor(
		modules: readonly ResolvedModule[],
		declared: (module: ResolvedModule, name: string, symbol: TopName) => Binding | undefined,
	) {
		this.#byPath = new Map(modules.map((m) => [m.path, m]));
		this.#declared = declared;
	}

	/** Meaning of a value's name at the top of a module. */
	value(module: ResolvedModule, name: string): Binding | undefined {
		const key = `${module.index} ${name}`;
		if (this.#cache.has(key)) return this.#cache.get(key);
		this.#cache.set(key, undefined); // a constant that needs itself has no value
		const found = this.#value(module, name, new Set());
		this.#cache.set(key, found);
		return found;
	}

	#value(module: ResolvedModule, name: string, seen: Set<string>): Binding | undefined {
		const symbol = module.values.get(name);
		if (!symbol) return undefined;
		if (symbol.kind === "import") return this.#imported(module, symbol.specifier, symbol.imported, name, seen);
		if (symbol.kind === "function") return { kind: "function", module, name, node: symbol.node };
		return this.#declared(module, name, symbol) ?? fallback(module, name, symbol);
	}

	#imported(
		module: ResolvedModule,
		specifier: string,
		imported: string,
		local: string,
		seen: Set<string>,
	): Binding | undefined {
		if (isVocabulary(specifier)) {
			if (imported === "*" || imported === "default") return { kind: "user", name: local, from: specifier };
			return wordOf(specifier, imported) || specifier === "skep/kernel"
				? { kind: "vocabulary", module: specifier, name: imported }
				: undefined;
		}
		const path = importedPath(module.path, specifier);
		const target = path === undefined ? undefined : this.#byPath.get(path);
		if (!target || imported === "*") return { kind: "user", name: local, from: specifier };
		return this.#exported(target, imported, seen);
	}

	/** Meaning of a value that a module exports under the name. */
	exported(module: ResolvedModule, name: string): Binding | undefined {
		return this.#exported(module, name, new Set());
	}

	#exported(module: ResolvedModule, name: string, seen: Set<string>): Binding | undefined {
		const key = `${module.index} ${name}`;
		if (seen.has(key)) return undefined;
		seen.add(key);
		const e = module.exports.get(name);
		if (e && "local" in e)
			return module.values.get(e.local)?.kind === "import"
				? this.#value(module, e.local, seen)
				: this.value(module, e.local);
		if (e) return this.#imported(module, e.specifier, e.imported, name, seen);
		for (const s of module.stars) {
			const found = this.#imported(module, s, name, name, seen);
			if (found && found.kind !== "user") return found;
		}
		return undefined;
	}

	/** Meaning of a type's name at the top of a module. */
	type(module: ResolvedModule, name: string, seen = new Set<string>()): TypeBinding | undefined {
		const nodes = module.types.get(name);
		if (nodes) return { kind: "type", module, name, nodes };
		const symbol = module.values.get(name);
		return symbol?.kind === "import" ? this.#importedType(module, symbol.specifier, symbol.imported, seen) : undefined;
	}

	#importedType(
		module: ResolvedModule,
		specifier: string,
		imported: string,
		seen: Set<string>,
	): TypeBinding | undefined {
		if (isVocabulary(specifier))
			return specifier === "skep/kernel" || wordOf(specifier, imported)
				? { kind: "vocabulary", module: specifier, name: imported }
				: undefined;
		const path = importedPath(module.path, specifier);
		const target = path === undefined ? undefined : this.#byPath.get(path);
		return target ? this.#exportedType(target, imported, seen) : undefined;
	}

	#exportedType(module: ResolvedModule, name: string, seen: Set<string>): TypeBinding | undefined {
		const key = `${module.index} ${name}`;
		if (seen.has(key)) return undefined;
		seen.add(key);
		const e = module.exports.get(name);
		if (e)
			return "local" in e
				? this.type(module, e.local, seen)
				: this.#importedType(module, e.specifier, e.imported, seen);
		for (const s of module.stars) {
			const found = this.#importedType(module, s, name, seen);
			if (found) return found;
		}
		return undefined;
	}

	/** Whether a module exports the name, as a value or a type; true where that cannot be known. */
	exports(module: ResolvedModule, specifier: string, name: string): boolean {
		if (name === "*") return true;
		if (isVocabulary(specifier)) return specifier === "skep/kernel" || wordOf(specifier, name) !== undefined;
		const path = importedPath(module.path, specifier);
		const target = path === undefined ? undefined : this.#byPath.get(path);
		if (!target || (target.program["body"] as Node[]).length === 0) return true;
		return this.#has(target, name, new Set());
	}

	#has(module: ResolvedModule, name: string, seen: Set<ResolvedModule>): boolean {
		if (seen.has(module)) return false;
		seen.add(module);
		if (module.exports.has(name)) return true;
		return module.stars.some((s) => {
			const path = importedPath(module.path, s);
			const target = path === undefined ? undefined : this.#byPath.get(path);
			return target ? this.#has(target, name, seen) : true;
		});
	}
}

function fallback(module: ResolvedModule, name: string, symbol: TopName): Binding {
	if (symbol.kind === "let") return { kind: "variable", module, name, node: symbol.node };
	if (symbol.kind === "const" && symbol.id === symbol.node["id"] && symbol.node["init"]) {
		const init = unwrap(symbol.node["init"]);
		if (isFunction(init)) return { kind: "function", module, name, node: init };
	}
	return { kind: "user", name };
}
