import type { UserProbe } from "@skep/bpf/kernel";
import { NotElf, ProgramFile, stringAt } from "./program-file.ts";
import { attemptRead } from "./user-functions.ts";

/** Type of a note that describes a probe. */
const NT_STAPSDT = 3;
const OWNER = "stapsdt";
const NOTE_BYTES = 12;
const PLACES_BYTES = 24;
const align = (at: number): number => (at + 3) & ~3;

/** The USDT probes of an executable or library, by its notes; `provider` empty: of any. -errno */
export function userProbes(path: string, provider: string, name: string): readonly UserProbe[] | number {
	return attemptRead(() => {
		using file = new ProgramFile(path);
		return [...probesOf(file)].filter((each) => each.name === name && (provider === "" || each.provider === provider));
	});
}

function* probesOf(file: ProgramFile): Generator<UserProbe, void, undefined> {
	const section = file.section(".note.stapsdt");
	if (!section) return;
	const base = file.section(".stapsdt.base");
	const notes = file.contents(section);
	for (let at = 0; at + NOTE_BYTES <= notes.byteLength; ) {
		const nameSize = notes.getUint32(at, true);
		const size = notes.getUint32(at + 4, true);
		const owner = at + NOTE_BYTES;
		const start = owner + align(nameSize);
		const end = start + align(size);
		if (end > align(notes.byteLength)) throw new NotElf("a note reaches beyond its section");
		if (notes.getUint32(at + 8, true) === NT_STAPSDT && stringAt(notes, owner) === OWNER) {
			const probe = probeOf(file, new DataView(notes.buffer, start, size), base?.address);
			if (probe) yield probe;
		}
		at = end;
	}
}

function probeOf(file: ProgramFile, note: DataView<ArrayBuffer>, base: bigint | undefined): UserProbe | undefined {
	if (note.byteLength < PLACES_BYTES) throw new NotElf("a probe's note is too short");
	// What was prelinked has moved since; the base has moved with it.
	const noted = note.getBigUint64(8, true);
	const moved = base !== undefined && noted !== 0n ? base - noted : 0n;
	const address = BigInt.asUintN(64, note.getBigUint64(0, true) + moved);
	const semaphore = note.getBigUint64(16, true);
	const offset = file.offsetOf(address);
	const counter = semaphore === 0n ? 0 : file.offsetOf(BigInt.asUintN(64, semaphore + moved));
	// Places that are in no segment cannot be reached either.
	if (offset === undefined || counter === undefined) return undefined;
	const provider = stringAt(note, PLACES_BYTES);
	const name = stringAt(note, PLACES_BYTES + provider.length + 1);
	const text = stringAt(note, PLACES_BYTES + provider.length + name.length + 2);
	return { provider, name, offset, address, fixed: file.fixed, semaphore: counter, arguments: text };
}
