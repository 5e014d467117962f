import type { Local, Value } from "./value.ts";

/** Names of a block or function body; the parent's are seen through. */
export class Scope {
	readonly parent: Scope | undefined;
	readonly #names = new Map<string, Local | Value>();

	constructor(parent: Scope | undefined) {
		this.parent = parent;
	}

	declare(name: string, what: Local | Value): void {
		this.#names.set(name, what);
	}

	find(name: string): Local | Value | undefined {
		return this.#names.get(name) ?? this.parent?.find(name);
	}
}
