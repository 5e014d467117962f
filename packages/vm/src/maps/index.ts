/**
 * Maps of the virtual kernel. A map is plain data (`MapState`): numbers, and addresses in the machine's memory, where its
 * keys and values are, so programs hold pointers to them and a copy of memory and tables is a copy of the map. What changes
 * while programs run stands there too, in the map's header (`HEADER`). What a type does stands in its handler, found by the
 * type's name; there is one file a family of types.
 *
 * Values that a program may touch are regions of kind `map`; heads of entries and keys are the kernel's own.
 */

export { allocatePages, freePages } from "./arena.ts";
export { blockAddresses } from "./blocks.ts";
export { addToFilter, askFilter } from "./bloom-filter.ts";
export { createMap, MAP_TYPE_NAMES, releaseMap } from "./create.ts";
export { guarded } from "./guard.ts";
export { HEADER, HEADER_BYTES, headerWord } from "./header.ts";
export {
	ALL_CPUS,
	type Batch,
	type Bytes,
	type InnerShape,
	type MapHandler,
	type MapShape,
	type MapState,
	type SpecialField,
} from "./map.ts";
export { fitsInner, innerShape } from "./nested.ts";
export { setSlot, slotOf, slotsOf } from "./object-array.ts";
export { drop, push, take } from "./queue.ts";
export {
	consumeUserRecord,
	finishRecord,
	isReserved,
	outputRecord,
	peekUserRecord,
	queryRing,
	recordSize,
	reserveRecord,
	ringOfRecord,
	type UserRecord,
} from "./ring-buffer.ts";
export { imm, type Routine, RoutineWriter, reg } from "./routine.ts";
export { store, stored, unstore } from "./storage.ts";
export { mapHandler } from "./table.ts";
export { clearFields, copy, readValue } from "./values.ts";
