import { type Btf, decodeExt, type ExtSection } from "#btf";
import { CORE_KINDS, type CoreRelocation, type LineInfo } from "#spec";
import type { CodeFunction, ExtTables, Functions } from "./functions.ts";
import type { Source } from "./source.ts";

const ACCESS = /^\d+(:\d+)*$/;

/** Sorts the records of `.BTF.ext` to the functions they are about. Records of sections or bytes that no function has are left out. */
export function readExt(source: Source, btf: Btf | undefined, functions: Functions): ExtTables {
	const funcs = new Map<string, number>();
	const lines = new Map<string, LineInfo[]>();
	const core = new Map<string, CoreRelocation[]>();
	const section = source.section(".BTF.ext");
	if (!section || section.data.length === 0) return { funcs, lines, core };
	if (!btf) throw source.error({ section: ".BTF.ext", path: "header" }, "the object has .BTF.ext but no .BTF");
	const ext = decodeExt(section.data, (offset) => btf.string(offset), {
		section: ".BTF.ext",
		...(source.file === undefined ? {} : { file: source.file }),
	});
	const bySection = Map.groupBy(functions.all, (f) => f.sectionIndex);
	const none: CodeFunction[] = [];

	const each = <T extends { readonly offset: number }>(
		parts: readonly ExtSection<T>[],
		what: string,
		take: (key: string, slot: number, record: T, path: string) => void,
	): void => {
		for (const part of parts) {
			const index = source.sectionIndex(part.section);
			const inside = bySection.get(index) ?? none;
			for (const [i, record] of part.records.entries()) {
				const path = `${what}[${part.section}]/records[${i}]`;
				if (record.offset % 8 !== 0)
					throw source.error({ section: ".BTF.ext", path }, `offset ${record.offset} is no instruction's`);
				const f = find(inside, record.offset);
				if (f) take(`${index}:${f.start}`, (record.offset - f.start) / 8, record, path);
			}
		}
	};
	const list = <T>(map: Map<string, T[]>, key: string): T[] => {
		let found = map.get(key);
		if (!found) {
			found = [];
			map.set(key, found);
		}
		return found;
	};
	each(ext.funcs, "func_info", (key, slot, r, path) => {
		if (slot !== 0) return;
		if (r.type < 1 || r.type > btf.count || btf.type(r.type).kind !== "func")
			throw source.error({ section: ".BTF.ext", path: `${path}/type_id` }, `type ${r.type} is no function`);
		funcs.set(key, r.type);
	});
	each(ext.lines, "line_info", (key, slot, { offset: _, ...r }) => {
		list(lines, key).push({ slot, ...r });
	});
	each(ext.core, "core_relo", (key, slot, r, path) => {
		const kind = CORE_KINDS[r.kind];
		if (!kind) throw source.error({ section: ".BTF.ext", path: `${path}/kind` }, `CO-RE kind ${r.kind} is not known`);
		if (!ACCESS.test(r.access))
			throw source.error({ section: ".BTF.ext", path: `${path}/access` }, `access "${r.access}", expected 0:1:2`);
		if (r.type < 1 || r.type > btf.count)
			throw source.error({ section: ".BTF.ext", path: `${path}/type_id` }, `type ${r.type} of ${btf.count}`);
		list(core, key).push({ slot, type: r.type, access: r.access, kind });
	});
	for (const l of lines.values()) l.sort((a, b) => a.slot - b.slot);
	for (const c of core.values()) c.sort((a, b) => a.slot - b.slot);
	return { funcs, lines, core };
}

/** Binary search in functions that are sorted and do not overlap. */
function find<T extends { readonly start: number; readonly end: number }>(
	list: readonly T[],
	offset: number,
): T | undefined {
	let low = 0;
	let high = list.length - 1;
	while (low <= high) {
		const middle = (low + high) >> 1;
		const f = list[middle]!;
		if (offset < f.start) high = middle - 1;
		else if (offset >= f.end) low = middle + 1;
		else return f;
	}
	return undefined;
}
