import { alignOf, type Btf, BtfBuilder, type BtfMember, type BtfType } from "@skep/bpf/btf";

/**
 * Types of structs that are the same everywhere, because others than the kernel lay them out: contexts of programs, what
 * goes over wires (anything with a big-endian member), what user space sees.
 */
const FIXED =
	/^(xdp_md|__sk_buff|pt_regs|user_pt_regs|trace_entry|trace_event_raw_.*|bpf_(sock(_\w+)?|perf_event_data|raw_tracepoint_args|sysctl|cgroup_dev_ctx|sk_lookup))$/;
/** Bytes before the first member of a struct that is laid out anew. */
const PADDING = 16;

interface Layout {
	readonly size: number;
	readonly align: number;
	readonly members: readonly BtfMember[] | undefined;
}

/**
 * A kernel's own types that no other kernel has: every struct's members in reverse order after some padding, so that each
 * offset differs from the source's while names, kinds and ids stay. What runs right on it runs by CO-RE, not by luck.
 * Elements of arrays keep their size: the step from one to the next is no place that CO-RE finds.
 */
export function virtualBtf(source: Btf): Uint8Array {
	const layouts = new Map<number, Layout>();
	const kept = { fixed: fixedTypes(source), elements: elementTypes(source) };
	const builder = new BtfBuilder();
	for (let id = 1; id <= source.count; id++) {
		const type = source.type(id);
		const { members, size } = layoutOf(source, id, layouts, kept);
		const changed = members !== undefined && (type.kind === "struct" || type.kind === "union");
		builder.add(changed ? { ...type, size, members } : type);
	}
	return builder.encode();
}

/** Structs that keep their layout, and what stands in them by value. */
function fixedTypes(btf: Btf): ReadonlySet<number> {
	const fixed = new Set<number>();
	const keep = (id: number): void => {
		if (fixed.has(id)) return;
		fixed.add(id);
		const type = btf.type(id);
		if (type.kind === "struct" || type.kind === "union") for (const member of type.members) keep(member.type);
		else if (type.kind === "array" || isName(type)) keep(type.type);
	};
	for (let id = 1; id <= btf.count; id++) {
		const type = btf.type(id);
		if (type.kind !== "struct" && type.kind !== "union") continue;
		if (FIXED.test(type.name) || (type.name !== "" && isWire(btf, id, true)) || isPacked(btf, type)) keep(id);
	}
	return fixed;
}

/** Structs that are elements of arrays, and what stands in them by value. */
function elementTypes(btf: Btf): ReadonlySet<number> {
	const elements = new Set<number>();
	const add = (id: number): void => {
		if (elements.has(id)) return;
		elements.add(id);
		const type = btf.type(id);
		if (type.kind === "struct" || type.kind === "union") for (const member of type.members) add(member.type);
		else if (type.kind === "array" || isName(type)) add(type.type);
	};
	for (let id = 1; id <= btf.count; id++) {
		const type = btf.type(id);
		if (type.kind === "array") add(type.type);
	}
	return elements;
}

type Named = Extract<BtfType, { readonly kind: "typedef" | "const" | "volatile" | "restrict" | "type_tag" }>;

const isName = (type: BtfType): type is Named => /^(typedef|const|volatile|restrict|type_tag)$/.test(type.kind);

/** Whether a struct itself, not one with a name inside it, holds numbers in network order: its bytes come from outside. */
function isWire(btf: Btf, id: number, outermost: boolean): boolean {
	const type = btf.type(id);
	if (type.kind === "typedef" && /^__be(16|32|64)$/.test(type.name)) return true;
	if (isName(type) || type.kind === "array") return isWire(btf, type.type, false);
	if ((type.kind !== "struct" && type.kind !== "union") || (type.name !== "" && !outermost)) return false;
	return type.members.some((member) => isWire(btf, member.type, false));
}

function isPacked(btf: Btf, type: Extract<BtfType, { readonly kind: "struct" | "union" }>): boolean {
	return type.members.some(
		(member) => member.bitSize === 0 && member.bitOffset % (alignOf(btf, member.type) * 8) !== 0,
	);
}

/** What may not be laid out freely: `fixed` at all, `elements` in their size. */
interface Kept {
	readonly fixed: ReadonlySet<number>;
	readonly elements: ReadonlySet<number>;
}

function layoutOf(btf: Btf, id: number, known: Map<number, Layout>, kept: Kept): Layout {
	const before = known.get(id);
	if (before) return before;
	const type = btf.type(id);
	let layout: Layout;
	switch (type.kind) {
		case "int":
		case "enum":
		case "enum64":
		case "float":
			layout = { size: type.size, align: Math.min(16, Math.max(1, type.size)), members: undefined };
			break;
		case "ptr":
			layout = { size: 8, align: 8, members: undefined };
			break;
		case "array": {
			const of = layoutOf(btf, type.type, known, kept);
			layout = { size: of.size * type.length, align: of.align, members: undefined };
			break;
		}
		case "typedef":
		case "const":
		case "volatile":
		case "restrict":
		case "type_tag":
			layout = { ...layoutOf(btf, type.type, known, kept), members: undefined };
			break;
		case "struct":
		case "union": {
			const parts = type.members.map((member) => layoutOf(btf, member.type, known, kept));
			const align = Math.max(1, ...parts.map((part) => part.align));
			const same = { size: type.size, align: alignOf(btf, id), members: undefined };
			if (kept.fixed.has(id) || type.members.length === 0) layout = same;
			else if (kept.elements.has(id)) {
				const turned = type.kind === "union" ? same : reversed(type.members, parts, align, 0);
				layout = turned.size === type.size ? turned : same;
			} else if (type.kind === "union") {
				const size = Math.max(type.size === 0 ? 0 : 1, ...parts.map((part) => part.size));
				layout = { size: roundUp(size, align), align, members: type.members };
			} else layout = reversed(type.members, parts, align, PADDING);
			break;
		}
		default:
			layout = { size: 0, align: 1, members: undefined };
	}
	known.set(id, layout);
	return layout;
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Members from the last to the first, each at its natural alignment. Arrays without a length stay at the end. */
function reversed(members: readonly BtfMember[], parts: readonly Layout[], align: number, padding: number): Layout {
	const order = members.map((_, i) => i).reverse();
	const sized = order.filter((i) => parts[i]!.size > 0);
	const open = order.filter((i) => parts[i]!.size === 0);
	let end = padding;
	const moved: BtfMember[] = [];
	for (const i of [...sized, ...open]) {
		const part = parts[i]!;
		end = roundUp(end, part.align);
		// A bit-field gets the whole of its type.
		moved.push({ ...members[i]!, bitOffset: end * 8 });
		end += part.size;
	}
	return { size: roundUp(end, align), align, members: moved };
}
