/**
 * Facts of the kernel's user API as tables: constants, program, attach, map and link types, helpers, sections, configuration. One row a
 * fact; code reads the rows and never repeats them. Constants keep the kernel's spelling; types have short lower-case
 * names, and each table maps them to the kernel's numbers.
 */
export { ATTACH_TYPES, type AttachType, attachTypeSince } from "./attach-types.ts";
export { CONFIG_OPTIONS, type ConfigOption } from "./config-options.ts";
export {
	ATTACH_FLAGS,
	BPF_COMPLEXITY_LIMIT_INSNS,
	BPF_MAXINSNS_PRIVILEGED,
	BPF_OBJ_NAME_LEN,
	BPF_TAG_SIZE,
	HELPER_FLAGS,
	MAP_FLAGS,
	MAX_BPF_STACK,
	MULTI_FLAGS,
	PROG_FLAGS,
	PSEUDO_CALL,
	PSEUDO_LOAD,
	RINGBUF,
	STATS,
	TC_ACTION,
	TEST_FLAGS,
	UPDATE_FLAGS,
	XDP_ACTION,
	XDP_FLAGS,
} from "./constants.ts";
export { HELPERS, type Helper, type HelperValue, helper } from "./helpers.ts";
export { ITERATORS, type IteratorRow } from "./iterators.ts";
export { GPL_LICENSES } from "./licenses.ts";
export { LINK_TYPES, type LinkType } from "./link-types.ts";
export { MAP_TYPES, type MapType } from "./map-types.ts";
export { PROGRAM_TYPES, type ProgramType } from "./program-types.ts";
export { oldSectionMeaning, SECTION_NAMES, type SectionMeaning, sectionMeaning } from "./sections.ts";
