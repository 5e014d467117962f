// The whole road in a page: fetches an XDP program's sources and a capture, compiles, loads into the virtual kernel and
// shows a row per packet, the records and the maps. `?entry=FILE&capture=FILE`, both by their paths in the repository.
import { SyscallError } from "@skep/bpf/base";
import { Btf, readValue, recordDecoder, type Value } from "@skep/bpf/btf";
import { readCapture } from "@skep/bpf/capture";
import { Collection } from "@skep/bpf/collection";
import { RingBufferReader } from "@skep/bpf/live";
import { readObject } from "@skep/bpf/object";
import type { CollectionSpec } from "@skep/bpf/spec";
import { XDP_ACTION } from "@skep/bpf/uapi";
import { type CompileInput, compile } from "@skep/compiler";
import { decodeTracepoints } from "@skep/compiler/declare";
import { formatDiagnostics } from "@skep/compiler/diagnostics";
import { VirtualKernel, virtualBtf } from "@skep/vm";

async function get(path: string): Promise<Response> {
	const response = await fetch(new URL(path, new URL("/", location.href)));
	if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
	return response;
}

const bytesOf = async (path: string): Promise<Uint8Array> => new Uint8Array(await (await get(path)).arrayBuffer());

/** Compiles; modules that turn out to be missing are fetched, until none is. */
async function build(input: Omit<CompileInput, "read">): Promise<Uint8Array> {
	const texts = new Map<string, string>();
	for (;;) {
		const missing = new Set<string>();
		const read = (path: string): string | undefined => {
			if (!texts.has(path)) missing.add(path);
			return texts.get(path);
		};
		const { object, diagnostics } = compile({ ...input, read });
		for (const path of missing) texts.set(path, await (await get(path)).text());
		if (missing.size > 0) continue;
		if (object === undefined) throw new Error(formatDiagnostics(diagnostics, read));
		return object;
	}
}

function row(table: string, cells: readonly unknown[]): void {
	const line = document.createElement("tr");
	for (const cell of cells) line.append(Object.assign(document.createElement("td"), { textContent: String(cell) }));
	document.getElementById(table)!.append(line);
}

/** `length 60, tagged true`; a scalar is itself. */
function text(value: Value): string {
	if (typeof value !== "object" || value === null) return String(value);
	return Object.entries(value)
		.map(([name, member]) => `${name} ${text(member)}`)
		.join(", ");
}

const verdictOf = (retval: number): string =>
	Object.entries(XDP_ACTION)
		.find(([, value]) => value === retval)?.[0]
		.replace(/^XDP_/, "") ?? `UNKNOWN (${retval})`;

function* ringsOf(collection: Collection, spec: CollectionSpec) {
	for (const { name, record } of spec.manifest!.maps) {
		if (record === undefined) continue;
		const decode = recordDecoder(spec.btf!, spec.btf!.find(record, "struct")!);
		yield { name, decode, reader: new RingBufferReader(collection.map(name)) };
	}
}

/** The one XDP program gets every packet. */
function runPackets(collection: Collection, spec: CollectionSpec, capture: Uint8Array): void {
	const program = [...collection.programs.values()].find(({ type }) => type === "xdp")!;
	const rings = [...ringsOf(collection, spec)];
	for (const { index, data } of readCapture(capture).packets) {
		let verdict: string;
		try {
			verdict = verdictOf(program.testRun({ data }).retval);
		} catch (error) {
			if (!(error instanceof SyscallError)) throw error;
			verdict = `refused: ${error.code}`;
		}
		row("packets", [index, data.length, verdict]);
		for (const { name, decode, reader } of rings) {
			reader.drain((view, offset) => row("records", [name, index, text(decode(view, offset) as Value)]));
		}
	}
	for (const { reader } of rings) reader.close();
}

/** Entries of maps whose keys are numbers, in their order; the values of the CPUs summed. */
function showMaps(collection: Collection, spec: CollectionSpec): void {
	const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	for (const { name, internal, record } of spec.manifest!.maps) {
		if (internal || record !== undefined) continue;
		const map = collection.map(name);
		const { keyType, valueType } = spec.maps.get(name)!;
		const entries = [...map.entries()].map(([key, values]) => ({
			key: Number(readValue(spec.btf!, keyType, view(key), 0)),
			value: map
				.split(values)
				.reduce((sum, each) => sum + BigInt(readValue(spec.btf!, valueType, view(each), 0) as number | bigint), 0n),
		}));
		for (const { key, value } of entries.sort((a, b) => a.key - b.key)) row("maps", [name, key, value]);
	}
}

function mayMakeCode(): boolean {
	try {
		return new Function("return true")() as boolean;
	} catch (error) {
		if (error instanceof EvalError) return false;
		throw error;
	}
}

async function show(): Promise<void> {
	const query = new URLSearchParams(location.search);
	const entry = query.get("entry")!;
	const [types, table, capture] = await Promise.all([
		bytesOf("packages/compiler/data/kernel.btf"),
		get("packages/compiler/data/tracepoints.json").then((response) => response.json()),
		bytesOf(query.get("capture")!),
	]);
	const btf = Btf.decode(types, { section: "kernel.btf" });
	const tracepoints = decodeTracepoints(table);
	const spec = readObject(await build({ entry, kernel: btf, tracepoints }), { name: entry });
	const kernel = new VirtualKernel({ btf: () => virtualBtf(btf), tracepoints: tracepoints.names() });
	using collection = Collection.load(kernel, spec);
	runPackets(collection, spec, capture);
	showMaps(collection, spec);
}

const state = document.getElementById("state")!;
document.getElementById("code")!.textContent = String(mayMakeCode());
try {
	await show();
	state.textContent = "done";
} catch (error) {
	state.textContent = `failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
