import type { CommandName } from "@skep/bpf/kernel";
import type { LinkType, MapType, ProgramType } from "@skep/bpf/uapi";

/** What subjects are, in the order in which one of several with the same short name is meant: `xdp` is the program type first. */
export const KINDS = [
	"program type",
	"map type",
	"helper",
	"kfunc",
	"word",
	"member",
	"command",
	"section",
	"attach type",
	"link type",
	"BTF kind",
	"instruction",
	"diagnostic",
] as const;
export type Kind = (typeof KINDS)[number];

/** What a kernel can be asked about a subject, by doing (bpf/live). */
export type Question =
	| { readonly ask: "command"; readonly name: CommandName }
	| { readonly ask: "program"; readonly type: ProgramType }
	| { readonly ask: "map"; readonly type: MapType }
	| { readonly ask: "link"; readonly type: LinkType }
	| { readonly ask: "helper"; readonly id: number; readonly types: readonly ProgramType[] }
	/** `prototype`: as the manual has it; kernels differ. */
	| {
			readonly ask: "kfunc";
			readonly name: string;
			readonly types: readonly ProgramType[];
			readonly prototype: string;
	  }
	/** An enumerator of the kernel's own types: `BPF_XDP` of `bpf_attach_type`. */
	| { readonly ask: "enumerator"; readonly type: string; readonly name: string }
	| { readonly ask: "feature"; readonly name: string };

export interface Example {
	readonly language: "C" | "TypeScript" | "assembly";
	readonly text: string;
	/** What it shows, where that is not simply the subject. */
	readonly title?: string;
}

/** A page of the manual. */
export interface Subject {
	readonly kind: Kind;
	/** `bpf_map_lookup_elem`, `BPF_MAP_TYPE_HASH`, `kprobe.multi/`, `SK3003`. Once each within its kind. */
	readonly name: string;
	/** Other names: `map_lookup_elem`, `hash`, `kprobe.multi`. */
	readonly aliases: readonly string[];
	/** One to three sentences. */
	readonly text: string;
	/** Prototype, section or text of an instruction. */
	readonly shape?: string;
	/** Arguments, attributes, parts: name and meaning. */
	readonly parts: readonly (readonly [name: string, meaning: string])[];
	/** What is to be known: label and value, in order. */
	readonly facts: readonly (readonly [label: string, value: string])[];
	readonly examples: readonly Example[];
	/** Names of other subjects. */
	readonly see: readonly string[];
	readonly question?: Question;
}
