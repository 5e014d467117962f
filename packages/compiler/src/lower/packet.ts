import type { Node } from "#frontend";
import { type Inst, type Size, sizeOf, type Type, type Variable } from "#ir";
import { instOf } from "./integer.ts";
import type { Lowering, Want } from "./lowering.ts";
import { argument, integerOperand } from "./operand.ts";
import { place } from "./place.ts";
import { typeArgument } from "./type-of.ts";
import { type CursorValue, int, knownRange, POISON, type Value, VOID } from "./value.ts";

/**
 * Farther than this no header begins. The verifier follows packet offsets up to 65535, variable steps counted at their
 * most: what is left above lets a cursor that went too far take further steps.
 */
const FAR = 0xc000;

/** Largest single step that is added as a variable. */
const STEP = 0x1fff;

const data = (l: Lowering): Inst =>
	l.b.emit({ op: "load", size: 4, signed: false, offset: 0 }, [l.context], 64, "packet");

const dataEnd = (l: Lowering): Inst =>
	l.b.emit({ op: "load", size: 4, signed: false, offset: 4 }, [l.context], 64, "packet_end");

/** A header at `at`, if it lies within the packet: the check is on the pointer that is used. */
function header(l: Lowering, at: Inst, type: Type, advance?: (next: Inst) => void): Value {
	const next = l.b.emit({ op: "offset", offset: sizeOf(type) }, [at], 64, "packet");
	const inside = l.join();
	const end = l.join();
	const flag: Variable = { name: "inside", width: 32, space: "scalar" };
	const limit = dataEnd(l);
	l.b.write(flag, l.constant(0, 32));
	l.branch("ule", 64, next, limit, inside, end);
	l.enter(inside);
	advance?.(next);
	l.b.write(flag, l.constant(1, 32));
	l.goto(end);
	l.enter(end);
	// The pointer itself, not a choice of pointer and 0: what was checked is what is used.
	return {
		kind: "optional",
		flag: l.b.read(flag),
		value: place(type, at, 0, "packet", 8, { epoch: l.facts.epoch }),
		copied: false,
	};
}

/** base + bytes; a step that no packet has leads beyond its end. */
function step(l: Lowering, base: Inst, bytesNode: Node, bytes: Value): Inst | undefined {
	const n = integerOperand(l, bytes, bytesNode, "offset");
	if (!n) return undefined;
	if (n.constant !== undefined) {
		if (n.constant < 0n || n.constant > BigInt(FAR)) {
			l.error("SK2003", bytesNode, `${n.constant} is no offset in a packet`, `0 to ${FAR}`);
			return undefined;
		}
		return n.constant === 0n ? base : l.b.emit({ op: "offset", offset: Number(n.constant) }, [base], 64, "packet");
	}
	const wide = n.bits === 64 ? instOf(l, n) : l.b.emit({ op: "extend", from: 32, signed: false }, [instOf(l, n)], 64);
	const moved = () => l.b.emit({ op: "offset", offset: 0 }, [base, wide], 64, "packet");
	const [low, high] = knownRange(n);
	if (low >= 0n && high <= BigInt(STEP)) return moved();
	const near = l.join();
	const far = l.join();
	const end = l.join();
	const at: Variable = { name: "at", width: 64, space: "packet" };
	// Unsigned: a negative step is far too.
	l.branch("ule", 64, wide, l.constant(STEP, 64), near, far);
	l.enter(near);
	l.b.write(at, moved());
	l.goto(end);
	l.enter(far);
	l.b.write(at, l.b.emit({ op: "offset", offset: FAR }, [data(l)], 64, "packet"));
	l.goto(end);
	l.enter(end);
	return l.b.read(at);
}

function alive(l: Lowering, c: CursorValue, node: Node): boolean {
	if (c.epoch.value >= l.facts.epoch) return true;
	l.error("SK3005", node, "this cursor is from before a call that moved the packet", "take a new one: packet.cursor()");
	return false;
}

/** `next<T>() peek<T>() skip(n)` of a cursor. */
export function cursorMethod(l: Lowering, c: CursorValue, name: string, node: Node): Value {
	if (!alive(l, c, node)) return POISON;
	const args: Node[] = node["arguments"];
	l.at(node);
	switch (name) {
		case "next":
		case "peek": {
			const type = typeArgument(l, node);
			if (!type) return POISON;
			l.at(node);
			return header(l, l.b.read(c.at), type, name === "next" ? (next) => l.b.write(c.at, next) : undefined);
		}
		case "skip": {
			const bytes = args[0] ? l.expression(args[0]) : POISON;
			l.at(node);
			const to = args[0] && bytes.kind !== "poison" ? step(l, l.b.read(c.at), args[0], bytes) : undefined;
			if (to) l.b.write(c.at, to);
			return VOID;
		}
		default:
			return l.error("SK1009", node["callee"]["property"], `Cursor has no member ${name}`);
	}
}

/** Methods of the packet that an xdp program is given. */
export function packetMethod(l: Lowering, name: string, node: Node, _want: Want): Value {
	const args: Node[] = node["arguments"];
	l.at(node);
	switch (name) {
		case "at": {
			const type = typeArgument(l, node);
			if (!type || !args[0]) return POISON;
			const bytes = l.expression(args[0]);
			l.at(node);
			const at = bytes.kind === "poison" ? undefined : step(l, data(l), args[0], bytes);
			return at ? header(l, at, type) : POISON;
		}
		case "cursor": {
			const c: CursorValue = {
				kind: "cursor",
				at: { name: "cursor", width: 64, space: "packet" },
				epoch: { value: l.facts.epoch },
			};
			const bytes = args[0] ? l.expression(args[0]) : undefined;
			l.at(node);
			const at = bytes && args[0] ? step(l, data(l), args[0], bytes) : data(l);
			if (at) l.b.write(c.at, at);
			return c;
		}
		case "adjustHead":
		case "adjustTail": {
			const delta = args[0] ? integerOperand(l, l.expression(args[0]), args[0], "delta") : undefined;
			if (!delta) return POISON;
			l.at(node);
			const amount = argument(l, delta);
			const result =
				name === "adjustHead"
					? l.helper(44, "bpf_xdp_adjust_head", [l.context, amount], "scalar", true)
					: l.helper(65, "bpf_xdp_adjust_tail", [l.context, amount], "scalar", true);
			l.facts = { known: l.facts.known, epoch: l.facts.epoch + 1 };
			return int(32, true, l.b.emit({ op: "truncate" }, [result], 32));
		}
		case "redirect": {
			const index = args[0] ? integerOperand(l, l.expression(args[0]), args[0], "interface") : undefined;
			if (!index) return POISON;
			l.at(node);
			return int(
				32,
				true,
				l.b.emit({ op: "truncate" }, [l.helper(23, "bpf_redirect", [argument(l, index), l.constant(0, 64)])], 32),
				{ min: 0n, max: 4n },
			);
		}
		default:
			return l.error("SK1009", node["callee"]["property"], `the packet has no member ${name}`);
	}
}

const MEMBERS: Record<string, number> = { ingress_ifindex: 12, rx_queue_index: 16, egress_ifindex: 20 };

/** Members of the packet: `length` and those of xdp_md. */
export function packetMember(l: Lowering, name: string, node: Node): Value {
	l.at(node);
	if (name === "length")
		return int(32, false, l.b.emit({ op: "truncate" }, [l.binary("sub", dataEnd(l), data(l), 64)], 32));
	const offset = MEMBERS[name];
	if (offset !== undefined) return int(32, false, l.load(l.context, offset, 4 as Size));
	return l.error("SK1009", node["property"], `the packet has no member ${name}`);
}
