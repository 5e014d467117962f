import { ATTACH_TYPES, HELPERS, LINK_TYPES, MAP_TYPES, PROGRAM_TYPES } from "@skep/bpf/uapi";

/** What `feature list_builtins` can list: the names that skep itself knows. One row a group; bpftool's names. */
const GROUPS = {
	prog_types: () => ["unspec", ...Object.keys(PROGRAM_TYPES)],
	map_types: () => ["unspec", ...Object.keys(MAP_TYPES)],
	attach_types: () => Object.keys(ATTACH_TYPES),
	link_types: () => ["unspec", ...Object.keys(LINK_TYPES)],
	helpers: () => ["bpf_unspec", ...HELPERS.map(({ name }) => `bpf_${name}`)],
} as const satisfies Readonly<Record<string, () => readonly string[]>>;
export type BuiltinGroup = keyof typeof GROUPS;
export const BUILTIN_GROUPS = Object.keys(GROUPS) as readonly BuiltinGroup[];

/** Names in the order of the kernel's numbers. */
export const builtins = (group: BuiltinGroup): readonly string[] => GROUPS[group]();
