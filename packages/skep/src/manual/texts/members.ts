import type { ExampleName } from "./examples.ts";

/** A member of handles: what it does, and the file that shows it. */
export type MemberRow = readonly [name: string, text: string, example: ExampleName];

/** One row a member of maps and programs. Who has it, and in which half, stands in the compiler's tables. */
// biome-ignore format: table
export const MEMBER_TEXTS: readonly MemberRow[] = [
	["fd", "The map's descriptor.", "entries"],
	["pin", "Gives the map a name in a bpffs, so that it outlives the process.", "entries"],
	["get", "A copy of the value of a key; undefined: no such key.", "entries"],
	["ref", "The value of a key in place: what is written there is written into the map. A number is behind `.value`. undefined: no such key.", "entries"],
	["refOrInsert", "The value of a key in place, put in where it is missing; undefined: the map is full.", "cpus"],
	["set", "Writes a value; with \"noexist\" only a new one, with \"exist\" only in the place of one. 0 or a negative error number.", "entries"],
	["take", "Reads a value and removes it; undefined: no such key.", "entries"],
	["delete", "Removes a key. 0 or a negative error number.", "entries"],
	["add", "Adds to a number in the map, atomically, and puts it in where it is missing. Of a histogram: counts a value.", "entries"],
	["entries", "All keys and values, as they are now.", "entries"],
	["keys", "All keys, as they are now.", "entries"],
	["clear", "Removes all keys.", "entries"],
	["size", "How many keys there are.", "entries"],
	["length", "How many entries an array has.", "array"],
	["refOn", "The value of a key in place, of another CPU.", "cpus"],
	["cpus", "The values of a key, one for each CPU that there can be.", "cpus"],
	["sum", "The total of a key over all CPUs.", "cpus"],
	["sums", "All keys with their totals over all CPUs.", "cpus"],
	["emit", "Reserves a record, has a function fill it in, and submits it; `return false` in it discards. false: the ring is full, and the record is counted as lost.", "ringMembers"],
	["pending", "How many bytes in the ring nobody has read yet.", "ringMembers"],
	["lost", "How many records were lost so far because the ring was full.", "ringMembers"],
	["batches", "Records as they come, many in one array: the fast way.", "ringMembers"],
	["drain", "The records that are there now, without waiting.", "ringMembers"],
	["withLoss", "Records with how many were lost before each.", "ringMembers"],
	["print", "Prints a histogram as bars.", "histogram"],
	["name", "The program's name.", "programMembers"],
	["links", "Where the program is attached.", "programMembers"],
	["stats", "How often the program ran, for how long, and how often it was missed.", "programMembers"],
	["attach", "Attaches the program and gives a link.", "programMembers"],
];
