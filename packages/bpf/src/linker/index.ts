/**
 * The static linker: several relocatable objects become one, as `bpftool gen object` does.
 *
 * `link` merges sections of one name, resolves functions, maps and variables across files, rewrites relocations, and
 * carries types (`.BTF`, deduplicated) and what is known of instructions (`.BTF.ext`: functions, lines, CO-RE) over.
 * ELF in, ELF out: it does not ask what a program means. `input` reads the files, `sections` places their contents,
 * `symbols` decides who defines what, `compatible` compares types of one symbol in two files, `types` makes the BTF.
 *
 * What cannot be one is a LinkError that names the symbol and both files; malformed input is a FormatError.
 */
export { type LinkInput, type LinkOptions, link } from "./link.ts";
