import { BpfError } from "@skep/bpf/base";
import type { Debugger, Frame, Inspector, SourcePlace, StopReason } from "#backend";
import { formatCell, present, printable, renderTable } from "#output";
import { shapeOf } from "#run";
import { instructionsOf, listSource } from "./listing.ts";
import type { RecordField, Target } from "./target.ts";

/** An answer, as text for people (whole lines) and as a plain value. */
export interface View {
	readonly text: string;
	readonly data: Readonly<Record<string, unknown>>;
}

const hex = (value: bigint | number, digits = 0): string => `0x${value.toString(16).padStart(digits, "0")}`;
const SCREEN = { width: undefined, colour: false } as const;
const LINES = 10;
const MOST_BYTES = 4096;

/** What a debugger's machine has to show, as it is where it stands. */
export class Views {
	readonly #debug: Debugger;
	readonly #inspector: Inspector;
	readonly #target: Target;

	constructor(debug: Debugger, inspector: Inspector, target: Target) {
		this.#debug = debug;
		this.#inspector = inspector;
		this.#target = target;
	}

	/** Where it stands, and why. */
	where(reason: StopReason): View {
		const { event, instruction, ended } = this.#debug.position;
		const [frame] = this.#debug.frames();
		const { events } = this.#target;
		const said = this.#reason(reason);
		const lines = said === "" ? [] : [said];
		const place = frame && this.#placeOf(frame);
		if (frame && place) {
			lines.push(`event ${event} (${events.label(event)}), instruction ${instruction}: ${place}`);
			const { source } = frame;
			if (source) lines.push(`${String(source.line).padStart(5)}  ${this.#line(source)}`);
			lines.push(`${String(frame.slot).padStart(5)}: ${this.#instruction(frame)}`);
		} else lines.push(`event ${event} (${events.label(event)}) is over: ${this.#outcome(event)}`);
		return {
			text: `${lines.join("\n")}\n`,
			data: {
				stop: stopData(reason, this.#debug),
				event,
				instruction,
				ended,
				...(frame === undefined ? { result: events.result(event) } : { place: frameData(frame) }),
			},
		};
	}

	#reason(reason: StopReason): string {
		switch (reason.kind) {
			case "breakpoint":
				return `breakpoint ${reason.id}`;
			case "watch": {
				const frame = this.#placeName(reason.program, reason.slot);
				return `watch ${reason.id}: changed by instruction ${reason.slot}, ${frame}`;
			}
			case "fault":
				return `fault: ${reason.fault.message}`;
			case "end":
				return "the end: no event follows";
			case "start":
				return "the beginning";
			default:
				return "";
		}
	}

	#outcome(event: number): string {
		const result = this.#target.events.result(event);
		const count = this.#debug.outcome(event)?.instructions ?? 0;
		const records = (result?.records ?? [])
			.map(({ map, record }) => `\n         ${map}: ${formatCell(record)}`)
			.join("");
		return `${result?.text ?? ""}, ${count} instructions${records}`;
	}

	#placeName(program: number, slot: number): string {
		const known = this.#debug.symbols(program);
		const source = known?.lineAt(slot);
		const name = known?.functionAt(slot).name ?? "?";
		return source ? `${name} at ${source.file}:${source.line}` : name;
	}

	#placeOf(frame: Frame): string {
		return this.#placeName(frame.program, frame.slot);
	}

	#line({ file, line, text }: SourcePlace): string {
		return (this.#target.read(file)?.split("\n")[line - 1] ?? text).replaceAll("\t", "  ").trimEnd();
	}

	#instruction(frame: Frame): string {
		return instructionsOf(this.#debug, frame.program).find(({ slot }) => slot === frame.slot)?.text ?? "?";
	}

	frames(only?: number): View {
		const frames = this.#debug.frames();
		if (frames.length === 0) return { text: "nothing runs between events\n", data: { frames: [] } };
		const shown = only === undefined ? frames : [frames[only]!];
		const text = shown.map((frame) => `#${frame.index}  ${this.#placeOf(frame)}, instruction ${frame.slot}\n`).join("");
		return { text, data: { frames: shown.map(frameData) } };
	}

	list(frame: number, line: string): View {
		const at = this.#debug.frames()[frame];
		const source = at?.source ?? (at && this.#debug.symbols(at.program)?.lines[0]);
		if (!at || !source) return { text: "no source line is known here\n", data: { lines: [] } };
		const centre = line === "" ? source.line : Number(line);
		if (!Number.isSafeInteger(centre) || centre < 1) throw new BpfError("ERR_COMMAND", `"${line}" is no line number`);
		const lines = this.#listed(at.program, { file: source.file, line: centre }, LINES, source.line);
		const text = lines.map((each) => `${mark(each)}${String(each.line).padStart(4)}  ${each.text}\n`).join("");
		return { text, data: { file: source.file, lines } };
	}

	#listed(program: number, place: Pick<SourcePlace, "file" | "line">, count: number, current: number) {
		const stops = new Set(this.#debug.breakpoints.list.flatMap((each) => each.line ?? []));
		return listSource(place, count, this.#target.read, this.#debug.symbols(program)?.lines ?? [], stops, current);
	}

	/** Lines around where a frame stands, for a window of `count`. */
	window(frame: Frame, count: number): string[] {
		const { source } = frame;
		if (!source)
			return this.#around(frame, count).map(
				({ slot, text }) => `${slot === frame.slot ? ">" : " "}${String(slot).padStart(5)}: ${text}`,
			);
		return this.#listed(frame.program, source, count, source.line).map(
			(each) => `${mark(each)}${String(each.line).padStart(4)}  ${each.text}`,
		);
	}

	disassembly(frame: number, count: number): View {
		const at = this.#debug.frames()[frame];
		if (!at) return { text: "nothing runs between events\n", data: { instructions: [] } };
		const shown = this.#around(at, count);
		const text = shown
			.map(({ slot, text }) => `${slot === at.slot ? ">" : " "}${String(slot).padStart(5)}: ${text}\n`)
			.join("");
		return { text, data: { instructions: shown } };
	}

	#around({ program, slot }: Frame, count: number) {
		const all = instructionsOf(this.#debug, program);
		const at = all.findIndex((each) => each.slot === slot);
		const first = Math.max(0, Math.min(at - Math.floor(count / 2), all.length - count));
		return all.slice(first, first + count);
	}

	registers(frame: number): View {
		const values = this.#debug.registers(frame);
		const text = values
			.map((value, r) =>
				`${`r${r}`.padEnd(4)}${value === undefined ? "–" : `${hex(value, 16)}  ${this.#meaning(value)}`}`.trimEnd(),
			)
			.join("\n");
		return { text: `${text}\n`, data: { registers: Object.fromEntries(values.map((value, r) => [`r${r}`, value])) } };
	}

	/** A number in decimal, or what an address leads to. */
	#meaning(value: bigint): string {
		const found = this.#inspector.meaning(value);
		if (!found) return String(BigInt.asIntN(64, value));
		return found.map === undefined || found.kind === "map"
			? `${found.kind} ${found.map ?? ""}`.trim()
			: `in map ${found.map}`;
	}

	number(expression: string, value: bigint): View {
		const signed = BigInt.asIntN(64, value);
		const plain = signed === value ? "" : `, ${value}`;
		return { text: `${expression} = ${hex(value)} (${signed}${plain})\n`, data: { expression, value } };
	}

	typed(type: string, address: number): View {
		const program = this.#debug.place?.program;
		const found = this.#inspector.value(type, address, program);
		const value = present(shapeOf(found.btf, found.type), found.value);
		return { text: `${formatCell(value)}\n`, data: { type, address, value } };
	}

	memory(address: number, size: number): View {
		const found = this.#inspector.memory(address, Math.min(size, MOST_BYTES));
		if (!found) throw new BpfError("ERR_MEMORY", `nothing is at ${hex(address)}`);
		return { text: dump(address, found.bytes), data: { address, kind: found.kind, bytes: toHex(found.bytes) } };
	}

	mapNamed(name: string): { readonly id: number; readonly name: string } {
		const maps = this.#inspector.maps();
		const found = maps.find((map) => map.name === name) ?? maps.find((map) => String(map.id) === name);
		if (!found)
			throw new BpfError(
				"ERR_COMMAND",
				`no map ${name}; there are ${maps.map((map) => map.name).join(", ") || "none"}`,
			);
		return found;
	}

	maps(): View {
		const rows = this.#inspector.maps().map(({ id, name, type, used, maxEntries }) => ({
			id,
			name,
			type,
			...(type.includes("hash") ? { entries: used } : {}),
			most: maxEntries,
		}));
		return { text: renderTable(rows, SCREEN), data: { maps: rows } };
	}

	map(name: string): View {
		const view = this.#inspector.map(this.mapNamed(name).id)!;
		const { types } = view;
		const shown = (value: unknown, type: number | undefined) =>
			value instanceof Uint8Array || !types ? toHex(value as Uint8Array) : present(shapeOf(types.btf, type!), value);
		const entries = view.entries.map(({ key, values }) => ({
			key: shown(key, types?.key),
			values: values.map((value) => shown(value, types?.value)),
		}));
		const rows = entries.map(({ key, values }) => ({
			key,
			...(values.length === 1 ? { value: values[0] } : Object.fromEntries(values.map((v, cpu) => [`cpu${cpu}`, v]))),
		}));
		const head = `${view.name} (${view.type}, ${rows.length}${view.more ? " of more" : ""} ${rows.length === 1 ? "entry" : "entries"})\n`;
		return { text: head + renderTable(rows, SCREEN), data: { map: view.name, type: view.type, entries } };
	}

	context(): View {
		const context = this.#inspector.context();
		if (!context) return { text: "no program runs\n", data: {} };
		const program = this.#debug.place?.program ?? 0;
		const named = this.#target
			.fields(program)
			.map((field) => ({ name: field.name, value: fieldValue(context.bytes, field) }));
		const fields = [
			...context.fields.map(({ name, value }) => `${name.padEnd(16)} ${hex(value)} (${value})\n`),
			...named.map(({ name, value }) => `${name.padEnd(16)} ${formatCell(value)}\n`),
		].join("");
		return {
			text: `${context.program} at ${hex(context.address)}, ${context.bytes.length} bytes\n${fields}${fields === "" ? dump(context.address, context.bytes) : ""}`,
			data: {
				program: context.program,
				address: context.address,
				bytes: toHex(context.bytes),
				fields: Object.fromEntries([...context.fields, ...named].map(({ name, value }) => [name, value])),
			},
		};
	}

	packet(): View {
		const packet = this.#inspector.packet();
		if (!packet) return { text: "no packet is here\n", data: {} };
		return { text: dump(packet.address, packet.bytes), data: { address: packet.address, bytes: toHex(packet.bytes) } };
	}

	event(): View {
		const { event } = this.#debug.position;
		const result = this.#target.events.result(event);
		const known = result === undefined ? "it has not been run to its end" : this.#outcome(event);
		const label = this.#target.events.label(event);
		return {
			text: `event ${event} of ${this.#debug.events} (${label}): ${known}\n`,
			data: {
				event,
				events: this.#debug.events,
				label,
				result,
				instructions: this.#debug.outcome(event)?.instructions,
			},
		};
	}

	stops(only?: number): View {
		const breaks = this.#debug.breakpoints.list.map(({ id, places, line }) => ({
			id,
			kind: "breakpoint",
			places: places.map(({ program, slot }) => ({ program, slot, at: this.#placeName(program, slot) })),
			...(line === undefined ? {} : { line }),
		}));
		const watches = this.#debug.watches.map(({ id, target }) => ({ id, kind: "watch", target }));
		const all = [...breaks, ...watches].filter(({ id }) => only === undefined || id === only);
		const text = all
			.map((each) => {
				if ("target" in each) return `watch ${each.id}: ${this.#targetName(each.target)}\n`;
				const [first] = each.places;
				const more = each.places.length > 1 ? ` and ${each.places.length - 1} more` : "";
				return `breakpoint ${each.id}: ${first?.at}, instruction ${first?.slot}${more}\n`;
			})
			.join("");
		return { text: text === "" ? "no breakpoints\n" : text, data: { stops: all } };
	}

	#targetName(target: Debugger["watches"][number]["target"]): string {
		if (target.kind === "register") return `r${target.register}`;
		if (target.kind === "memory") return `${target.size} bytes at ${hex(target.address)}`;
		return `map ${this.#inspector.maps().find(({ id }) => id === target.map)?.name ?? target.map}`;
	}
}

const mark = ({ current, breakpoint }: { readonly current: boolean; readonly breakpoint: boolean }): string =>
	`${breakpoint ? "*" : " "}${current ? ">" : " "}`;

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function frameData(frame: Frame): Record<string, unknown> {
	const { index, programName, slot, source } = frame;
	const at = source === undefined ? {} : { file: source.file, line: source.line, column: source.column };
	return { frame: index, program: programName, function: frame.function, slot, ...at };
}

function stopData(reason: StopReason, debug: Debugger): Record<string, unknown> {
	if (reason.kind === "fault") return { kind: "fault", fault: reason.fault.kind, message: reason.fault.message };
	if (reason.kind !== "watch") return reason;
	const source = debug.symbols(reason.program)?.lineAt(reason.slot);
	return { ...reason, ...(source === undefined ? {} : { file: source.file, line: source.line }) };
}

/** A field of a tracepoint's record: text, a number, or bytes in hex. */
function fieldValue(record: Uint8Array, { ctype, offset, size, signed }: RecordField): unknown {
	const bytes = record.subarray(offset, offset + size);
	if (bytes.length < size) return undefined;
	const little = (part: Uint8Array) => part.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
	const text = (part: Uint8Array) => new TextDecoder().decode(part).replace(/\0.*$/s, "");
	if (ctype.startsWith("__data_loc") || ctype.startsWith("__rel_loc")) {
		const word = Number(little(bytes));
		const start = (word & 0xffff) + (ctype.startsWith("__rel_loc") ? offset + size : 0);
		const part = record.subarray(start, start + (word >>> 16));
		return /char/.test(ctype) ? text(part) : toHex(part);
	}
	if (/\bchar\b.*\[/.test(ctype)) return text(bytes);
	if (size > 8 || /\[/.test(ctype)) return toHex(bytes);
	if (ctype.includes("*")) return hex(little(bytes));
	return signed ? BigInt.asIntN(size * 8, little(bytes)) : little(bytes);
}

const ROW = 16;

/** Sixteen bytes a line: address, hex, text. */
function dump(address: number, bytes: Uint8Array): string {
	let text = "";
	for (let at = 0; at < bytes.length; at += ROW) {
		const row = bytes.subarray(at, at + ROW);
		const digits = [...row].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
		const letters = [...row].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
		text += `${hex(address + at, 8)}  ${digits.padEnd(ROW * 3)} ${printable(letters)}\n`;
	}
	return text;
}
