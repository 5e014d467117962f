import { IteratorReader } from "@skep/bpf/live";
import { compareValues, LiveTable, present, renderTable, type Screen, screenOf } from "#output";
import { histogramEntries, type RecordSource, renderHistogram, total } from "#program";
import { presentedRecords } from "./iterators.ts";
import type { Session, ShownMap } from "./session.ts";

const BATCH = 1024;

/** Reads one source until the run has stopped and everything was read. */
async function consume(source: RecordSource, sink: (records: readonly unknown[]) => void): Promise<void> {
	source.open();
	try {
		for (;;) {
			const records = source.read(BATCH);
			if (records.length > 0) sink(records);
			else if (source.ended) return;
			await source.wait();
		}
	} finally {
		source.close();
	}
}

/** All ring buffers at once; `sink` gets presented records. Without ring buffers: until the run stops. */
export async function consumeAll(
	session: Session,
	sink: (map: string, records: readonly unknown[]) => void,
): Promise<void> {
	const rings = session.ringBuffers();
	const alive = setInterval(() => {}, 2 ** 31 - 1);
	try {
		await Promise.all([
			...rings.map(({ name, shape }) => {
				const { records } = session.mapByName(name);
				if (records === undefined) return Promise.resolve();
				return consume(records, (list) =>
					sink(
						name,
						list.map((record) => present(shape, record)),
					),
				);
			}),
			session.stopped,
		]);
	} finally {
		clearInterval(alive);
	}
}

/** A file without user half: rows as they come, then the maps. */
export async function showLive(session: Session, screen: Screen = screenOf(process.stdout)): Promise<void> {
	// Nothing else happens: what there is is read at once.
	if (session.attached.length === 0 && session.iterators.length > 0) session.stop();
	const rings = session.ringBuffers();
	const several = rings.length > 1;
	const longest = Math.max(0, ...rings.map((r) => r.name.length));
	const tables = new Map(
		rings.map(({ name, shape }) => [name, new LiveTable(shape, screen, several ? "".padEnd(longest) : undefined)]),
	);
	let headed: string | undefined;
	await consumeAll(session, (name, records) => {
		const table = tables.get(name)!;
		let text = headed === name ? "" : table.header();
		headed = name;
		for (const record of records) {
			const values = typeof record === "object" && record !== null ? Object.values(record) : [record];
			text += table.row(several ? [name, ...values] : values);
		}
		process.stdout.write(text);
	});
	const { iterators } = session;
	for (const { program, link, records } of iterators) {
		if (iterators.length > 1) process.stdout.write(`\n${program}\n`);
		if (records) process.stdout.write(renderTable(presentedRecords(link, records) as object[], screen));
		else for (const bytes of new IteratorReader(link)) process.stdout.write(bytes);
	}
	process.stdout.write(renderMaps(session, screen) + renderVariables(session, screen));
}

/** Variables of an object of somebody else's, who has no other loader here to show them. */
export function shownVariables(session: Session): { readonly variable: string; readonly value: unknown }[] {
	const { source, collection } = session;
	const { spec, manifest } = source;
	const { btf } = spec;
	if (manifest !== undefined || btf === undefined) return [];
	return [...spec.variables.values()].flatMap(({ name, map, type }) => {
		const shown = /^\.(bss|data)(\.|$)/.test(map) && type !== 0 && btf.type(btf.resolve(type)).kind !== "ptr";
		return shown && collection.maps.has(map) ? [{ variable: name, value: collection.section(map).get(name) }] : [];
	});
}

function renderVariables(session: Session, screen: Screen): string {
	const rows = shownVariables(session);
	return rows.length === 0 ? "" : `\n${renderTable(rows, screen)}`;
}

/** Entries of the user's maps as tables, histograms as bars. */
export function renderMaps(session: Session, screen: Screen): string {
	return session
		.shownMaps()
		.map(
			(map) =>
				`\n${map.binding.histogram === undefined ? renderMap(map, screen) : renderHistogram(histogramEntries(map.binding), map.name)}`,
		)
		.join("");
}

function renderMap(map: ShownMap, screen: Screen): string {
	const rows = presentedEntries(map).map(([key, value]) => ({ ...columns(key, "key"), ...columns(value, "value") }));
	const head = `${map.name} (${rows.length} ${rows.length === 1 ? "entry" : "entries"})\n`;
	return head + renderTable(rows, screen);
}

/** Members of a struct as columns of their own. */
function columns(value: unknown, name: string): object {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? value : { [name]: value };
}

/** In host order, sorted by key. */
export function presentedEntries(map: ShownMap): [unknown, unknown][] {
	return entriesOf(map)
		.map(([key, value]): [unknown, unknown] => [present(map.keyShape, key), present(map.valueShape, value)])
		.sort(([a], [b]) => compareValues(a, b));
}

/** Values of an entry: decoded, per-CPU ones summed. */
function entriesOf(map: ShownMap): [unknown, unknown][] {
	const { raw, key, value } = map.binding;
	const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	if (!map.perCpu) return raw.entries().map(([k, v]) => [key.decode(view(k), 0), value.decode(view(v), 0)]);
	return raw.entriesCpus().map(([k, all]) => [key.decode(view(k), 0), total(all.map((v) => value.decode(view(v), 0)))]);
}
