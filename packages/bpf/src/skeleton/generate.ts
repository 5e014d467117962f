import { BpfError } from "#base";
import type { CollectionSpec, MapSpec } from "#spec";
import { encodeBase64 } from "./base64.ts";
import { Declarations } from "./declarations.ts";
import { className, commentText, Names, propertyName } from "./names.ts";
import { isRing, type RecordNames, recordType } from "./records.ts";

export interface SkeletonTextOptions {
	/** Of the class, made of it: `my-tool` → `MyTool`. Default: the collection's name. */
	readonly name?: string;
	/** The object, to become part of the module. Absent: `open` takes its bytes. */
	readonly object?: Uint8Array;
	/** Where the object is read from at run time, relative to the module; instead of `object`, by node:fs. */
	readonly path?: string;
	/** Records of ring buffers whose type neither the object's manifest nor the map's definition says: struct by map. */
	readonly records?: RecordNames;
	/** For the comment: what made it. */
	readonly from?: string;
}

const IMPORTED = ["Skeleton", "BpfMap", "Program", "TypedMap", "Records", "SkeletonOptions", "readFileSync"];
/** Names of the language's own that a struct must not take away from the module. */
const GLOBAL = ["Array", "Record", "URL", "Uint8Array", "Disposable"];
/** What a map of such a type holds is no plain value of user space's. */
const UNTYPED: ReadonlySet<string> = new Set([
	"prog_array",
	"array_of_maps",
	"hash_of_maps",
	"user_ringbuf",
	"cgroup_array",
	"devmap",
	"devmap_hash",
	"cpumap",
	"xskmap",
	"sockmap",
	"sockhash",
	"reuseport_sockarray",
	"struct_ops",
	"arena",
	"stack_trace",
]);
const PER_CPU: ReadonlySet<string> = new Set([
	"percpu_hash",
	"percpu_array",
	"lru_percpu_hash",
	"percpu_cgroup_storage",
]);
const SECTION = /^\.(rodata|data|bss|kconfig)(\.|$)/;
const LINE = 100;

/**
 * A module in TypeScript with the object's maps, variables and programs by name and type. Same spec, same text.
 * @throws BpfError ERR_NO_TYPE, ERR_NO_MAP for records of a struct or a ring buffer that is not there
 */
export function generateSkeleton(spec: CollectionSpec, options: SkeletonTextOptions = {}): string {
	checkRecords(spec, options.records);
	const name = className(options.name ?? spec.name);
	const names = new Names([...IMPORTED, ...GLOBAL, name, `${name}Maps`, `${name}Programs`]);
	const sections = sectionsOf(spec);
	const taken = new Map(sections.map((s) => [s.name, names.take(name + className(s.property))]));
	const types = spec.btf ? new Declarations(spec.btf, names) : undefined;
	const used = new Set<string>(["Skeleton"]);

	const maps = [...spec.maps.values()]
		.filter((m) => !SECTION.test(m.name))
		.map((m) => {
			const type = isRing(m) ? ringType(m, spec, types, options.records) : mapType(m, types);
			used.add(type.replace(/<.*/s, ""));
			return `\treadonly ${propertyName(m.name)}: ${type}${m.autocreate === false ? " | undefined" : ""};\n`;
		});
	const programs = [...spec.programs.values()].map((p) => {
		used.add("Program");
		return `\t/** Section \`${commentText(p.section)}\`. */\n\treadonly ${propertyName(p.name)}: Program${p.autoload ? "" : " | undefined"};\n`;
	});
	const variables = sections.map((s) => {
		const lines = s.variables.map((v) => {
			const type = v.type === 0 ? undefined : types?.of(v.type);
			return `\t${propertyName(v.name)}: ${type ?? "Uint8Array"};\n`;
		});
		return `/** Variables of \`${commentText(s.name)}\`${s.frozen ? "; they can be set before load" : ""}. */\nexport interface ${taken.get(s.name)} {\n${lines.join("")}}\n`;
	});
	const live = ["BpfMap", "Program", "TypedMap"].filter((n) => used.has(n));
	const where = options.path === undefined ? "" : 'import { readFileSync } from "node:fs";\n';
	const given = options.object === undefined && options.path === undefined;
	return [
		`// Made by skep of ${commentText(options.from ?? spec.name)}. Not to be edited: make it anew.\n`,
		`${where}${live.length > 0 ? `import type { ${live.join(", ")} } from "@skep/bpf/live";\n` : ""}import { ${used.has("Records") ? "type Records, " : ""}Skeleton, type SkeletonOptions } from "@skep/bpf/skeleton";\n`,
		`\n${[`/** The maps of ${name}, there once it is loaded. */\nexport interface ${name}Maps {\n${maps.join("")}}\n`, `/** The programs of ${name}, there once it is loaded. */\nexport interface ${name}Programs {\n${programs.join("")}}\n`, ...variables, ...(types?.text ? [types.text] : [])].join("\n")}`,
		`
/**
 * \`open\`, set variables, \`load\`, \`attach\`; \`using\` closes it:
 *
 *     using it = ${name}.open({ kernel: openLinux()${given ? ", object: bytes" : ""} });   // openLinux: @skep/linux
 *     it.load().attach();
 */
export class ${name} extends Skeleton<${name}Maps, ${name}Programs> {
${sections.map((s) => `\treadonly ${s.property} = this.section<${taken.get(s.name)}>(${JSON.stringify(s.name)});\n`).join("")}
\t/** Reads the object; nothing is asked of the kernel yet. */
\tstatic open(options: SkeletonOptions${given ? " & { readonly object: Uint8Array }" : ""}): ${name} {
\t\treturn new ${name}({ name: ${JSON.stringify(spec.name)}, object: ${objectText(options)}${options.records ? `, records: ${JSON.stringify(options.records)}` : ""} }, options);
\t}
}
`,
		options.object === undefined ? "" : `\nconst OBJECT = \`\n${base64Lines(options.object)}\n\`;\n`,
	].join("");
}

function objectText({ object, path }: SkeletonTextOptions): string {
	if (object !== undefined) return "OBJECT";
	return path === undefined ? "options.object" : `readFileSync(new URL(${JSON.stringify(path)}, import.meta.url))`;
}

function base64Lines(object: Uint8Array): string {
	const text = encodeBase64(object);
	const lines: string[] = [];
	for (let at = 0; at < text.length; at += LINE) lines.push(text.slice(at, at + LINE));
	return lines.join("\n");
}

interface Section {
	/** `.data.mine` */
	readonly name: string;
	/** `data_mine` */
	readonly property: string;
	readonly frozen: boolean;
	readonly variables: readonly { readonly name: string; readonly type: number }[];
}

/** Data sections that have variables. */
function sectionsOf(spec: CollectionSpec): Section[] {
	const properties = new Names(["maps", "programs", "load", "attach", "section", "close", "spec", "kernel"]);
	const found: Section[] = [];
	for (const m of spec.maps.values()) {
		if (!SECTION.test(m.name) || m.name.startsWith(".kconfig")) continue;
		const variables = [...spec.variables.values()].filter((v) => v.map === m.name);
		if (variables.length === 0) continue;
		found.push({ name: m.name, property: properties.take(m.name.slice(1)), frozen: m.frozen, variables });
	}
	return found;
}

function ringType(
	m: MapSpec,
	spec: CollectionSpec,
	types: Declarations | undefined,
	records: RecordNames | undefined,
): string {
	const id = recordType(m, spec, records);
	return `Records<${(id === 0 ? undefined : types?.of(id)) ?? "Uint8Array"}>`;
}

function checkRecords(spec: CollectionSpec, records: RecordNames = {}): void {
	for (const name of Object.keys(records)) {
		const map = spec.maps.get(name);
		if (map && isRing(map)) continue;
		const rings = [...spec.maps.values()].filter(isRing).map((each) => each.name);
		throw new BpfError(
			"ERR_NO_MAP",
			`${spec.name} has no ring buffer ${name}; there are: ${rings.join(", ") || "none"}`,
		);
	}
}

function mapType(m: MapSpec, types: Declarations | undefined): string {
	if (isRing(m) || UNTYPED.has(m.type) || m.keyType === 0 || m.valueType === 0) return "BpfMap";
	const key = types?.of(m.keyType);
	const value = types?.of(m.valueType);
	if (key === undefined || value === undefined) return "BpfMap";
	return `TypedMap<${key}, ${PER_CPU.has(m.type) ? `Array<${value}>` : value}>`;
}

/** Whether the skeleton of a spec has this map typed: what runs must agree with what is written. */
export function isTyped(m: MapSpec, spec: CollectionSpec): boolean {
	return spec.btf !== undefined && mapType(m, new Declarations(spec.btf, new Names([]))) !== "BpfMap";
}

/** Maps that hold variables. */
export const isSection = (name: string): boolean => SECTION.test(name);
