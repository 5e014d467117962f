import type { Diagnostic } from "./diagnostic.ts";

/** Collects findings, each once: a function that is inlined twice says a thing one time. */
export class Report {
	readonly #seen = new Set<string>();
	readonly #list: Diagnostic[] = [];

	add(d: Diagnostic): void {
		const key = `${d.code} ${d.file}:${d.line}:${d.column}`;
		if (this.#seen.has(key)) return;
		this.#seen.add(key);
		this.#list.push(d);
	}

	get hasErrors(): boolean {
		return this.#list.some((d) => d.severity === "error");
	}

	/** In order of file, line, column. */
	list(): Diagnostic[] {
		return [...this.#list].sort((a, b) =>
			a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
		);
	}
}
