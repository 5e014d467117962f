import type { Report } from "#diagnostics";
import type { SourceModule } from "./analysis.ts";
import { parseModule } from "./parse.ts";
import { boundNames } from "./scope.ts";
import { isFunction, LineIndex, type Node } from "./tree.ts";

/** Where the texts come from. */
export interface Sources {
	/** Path of the entry, as the user named it. */
	readonly entry: string;
	/** Text of a module; undefined: there is none. Paths are the entry's folder joined with the imports. */
	read(path: string): string | undefined;
}

/** What stands behind a name at the top of a module. */
export type TopName =
	| {
			readonly kind: "import";
			readonly specifier: string;
			readonly imported: string /* `*`: the namespace */;
			readonly node: Node;
			readonly typeOnly: boolean;
	  }
	| {
			readonly kind: "const" | "let" | "using";
			readonly node: Node /* VariableDeclarator */;
			readonly id: Node;
			readonly declaration: Node;
	  }
	| { readonly kind: "function"; readonly node: Node }
	| { readonly kind: "other"; readonly node: Node };

/** A module with its tables of names. */
export interface ResolvedModule extends SourceModule {
	readonly lines: LineIndex;
	readonly values: ReadonlyMap<string, TopName>;
	/** Interfaces and aliases; several nodes: an interface that is declared in parts. */
	readonly types: ReadonlyMap<string, readonly Node[]>;
	/** Exported name → local name, or a name of another module. */
	readonly exports: ReadonlyMap<
		string,
		{ readonly local: string } | { readonly specifier: string; readonly imported: string }
	>;
	/** Specifiers of `export * from`. */
	readonly stars: readonly string[];
	/** Imports in order; `effect`: nothing is named. */
	readonly imports: readonly {
		readonly specifier: string;
		readonly effect: boolean;
		readonly typeOnly: boolean;
		readonly node: Node;
		readonly reexport: boolean;
	}[];
	/** False: only types come from it, Node never loads it. */
	evaluated: boolean;
}

export const VOCABULARY = ["skep", "skep/net", "skep/uapi", "skep/kernel"] as const;
export type VocabularyModule = (typeof VOCABULARY)[number];
export const isVocabulary = (specifier: string): specifier is VocabularyModule =>
	(VOCABULARY as readonly string[]).includes(specifier);

/** Joins a relative specifier to the folder of `from`; `/` is the only separator. */
export function joinPath(from: string, specifier: string): string {
	const base = from
		.split("/")
		.slice(0, -1)
		.filter((part) => part !== ".");
	for (const part of specifier.split("/")) {
		if (part === "." || part === "") continue;
		if (part === ".." && base.length > 0 && base[base.length - 1] !== "..") {
			if (base.length > 1 || base[0] !== "") base.pop();
		} else base.push(part);
	}
	return base.join("/");
}

const isRelative = (specifier: string): boolean =>
	specifier.startsWith("./") || specifier.startsWith("../") || specifier === "." || specifier === "..";

/** Path of the module that an import names; undefined: not a TypeScript module of the user's. */
export const importedPath = (from: string, specifier: string): string | undefined =>
	isRelative(specifier) && /\.[cm]?ts$/.test(specifier) ? joinPath(from, specifier) : undefined;

/** Reads the entry and everything it imports. Reports SK1000 (syntax) and SK1002 (imports). Entry first, then in order of import. */
export function resolveModules(sources: Sources, report: Report): ResolvedModule[] {
	const modules: ResolvedModule[] = [];
	const byPath = new Map<string, ResolvedModule | undefined>();

	const load = (path: string): ResolvedModule | undefined => {
		if (byPath.has(path)) return byPath.get(path);
		byPath.set(path, undefined);
		const text = sources.read(path);
		if (text === undefined) return undefined;
		const parsed = parseModule(text);
		const lines = new LineIndex(text);
		if (parsed.failure) {
			const { offset, length, message, remedy } = parsed.failure;
			report.add({ code: "SK1000", severity: "error", file: path, ...lines.place(offset), length, message, remedy });
		}
		const program: Node = parsed.program ?? { type: "Program", start: 0, end: 0, body: [] };
		const module: ResolvedModule = {
			index: modules.length,
			path,
			text,
			program,
			lines,
			...tables(program),
			evaluated: false,
		};
		modules.push(module);
		byPath.set(path, module);
		return module;
	};

	const work: ResolvedModule[] = [];
	const entry = load(sources.entry);
	if (!entry) {
		report.add({
			code: "SK1002",
			severity: "error",
			file: sources.entry,
			line: 1,
			column: 1,
			length: 1,
			message: `there is no file \`${sources.entry}\``,
			remedy: "name an existing TypeScript file",
		});
		return modules;
	}
	entry.evaluated = true;
	work.push(entry);
	for (let m = work.shift(); m; m = work.shift()) {
		for (const i of m.imports) {
			if (!isRelative(i.specifier)) continue;
			const source: Node = i.node["source"];
			const refuse = (message: string, remedy: string): void =>
				report.add({
					code: "SK1002",
					severity: "error",
					file: m.path,
					...m.lines.place(source.start),
					length: source.end - source.start,
					message,
					remedy,
				});
			const path = importedPath(m.path, i.specifier);
			if (path === undefined) {
				if (/\.(?:[cm]?js|json|node|wasm|[jt]sx)$/.test(i.specifier)) continue;
				const guess = `${i.specifier.replace(/\/$/, "")}.ts`;
				refuse(
					`\`${i.specifier}\` has no extension`,
					sources.read(joinPath(m.path, guess)) === undefined
						? "write the whole file name, as Node wants it"
						: `write \`${guess}\``,
				);
				continue;
			}
			const known = byPath.has(path);
			const target = load(path);
			if (!target) {
				refuse(`there is no file \`${path}\``, "correct the path; it is relative to this file");
				continue;
			}
			const evaluated = m.evaluated && !i.typeOnly;
			if (known && (target.evaluated || !evaluated)) continue;
			target.evaluated ||= evaluated;
			work.push(target);
		}
	}
	return modules;
}

function tables(program: Node): Pick<ResolvedModule, "values" | "types" | "exports" | "stars" | "imports"> {
	const values = new Map<string, TopName>();
	const types = new Map<string, Node[]>();
	const exports = new Map<string, { local: string } | { specifier: string; imported: string }>();
	const stars: string[] = [];
	const imports: { specifier: string; effect: boolean; typeOnly: boolean; node: Node; reexport: boolean }[] = [];
	const nameOf = (n: Node): string => (n.type === "Literal" ? String(n["value"]) : n["name"]);

	const declare = (s: Node, exported: boolean): void => {
		const add = (name: string, symbol: TopName): void => {
			values.set(name, symbol);
			if (exported) exports.set(name, { local: name });
		};
		switch (s.type) {
			case "VariableDeclaration":
				for (const d of s["declarations"] as Node[])
					for (const id of boundNames(d["id"])) {
						const kind = s["declare"]
							? "other"
							: s["kind"] === "const"
								? "const"
								: s["kind"] === "let" || s["kind"] === "var"
									? "let"
									: "using";
						add(id["name"], kind === "other" ? { kind, node: d } : { kind, node: d, id, declaration: s });
					}
				return;
			case "FunctionDeclaration":
				if (s["id"]) add(s["id"]["name"], { kind: "function", node: s });
				return;
			case "TSInterfaceDeclaration":
			case "TSTypeAliasDeclaration": {
				const name: string = s["id"]["name"];
				types.set(name, [...(types.get(name) ?? []), s]);
				if (exported && !exports.has(name)) exports.set(name, { local: name });
				return;
			}
			case "ClassDeclaration":
			case "TSEnumDeclaration":
			case "TSModuleDeclaration":
			case "TSDeclareFunction":
			case "TSImportEqualsDeclaration":
				if (
					s["id"]?.type === "Identifier" &&
					!(s.type === "TSDeclareFunction" && values.get(s["id"]["name"])?.kind === "function")
				)
					add(s["id"]["name"], { kind: "other", node: s });
		}
	};

	for (const s of program["body"] as Node[]) {
		switch (s.type) {
			case "ImportDeclaration": {
				const specifiers = s["specifiers"] as Node[];
				const typeOnly = s["importKind"] === "type";
				// `import { type A } from` keeps the import under verbatimModuleSyntax: Node loads the module.
				imports.push({
					specifier: s["source"]["value"],
					effect: specifiers.length === 0,
					typeOnly,
					node: s,
					reexport: false,
				});
				for (const i of specifiers) {
					const imported =
						i.type === "ImportNamespaceSpecifier"
							? "*"
							: i.type === "ImportDefaultSpecifier"
								? "default"
								: nameOf(i["imported"]);
					values.set(i["local"]["name"], {
						kind: "import",
						specifier: s["source"]["value"],
						imported,
						node: i,
						typeOnly: typeOnly || i["importKind"] === "type",
					});
				}
				break;
			}
			case "ExportNamedDeclaration": {
				if (s["declaration"]) declare(s["declaration"], true);
				if (s["source"])
					imports.push({
						specifier: s["source"]["value"],
						effect: false,
						typeOnly: s["exportKind"] === "type",
						node: s,
						reexport: true,
					});
				for (const e of s["specifiers"] as Node[])
					exports.set(
						nameOf(e["exported"]),
						s["source"]
							? { specifier: s["source"]["value"], imported: nameOf(e["local"]) }
							: { local: nameOf(e["local"]) },
					);
				break;
			}
			case "ExportAllDeclaration":
				imports.push({
					specifier: s["source"]["value"],
					effect: false,
					typeOnly: s["exportKind"] === "type",
					node: s,
					reexport: true,
				});
				if (s["exported"]) exports.set(nameOf(s["exported"]), { specifier: s["source"]["value"], imported: "*" });
				else stars.push(s["source"]["value"]);
				break;
			case "ExportDefaultDeclaration": {
				const d: Node = s["declaration"];
				if (d["id"] && (d.type === "FunctionDeclaration" || d.type === "ClassDeclaration")) {
					declare(d, false);
					exports.set("default", { local: d["id"]["name"] });
				} else if (d.type === "Identifier") exports.set("default", { local: d["name"] });
				else {
					values.set("default", isFunction(d) ? { kind: "function", node: d } : { kind: "other", node: d });
					exports.set("default", { local: "default" });
				}
				break;
			}
			default:
				declare(s, false);
		}
	}
	return { values, types, exports, stars, imports };
}
