import type { RecordedEvent, RecordedField, RecordedProgram } from "@skep/bpf/capture";
import type { TracepointField, TracepointTable } from "@skep/compiler/declare";

/** How the records of one tracepoint get from the layout that they were recorded in to the one that programs are compiled for. */
export interface Translation {
	translate(event: RecordedEvent): RecordedEvent;
	/** Fields that the recording does not have: zero. */
	readonly missing: readonly string[];
}

/** undefined: the layout is the same, or nothing is known of it. */
export function translationOf(
	{ section, fields: then }: RecordedProgram,
	tracepoints: TracepointTable,
): Translation | undefined {
	const [kind, ...rest] = section.split("/");
	const now = kind === "tracepoint" ? tracepoints.find(rest.join(":"))?.fields : undefined;
	if (now === undefined || then.length === 0) return undefined;
	const moves = now.flatMap((to): Move[] => {
		const from = then.find(({ name }) => name === to.name);
		return from === undefined ? [] : [{ from, to }];
	});
	const moved = moves.filter(({ from, to }) => from.offset !== to.offset || from.size !== to.size);
	const missing = now.filter(({ name }) => !then.some((field) => field.name === name)).map(({ name }) => name);
	if (moved.length === 0 && missing.length === 0) return undefined;
	const fixed = endOf(then);
	// What stands behind the fields only ever moves on, by whole words.
	const further = Math.max(0, Math.ceil((endOf(now) - fixed) / 8) * 8);
	return { missing, translate: (event) => ({ ...event, ...translated(event, moves, fixed, further, endOf(now)) }) };
}

interface Move {
	readonly from: RecordedField;
	readonly to: TracepointField;
}

/** Common fields stand before the first. */
const COMMON = 8;

const endOf = (fields: readonly { readonly offset: number; readonly size: number }[]): number =>
	fields.reduce((end, { offset, size }) => Math.max(end, offset + size), COMMON);

function translated(
	{ context, pointers }: RecordedEvent,
	moves: readonly Move[],
	fixed: number,
	further: number,
	end: number,
): Pick<RecordedEvent, "context" | "pointers"> {
	const whole = new Uint8Array(Math.max(end, context.length + further));
	whole.set(context.subarray(0, COMMON));
	whole.set(context.subarray(fixed), fixed + further);
	const view = new DataView(whole.buffer);
	for (const { from, to } of moves) {
		const bytes = context.subarray(from.offset, from.offset + from.size).subarray(0, to.size);
		const negative = to.signed && from.size <= 8 && ((bytes.at(-1) ?? 0) & 0x80) !== 0;
		whole.fill(negative ? 0xff : 0, to.offset, to.offset + to.size);
		whole.set(bytes, to.offset);
		if (to.size !== 4) continue;
		// The low half says where: from the beginning, or from behind the field itself.
		const shift = /^__data_loc\b/.test(to.ctype)
			? further
			: /^__rel_loc\b/.test(to.ctype)
				? further + from.offset - to.offset
				: 0;
		view.setUint16(to.offset, view.getUint16(to.offset, true) + shift, true);
	}
	return {
		context: whole,
		pointers: pointers.flatMap(({ offset, object }) => {
			const move = moves.find(({ from }) => offset >= from.offset && offset + 8 <= from.offset + from.size);
			return move === undefined ? [] : [{ offset: offset - move.from.offset + move.to.offset, object }];
		}),
	};
}
