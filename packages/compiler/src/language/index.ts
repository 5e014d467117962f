/**
 * The vocabulary of skep as tables: every word with its half, whether it is compiled yet, the kernel it needs and what
 * it lowers to; constructors with the shape of their call; members of handles; values known when compiling; packet
 * headers. The types of the same words stand in `packages/skep/types`; a test holds the two lists equal.
 */
export { MAP_WORDS, type MapShape, PROGRAM_WORDS, type ProgramWord } from "./constructors.ts";
export { type Half, MAP_MEMBERS, MEMBER_REMEDIES, PROGRAM_MEMBERS } from "./members.ts";
export { HEADERS, KNOWN_CONSTANTS, knownObject } from "./values.ts";
export { WORDS, type Word, wordOf } from "./words.ts";
