import { FormatError, LinkError } from "#base";
import { SHF, SHT } from "#elf";
import type { InputFile } from "./input.ts";

/** Contents of a section of the result, as they grow. */
export interface OutputSection {
	readonly name: string;
	readonly type: number;
	readonly flags: number;
	readonly entrySize: number;
	/** Of the file that it first came from. */
	readonly from: string;
	align: number;
	size: number;
	readonly parts: { readonly at: number; readonly data: Uint8Array }[];
}

/** Where the contents of an input's section went. */
export interface Placement {
	readonly section: OutputSection;
	/** Offset in it. */
	readonly at: number;
	/** They were there already (licence, version): nothing was added. */
	readonly shared: boolean;
}

/** One for the whole result: loaders read the first and no more. */
const SAID_ONCE: ReadonlySet<string> = new Set(["license", "version"]);
/** Flags that say how a section may be stored, not what it is. */
const STORAGE_FLAGS = ~(SHF.merge | SHF.strings | SHF.infoLink);

export interface PlacedSections {
	readonly sections: readonly OutputSection[];
	/** By input and index in its `elf.sections`; undefined: left out. */
	readonly placements: readonly (readonly (Placement | undefined)[])[];
}

/**
 * Puts sections of one name behind each other, each at its alignment. `license` and `version` must agree.
 * @throws LinkError for sections of one name that are not alike; FormatError where a file's sections overlap so that
 * the result would be out of all proportion
 */
export function placeSections(inputs: readonly InputFile[], inputBytes: number): PlacedSections {
	const byName = new Map<string, OutputSection>();
	let budget = 16 * inputBytes + 65536;
	const placements = inputs.map((input) =>
		input.elf.sections.map((s, i): Placement | undefined => {
			if (!input.kept[i]) return undefined;
			const known = byName.get(s.name);
			if (known && SAID_ONCE.has(s.name)) {
				checkSame(known, s.data, input.name);
				return { section: known, at: 0, shared: true };
			}
			if (known) checkAlike(known, s, input.name);
			const section = known ?? {
				name: s.name,
				type: s.type,
				flags: s.flags,
				entrySize: s.entrySize,
				from: input.name,
				align: 1,
				size: 0,
				parts: [],
			};
			byName.set(s.name, section);
			// Instructions are 8 bytes, whatever the file says of their place.
			section.align = Math.max(section.align, s.align, (s.flags & SHF.exec) !== 0 ? 8 : 1);
			const at = Math.ceil(section.size / section.align) * section.align;
			budget -= s.data.length + (known && s.type === SHT.nobits ? 0 : section.align);
			if (budget < 0)
				throw new FormatError(
					{ file: input.name, section: s.name, offset: 0, path: `sections[${i}]` },
					"the sections are larger than the file can hold",
				);
			if (at + s.size > Number.MAX_SAFE_INTEGER)
				throw new LinkError(`section "${s.name}" is too large in ${input.name}`, { section: s.name });
			section.size = at + s.size;
			section.parts.push({ at, data: s.data });
			return { section, at, shared: false };
		}),
	);
	return { sections: [...byName.values()], placements };
}

function checkAlike(
	known: OutputSection,
	s: { readonly name: string; readonly type: number; readonly flags: number; readonly entrySize: number },
	file: string,
): void {
	const same =
		known.type === s.type &&
		(known.flags & STORAGE_FLAGS) === (s.flags & STORAGE_FLAGS) &&
		known.entrySize === s.entrySize;
	if (same) return;
	const say = (x: { readonly type: number; readonly flags: number; readonly entrySize: number }) =>
		`type ${x.type}, flags 0x${x.flags.toString(16)}, entries of ${x.entrySize} bytes`;
	throw new LinkError(`section "${s.name}" is not alike in ${known.from} (${say(known)}) and ${file} (${say(s)})`, {
		section: s.name,
	});
}

function checkSame(known: OutputSection, data: Uint8Array, file: string): void {
	const first = known.parts[0]!.data;
	if (first.length === data.length && first.every((b, i) => b === data[i])) return;
	const say = known.name === "license" ? printable : (bytes: Uint8Array) => `${bytes.length} bytes ${[...bytes]}`;
	throw new LinkError(
		`section "${known.name}" differs: ${say(first)} in ${known.from}, ${say(data)} in ${file}; they must agree`,
		{ section: known.name },
	);
}

const printable = (bytes: Uint8Array): string =>
	JSON.stringify(String.fromCharCode(...bytes.subarray(0, 64)).replace(/\0+$/, ""));

/** The bytes of a section, its parts in place; NOBITS has none. */
export function contentsOf(section: OutputSection): Uint8Array {
	if (section.type === SHT.nobits) return new Uint8Array(0);
	const bytes = new Uint8Array(section.size);
	for (const { at, data } of section.parts) bytes.set(data, at);
	return bytes;
}
