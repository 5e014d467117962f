import type { LinkInfo } from "@skep/bpf/kernel";
import type { Field } from "./layout.ts";
import { ITER_BOUND, LINK_INFO, type LinkLayout } from "./link-layout.ts";
import { decode, INFO_AT, view } from "./slab.ts";

/** Room for names and paths. */
const TEXT_BYTES = 4096;
const TEXTS: ReadonlySet<string> = new Set(["tp_name", "target_name", "file", "func", "name", "path"]);
const UTF8 = new TextDecoder();

/** Asks for the info struct again, with `fields` encoded from `value`; the answer stands in the slab. */
export type Ask = (fields: readonly Field[], value: Readonly<Record<string, unknown>>) => number;

/**
 * The members of a link's info by its type, which the first call has put into the slab. Names and lists need buffers, and a
 * kernel refuses buffers for what it does not tell, so that they are asked for by a second call.
 */
export function linkDetail(info: Partial<LinkInfo>, ask: Ask): void {
	const row = LINK_INFO[info.type ?? 0];
	if (!row) return;
	const variant = row.variants?.rows[view.getUint32(INFO_AT + row.variants.by, true)];
	if (row.variants && !variant) return;
	const fields = variant?.fields ?? row.fields;
	const detail: Record<string, unknown> = variant ? { kind: variant.kind } : {};
	decode(INFO_AT, fields, detail, false);
	const buffers = buffersFor(fields, detail);
	if (Object.keys(buffers).length > 0) {
		const filled = ask(fields, { ...detail, ...buffers }) >= 0;
		if (filled) decode(INFO_AT, fields, detail, false);
		for (const [name, bytes] of Object.entries(buffers)) detail[name] = filled ? meaning(name, bytes) : empty(name);
	}
	if (row.member === "iter") bindIterator(detail);
	finish(row, detail);
	(info as Record<string, unknown>)[row.member] = detail;
}

function buffersFor(fields: readonly Field[], detail: Readonly<Record<string, unknown>>): Record<string, Uint8Array> {
	const buffers: Record<string, Uint8Array> = {};
	for (const [name, , , kind] of fields) {
		if (kind !== "buffer") continue;
		buffers[name] = new Uint8Array(TEXTS.has(name) ? TEXT_BYTES : Number(detail["count"] ?? 0) * 8);
	}
	return buffers;
}

function meaning(name: string, bytes: Uint8Array): string | bigint[] {
	if (!TEXTS.has(name)) return [...new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)];
	const end = bytes.indexOf(0);
	return UTF8.decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}

const empty = (name: string): string | bigint[] => (TEXTS.has(name) ? "" : []);

function bindIterator(detail: Record<string, unknown>): void {
	const found = ITER_BOUND.find(([target]) => target.test(String(detail["target_name"])));
	if (!found) return;
	const [, member, fields] = found;
	const bound: Record<string, unknown> = {};
	decode(INFO_AT, fields, bound, false);
	if (member === undefined) Object.assign(detail, bound);
	else detail[member] = bound;
}

/** The priority of a netfilter hook is signed. */
function finish(row: LinkLayout, detail: Record<string, unknown>): void {
	if (row.member === "netfilter") detail["priority"] = Number(detail["priority"]) | 0;
}
