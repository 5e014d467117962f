import { type CuratedConstant, NET_OBJECTS, NET_STRUCTS, SKEP_OBJECTS, UAPI_CONSTANTS } from "#declare";
import type { StructType } from "#ir";

/** Objects of constants by module and name: `XDP` of skep, `ETH` of skep/net. */
export const knownObject = (module: string, name: string): ReadonlyMap<string, CuratedConstant> | undefined =>
	module === "skep" ? SKEP_OBJECTS.get(name) : module === "skep/net" ? NET_OBJECTS.get(name) : undefined;

/** Plain constants of skep/uapi, as the kernel's headers have them. */
export const KNOWN_CONSTANTS: Readonly<Record<string, number>> = Object.fromEntries(
	[...UAPI_CONSTANTS].map(([name, c]) => [name, Number(c.value)]),
);

/** Packet headers of skep/net as they stand on the wire. */
export const HEADERS: Readonly<Record<string, StructType>> = Object.fromEntries(NET_STRUCTS);
