import type { Btf } from "@skep/bpf/btf";

/** The sum of values that stand `stride` bytes apart from `at` on, as JSON text. */
export type SumReader = (view: DataView, at: number, stride: number, count: number) => string;

/**
 * Sums of a per-CPU value by its type: of integers a number, of structs and arrays those of their integers. Exact, and without
 * what has no sum: enums, texts, pointers, bit-fields, unions. Undefined: nothing in the type has one.
 */
export function sumReader(btf: Btf, id: number): SumReader | undefined {
	const type = btf.type(btf.resolve(id));
	switch (type.kind) {
		case "int": {
			const read = WIDTHS[type.size];
			if (!read || type.bool || type.char || type.name === "char" || type.bits !== type.size * 8) return undefined;
			const { signed } = type;
			return (view, at, stride, count) => {
				let sum = 0n;
				for (let i = 0; i < count; i++) sum += BigInt(read(view, at + i * stride, signed));
				return String(sum);
			};
		}
		case "array": {
			const sum = sumReader(btf, type.type);
			const size = btf.sizeOf(type.type);
			if (!sum || type.length === 0) return undefined;
			return (view, at, stride, count) =>
				`[${Array.from({ length: type.length }, (_, i) => sum(view, at + i * size, stride, count)).join(",")}]`;
		}
		case "struct": {
			const members = type.members.flatMap(({ name, type: of, bitOffset, bitSize }) => {
				const sum = bitSize > 0 || bitOffset % 8 !== 0 ? undefined : sumReader(btf, of);
				return sum ? [{ head: `${JSON.stringify(name)}:`, offset: bitOffset / 8, sum }] : [];
			});
			if (members.length === 0) return undefined;
			return (view, at, stride, count) =>
				`{${members.map(({ head, offset, sum }) => head + sum(view, at + offset, stride, count)).join(",")}}`;
		}
		default:
			return undefined;
	}
}

type Read = (view: DataView, at: number, signed: boolean) => number | bigint;
const WIDTHS: Readonly<Record<number, Read>> = {
	1: (view, at, signed) => (signed ? view.getInt8(at) : view.getUint8(at)),
	2: (view, at, signed) => (signed ? view.getInt16(at, true) : view.getUint16(at, true)),
	4: (view, at, signed) => (signed ? view.getInt32(at, true) : view.getUint32(at, true)),
	8: (view, at, signed) => (signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true)),
};
