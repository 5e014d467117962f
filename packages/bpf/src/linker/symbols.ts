import { LinkError } from "#base";
import { type ElfSymbol, STB, STT } from "#elf";
import { checkCompatible, type Typed } from "./compatible.ts";
import type { InputFile } from "./input.ts";
import type { OutputSection, Placement } from "./sections.ts";

/** A symbol of the result. */
export interface OutputSymbol {
	readonly name: string;
	binding: number;
	type: number;
	/** STV_…: the strictest that a file asks for. */
	visibility: number;
	/** undefined: no file defines it. */
	section: OutputSection | "absolute" | undefined;
	value: number;
	size: number;
	/** The file whose word counts, and the type there: the definition's, else the first declaration's. */
	typed: Typed;
}

export interface ResolvedSymbols {
	/** Local ones first, as ELF wants it. */
	readonly symbols: readonly OutputSymbol[];
	readonly globals: ReadonlyMap<string, OutputSymbol>;
	/** By input and index in its `elf.symbols`; undefined: it stands in what was left out. */
	readonly maps: readonly (readonly (OutputSymbol | undefined)[])[];
}

/** STV_DEFAULT 0, STV_INTERNAL 1, STV_HIDDEN 2, STV_PROTECTED 3, from the most open to the strictest. */
const STRICTNESS: readonly number[] = [0, 3, 2, 1];

/**
 * Decides which file defines each name. Of several definitions all but one must be weak; the strong one counts, else the
 * first. A declaration is satisfied by any definition; it makes a weak one strong if it is strong itself, as libbpf has it.
 * Local symbols stay each file's own.
 * @throws LinkError that names the symbol and both files
 */
export function resolveSymbols(
	inputs: readonly InputFile[],
	placements: readonly (readonly (Placement | undefined)[])[],
): ResolvedSymbols {
	const locals: OutputSymbol[] = [];
	const globals = new Map<string, OutputSymbol>();
	const sectionSymbols = new Map<OutputSection, OutputSymbol>();
	const maps = inputs.map((input, n) =>
		input.elf.symbols.map((s): OutputSymbol | undefined => {
			const place = typeof s.section === "number" ? placements[n]![s.section] : undefined;
			if (typeof s.section === "number" && !place) return undefined;
			if (s.type === STT.section) {
				if (!place) return undefined;
				let known = sectionSymbols.get(place.section);
				if (!known) {
					known = outputOf(s, place, input);
					known.value = 0;
					sectionSymbols.set(place.section, known);
					locals.push(known);
				}
				return known;
			}
			if (place?.shared) return globals.get(s.name);
			if (s.binding === STB.local) {
				const made = outputOf(s, place, input);
				locals.push(made);
				return made;
			}
			const known = globals.get(s.name);
			if (known) {
				meet(known, s, place, input);
				return known;
			}
			const made = outputOf(s, place, input);
			globals.set(s.name, made);
			return made;
		}),
	);
	return { symbols: [...locals, ...globals.values()], globals, maps };
}

function outputOf(s: ElfSymbol, place: Placement | undefined, input: InputFile): OutputSymbol {
	return {
		name: s.name,
		binding: s.binding,
		type: s.type,
		visibility: s.other & 3,
		section: place ? place.section : s.section === "absolute" ? "absolute" : undefined,
		value: s.value + (place ? place.at : 0),
		size: s.size,
		typed: { file: input, id: s.binding === STB.local ? 0 : (input.types.get(s.name) ?? 0) },
	};
}

/** Another file speaks of a name that is known. */
function meet(known: OutputSymbol, s: ElfSymbol, place: Placement | undefined, input: InputFile): void {
	const typed: Typed = { file: input, id: input.types.get(s.name) ?? 0 };
	const defines = s.section !== "undefined";
	const both = `${known.typed.file.name} and ${input.name}`;
	if (defines && known.section !== undefined && known.binding !== STB.weak && s.binding !== STB.weak)
		throw new LinkError(`"${s.name}" is defined in ${both}, and neither definition is weak`, { symbol: s.name });
	checkKinds(known, s, place, input);
	checkCompatible(s.name, known.typed, typed);
	if (known.type === STT.object && s.type === STT.object && known.size !== s.size && known.size > 0 && s.size > 0)
		throw new LinkError(
			`"${s.name}" has ${known.size} bytes in ${known.typed.file.name} and ${s.size} in ${input.name}`,
			{ symbol: s.name },
		);
	const visibility = s.other & 3;
	if (STRICTNESS[visibility]! > STRICTNESS[known.visibility]!) known.visibility = visibility;
	// Asked before the binding changes: a weak definition gives way to a strong one only.
	const wins = defines && (known.section === undefined || s.binding !== STB.weak);
	if (s.binding === STB.global) known.binding = STB.global;
	if (!wins) return;
	known.type = s.type;
	known.section = place ? place.section : "absolute";
	known.value = s.value + (place ? place.at : 0);
	known.size = s.size;
	known.typed = typed;
}

/** A function is no variable, and a map no plain variable. */
function checkKinds(known: OutputSymbol, s: ElfSymbol, place: Placement | undefined, input: InputFile): void {
	const say = (type: number, section: string | undefined) =>
		section === ".maps" ? "a map" : type === STT.func ? "a function" : type === STT.object ? "a variable" : undefined;
	const first = say(known.type, typeof known.section === "object" ? known.section.name : undefined);
	const second = say(s.type, place?.section.name);
	if (first === undefined || second === undefined || first === second) return;
	throw new LinkError(`"${s.name}" is ${first} in ${known.typed.file.name} and ${second} in ${input.name}`, {
		symbol: s.name,
	});
}
