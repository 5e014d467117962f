import { ATTACH_TYPES, LINK_TYPES, MAP_TYPES, PROGRAM_TYPES } from "@skep/bpf/uapi";

const reversed = (table: Readonly<Record<string, { readonly value: number }>>): ReadonlyMap<number, string> =>
	new Map(Object.entries(table).map(([name, row]) => [row.value, name]));

const PROGRAMS = reversed(PROGRAM_TYPES);
const MAPS = reversed(MAP_TYPES);
const LINKS = reversed(LINK_TYPES);
const ATTACHES: ReadonlyMap<number, string> = new Map(
	Object.entries(ATTACH_TYPES).map(([name, value]) => [value as number, name]),
);

/** Names of types as bpftool says them; numbers for those that this skep does not know. */
export const programType = (value: number): string | number => PROGRAMS.get(value) ?? value;
export const mapType = (value: number): string | number => MAPS.get(value) ?? value;
export const linkType = (value: number): string | number => LINKS.get(value) ?? value;
export const attachType = (value: number): string | number => ATTACHES.get(value) ?? value;

const FAMILIES: Readonly<Record<number, string>> = { 2: "ipv4", 10: "ipv6" };
const NETFILTER_HOOKS = ["prerouting", "local_in", "forward", "local_out", "postrouting"];

/** `ipv4/local_out`: a hook of netfilter by the numbers of its family and its place. */
export const netfilterHook = (pf: number, hook: number): string =>
	`${FAMILIES[pf] ?? `pf ${pf}`}/${NETFILTER_HOOKS[hook] ?? hook}`;
