import { BpfError } from "@skep/bpf/base";
import type { System } from "#objects";
import type { ProgramSymbols } from "./symbols.ts";

/** Where to stop: a line, by a file's name or the end of its path; a function; an instruction of a program, by its id. */
export type BreakpointSpec =
	| { readonly kind: "line"; readonly file: string | undefined; readonly line: number }
	| { readonly kind: "function"; readonly name: string }
	| { readonly kind: "slot"; readonly program: number; readonly slot: number };

export interface Breakpoint {
	readonly id: number;
	readonly spec: BreakpointSpec;
	/** Instructions that it stands for. */
	readonly places: readonly { readonly program: number; readonly slot: number }[];
	/** The line that was found, where `spec` names one: the next that has code. */
	readonly line: number | undefined;
}

/** Breakpoints of all loaded programs. */
export class Breakpoints {
	readonly #system: System;
	readonly #symbols: (program: number) => ProgramSymbols | undefined;
	readonly #all = new Map<number, Breakpoint>();
	/** By program: number of the breakpoint at each slot, 0: none. */
	readonly #bySlot = new Map<number, Int32Array>();

	constructor(system: System, symbols: (program: number) => ProgramSymbols | undefined) {
		this.#system = system;
		this.#symbols = symbols;
	}

	get list(): readonly Breakpoint[] {
		return [...this.#all.values()];
	}

	/** Number of the breakpoint there; 0: none. */
	at(program: number, slot: number): number {
		return this.#bySlot.get(program)?.[slot] ?? 0;
	}

	/** @throws BpfError ERR_BREAKPOINT: no such line, function or instruction */
	add(spec: BreakpointSpec, id: number): number {
		const found = this.#find(spec);
		if (found.places.length === 0) throw new BpfError("ERR_BREAKPOINT", this.#nothing(spec));
		this.#all.set(id, { id, spec, ...found });
		this.#arrange();
		return id;
	}

	delete(id: number): boolean {
		const had = this.#all.delete(id);
		this.#arrange();
		return had;
	}

	get(id: number): Breakpoint | undefined {
		return this.#all.get(id);
	}

	#arrange(): void {
		this.#bySlot.clear();
		for (const { id, places } of this.#all.values()) {
			for (const { program, slot } of places) {
				let slots = this.#bySlot.get(program);
				if (!slots) {
					slots = new Int32Array(this.#symbols(program)?.slots ?? 0);
					this.#bySlot.set(program, slots);
				}
				if (slots[slot] === 0) slots[slot] = id;
			}
		}
	}

	#programs(): ProgramSymbols[] {
		return [...this.#system.tables.programs.keys()].flatMap((id) => this.#symbols(id) ?? []);
	}

	#find(spec: BreakpointSpec): Pick<Breakpoint, "places" | "line"> {
		switch (spec.kind) {
			case "slot": {
				const slots = this.#symbols(spec.program)?.slots ?? 0;
				const isThere = spec.slot >= 0 && spec.slot < slots;
				return { places: isThere ? [{ program: spec.program, slot: spec.slot }] : [], line: undefined };
			}
			case "function": {
				const places = this.#programs().flatMap(({ program, functions, name }) =>
					functions
						.filter((each, i) => each.name === spec.name || (i === 0 && name === spec.name))
						.map(({ slot }) => ({ program, slot })),
				);
				return { places, line: undefined };
			}
			case "line":
				return this.#line(spec.file, spec.line);
		}
	}

	/** The beginnings of the line's stretches of code; where it has none, the next line's that has. */
	#line(file: string | undefined, line: number): Pick<Breakpoint, "places" | "line"> {
		const isFile = (path: string) => file === undefined || path === file || path.endsWith(`/${file}`);
		const programs = this.#programs();
		let nearest = Number.POSITIVE_INFINITY;
		for (const { lines } of programs)
			for (const each of lines) if (isFile(each.file) && each.line >= line && each.line < nearest) nearest = each.line;
		const places = programs.flatMap(({ program, lines, functionAt }) =>
			lines
				.filter((each, i) => {
					if (each.line !== nearest || !isFile(each.file)) return false;
					const before = lines[i - 1];
					const goesOn = before?.line === each.line && before.file === each.file;
					return !goesOn || functionAt(before.slot) !== functionAt(each.slot);
				})
				.map(({ slot }) => ({ program, slot })),
		);
		return { places, line: nearest };
	}

	#nothing(spec: BreakpointSpec): string {
		if (spec.kind === "slot") return `program ${spec.program} has no instruction ${spec.slot}`;
		if (spec.kind === "function") {
			const names = this.#programs().flatMap(({ functions }) => functions.map(({ name }) => name));
			return `no function ${spec.name}; there are ${[...new Set(names)].join(", ") || "none"}`;
		}
		const files = [...new Set(this.#programs().flatMap(({ lines }) => lines.map((each) => each.file)))];
		const where = spec.file === undefined ? "" : ` of ${spec.file}`;
		return `no code at line ${spec.line}${where} or behind; files with code: ${files.join(", ") || "none"}`;
	}
}
