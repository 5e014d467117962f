import { cstring, FormatError } from "#base";

const HEADER_SIZE = 64;
const SECTION_SIZE = 64;
const NOBITS = 8;

/**
 * The contents of the first section of this name in any 64-bit ELF file (an object of any machine, a program, a kernel);
 * undefined: there is none. For what is carried along in files that are not ours to read, as BTF is in a kernel's.
 * @throws FormatError for what is no ELF file, or where a header or the section lies outside it
 */
export function findSection(bytes: Uint8Array, name: string, file?: string): Uint8Array | undefined {
	const bad = (offset: number, path: string, message: string) =>
		new FormatError({ ...(file === undefined ? {} : { file }), offset, path }, message);
	if (bytes.length < HEADER_SIZE || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
		throw bad(0, "Ehdr/ident", "no ELF file, which begins with 7f 45 4c 46");
	if (bytes[4] !== 2) throw bad(4, "Ehdr/class", `ELF class ${bytes[4]}, expected 2 (64 bit)`);
	if (bytes[5] !== 1 && bytes[5] !== 2) throw bad(5, "Ehdr/data", `byte order ${bytes[5]}, expected 1 or 2`);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const little = bytes[5] === 1;
	const u16 = (at: number) => view.getUint16(at, little);
	const u32 = (at: number) => view.getUint32(at, little);
	// Past 2^53 it is past the file too.
	const u64 = (at: number) => Number(view.getBigUint64(at, little));
	const table = u64(40);
	if (table === 0) return undefined;
	if (u16(58) !== SECTION_SIZE) throw bad(58, "Ehdr/shentsize", `section headers of ${u16(58)} bytes, expected 64`);
	if (table + SECTION_SIZE > bytes.length)
		throw bad(40, "Ehdr/shoff", `section table at ${table} of ${bytes.length} bytes`);
	// More than 65,279 sections, or names in one of those: the null section says.
	const count = u16(60) || u64(table + 32);
	const namesIndex = u16(62) === 0xffff ? u32(table + 40) : u16(62);
	if (table + count * SECTION_SIZE > bytes.length)
		throw bad(60, "Ehdr/shnum", `${count} section headers at ${table} of ${bytes.length} bytes`);
	if (namesIndex >= count) throw bad(62, "Ehdr/shstrndx", `section ${namesIndex} of ${count}`);
	const contents = (index: number): Uint8Array => {
		const at = table + index * SECTION_SIZE;
		const [offset, size] = [u64(at + 24), u64(at + 32)];
		if (offset + size > bytes.length)
			throw bad(at + 24, `Shdr[${index}]/offset`, `${size} bytes at ${offset} of a file of ${bytes.length}`);
		return bytes.subarray(offset, offset + size);
	};
	const names = contents(namesIndex);
	for (let i = 1; i < count; i++) {
		const at = table + i * SECTION_SIZE;
		if (u32(at + 4) !== NOBITS && cstring(names, Math.min(u32(at), names.length)) === name) return contents(i);
	}
	return undefined;
}
