/** Sizes and reserved numbers of 64-bit ELF, for reader and writer. */
export const HEADER_SIZE = 64;
export const SECTION_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const REL_SIZE = 16;
export const RELA_SIZE = 24;
export const SHN = { undef: 0, reserved: 0xff00, abs: 0xfff1, common: 0xfff2, xindex: 0xffff } as const;
