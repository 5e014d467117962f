import type { Front } from "./desk.test-support.ts";

/** What lines answered at one kernel, with the names that differ between kernels made alike: text, JSON, or `! ` and what was refused. */
export class Teller {
	readonly front: Front;
	readonly told: string[] = [];
	readonly #names: [RegExp, string][] = [];

	constructor(front: Front) {
		this.front = front;
	}

	/** From now on this is called so. */
	name(what: number | string, name: string): void {
		const text = String(what).replaceAll("/", "\\/");
		this.#names.push([typeof what === "number" ? new RegExp(`\\b${text}\\b`, "g") : new RegExp(text, "g"), name]);
	}

	async tell(line: string, options = "j"): Promise<void> {
		let answer: string;
		try {
			const { text, status } = await this.front.run(line, options);
			// Columns are as wide as what stands in them.
			answer = `${text.trim().replace(/ +/g, " ").replace(/^ /gm, "")}${status === 0 ? "" : ` (${status})`}`;
		} catch (error) {
			answer = `! ${(error as Error).message}`;
		}
		for (const [pattern, name] of this.#names) answer = answer.replace(pattern, name);
		const shown = this.#names.reduce((text, [pattern, name]) => text.replace(pattern, name), line);
		this.told.push(`${shown} → ${answer}`);
	}
}
