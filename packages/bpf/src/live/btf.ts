import { SyscallError } from "#base";
import { ERRNO, errnoName, type Kernel } from "#kernel";
import { Fd } from "./fd.ts";
import { type Feature, has } from "./probe/feature.ts";
import { refuse } from "./refusal.ts";

const FIRST_LOG = 64 * 1024;
const UTF8 = new TextDecoder();

/**
 * Loads BTF. Where an older kernel refuses newer kinds (float, tags, 64-bit enums, global functions, variables), they are
 * replaced by older ones of the same size, as libbpf does. @throws SyscallError with the kernel's log, PermissionError
 */
export function loadBtf(kernel: Kernel, bytes: Uint8Array): Fd {
	const first = kernel.bpf("BTF_LOAD", { btf: bytes });
	if (first >= 0) return new Fd(kernel, first, "BTF");
	if (first !== -ERRNO.EINVAL)
		throw refuse(kernel, { syscall: "bpf", command: "BTF_LOAD", errno: -first, what: "load BTF" });
	// What has no magic is not to be mended.
	const magic = bytes[0] === 0x9f && bytes[1] === 0xeb;
	const lacks = (Object.keys(KINDS) as (keyof typeof KINDS)[]).filter((feature) => magic && !has(kernel, feature));
	const older = lacks.length > 0 ? sanitizeBtf(bytes, new Set(lacks)) : bytes;
	const again = lacks.length > 0 ? kernel.bpf("BTF_LOAD", { btf: older }) : first;
	if (again >= 0) return new Fd(kernel, again, "BTF");
	const log = new Uint8Array(FIRST_LOG);
	const result = kernel.bpf("BTF_LOAD", { btf: older, btf_log_buf: log, btf_log_level: 1 });
	if (result >= 0) return new Fd(kernel, result, "BTF");
	const end = log.indexOf(0);
	const text = UTF8.decode(log.subarray(0, end < 0 ? log.length : end)).trim();
	const last = text.split("\n").at(-1) ?? "";
	throw new SyscallError(
		"bpf",
		"BTF_LOAD",
		-again,
		errnoName(again),
		`cannot load BTF: bpf(BTF_LOAD) says ${errnoName(again)}: ${last}`,
	);
}

/** Kinds by the feature that brings them. */
const KINDS = {
	btf_datasec: [14, 15],
	btf_global_func: [12],
	btf_float: [16],
	btf_decl_tag: [17],
	btf_type_tag: [18],
	btf_enum64: [19],
} as const satisfies Partial<Record<Feature, readonly number[]>>;

/** Bytes that follow the 12 of a type, by kind and vlen. */
function trailing(kind: number, vlen: number): number {
	switch (kind) {
		case 1: // int
		case 14: // var
		case 17: // decl_tag
			return 4;
		case 3: // array
			return 12;
		case 4: // struct
		case 5: // union
		case 15: // datasec
		case 19: // enum64
			return 12 * vlen;
		case 6: // enum
		case 13: // func_proto
			return 8 * vlen;
		default:
			return 0;
	}
}

/** A copy of BTF (little-endian) in which the kinds of `lacks` are replaced by older ones; ids and sizes stay. */
export function sanitizeBtf(bytes: Uint8Array, lacks: ReadonlySet<keyof typeof KINDS>): Uint8Array {
	const gone = new Set([...lacks].flatMap((feature) => KINDS[feature] as readonly number[]));
	const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const headerSize = source.getUint32(4, true);
	const typesAt = headerSize + source.getUint32(8, true);
	const typesSize = source.getUint32(12, true);
	const stringsAt = headerSize + source.getUint32(16, true);
	const strings = bytes.subarray(stringsAt, stringsAt + source.getUint32(20, true));
	const types = bytes.slice(typesAt, typesAt + typesSize);
	const view = new DataView(types.buffer);
	let count = 0;
	/** Ids of types that become a union of 64-bit enumerators: each member wants an int that is there. */
	const unions: number[] = [];
	for (let at = 0; at < typesSize; ) {
		const info = view.getUint32(at + 4, true);
		const kind = (info >>> 24) & 31;
		const vlen = info & 0xffff;
		const size = 12 + trailing(kind, vlen);
		count++;
		if (gone.has(kind)) replace(view, at, kind, vlen, unions);
		at += size;
	}
	// One byte wide, so that it fits into any enum's place; appended, so that no id moves.
	const extra = unions.length > 0 ? intType() : new Uint8Array(0);
	for (const at of unions) view.setUint32(at, count + 1, true);
	const out = new Uint8Array(24 + types.length + extra.length + strings.length + PLACEHOLDER.length);
	const header = new DataView(out.buffer);
	header.setUint16(0, 0xeb9f, true);
	header.setUint8(2, 1);
	header.setUint32(4, 24, true);
	header.setUint32(12, types.length + extra.length, true);
	header.setUint32(16, types.length + extra.length, true);
	header.setUint32(20, strings.length + PLACEHOLDER.length, true);
	if (extra.length > 0) new DataView(extra.buffer).setUint32(0, strings.length, true);
	out.set(types, 24);
	out.set(extra, 24 + types.length);
	out.set(strings, 24 + types.length + extra.length);
	out.set(PLACEHOLDER, 24 + types.length + extra.length + strings.length);
	return out;
}

const PLACEHOLDER = new TextEncoder().encode("enum64_word\0");

function intType(): Uint8Array<ArrayBuffer> {
	const type = new Uint8Array(16);
	const view = new DataView(type.buffer);
	view.setUint32(4, 1 << 24, true);
	view.setUint32(8, 1, true);
	view.setUint32(12, 8, true);
	return type;
}

function replace(view: DataView, at: number, kind: number, vlen: number, unions: number[]): void {
	const info = (newKind: number, length: number) => view.setUint32(at + 4, (newKind << 24) | length, true);
	switch (kind) {
		case 12: // global function → static
			info(12, 0);
			break;
		case 14: // var → int of one byte
		case 17: // decl_tag → int of one byte
			info(1, 0);
			view.setUint32(at + 8, 1, true);
			view.setUint32(at + 12, 8, true);
			break;
		case 15: // datasec → struct without a name (a section's has dots), its entries members of the same size
			info(4, vlen);
			view.setUint32(at, 0, true);
			for (let i = 0; i < vlen; i++) {
				const entry = at + 12 + i * 12;
				const type = view.getUint32(entry, true);
				const offset = view.getUint32(entry + 4, true);
				view.setUint32(entry, 0, true);
				view.setUint32(entry + 4, type, true);
				view.setUint32(entry + 8, offset * 8, true);
			}
			break;
		case 16: // float → empty struct of the same size
			info(4, 0);
			view.setUint32(at, 0, true);
			break;
		case 18: // type_tag → const
			info(10, 0);
			view.setUint32(at, 0, true);
			break;
		case 19: // enum64 → union of one-byte members
			info(5, vlen);
			for (let i = 0; i < vlen; i++) {
				unions.push(at + 12 + i * 12 + 4);
				view.setUint32(at + 12 + i * 12 + 8, 0, true);
			}
			break;
	}
}
