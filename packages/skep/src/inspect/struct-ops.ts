import { Btf } from "@skep/bpf/btf";
import type { Kernel, MapInfo } from "@skep/bpf/kernel";
import { btfOf, openById } from "@skep/bpf/live";
import { MAP_TYPES } from "@skep/bpf/uapi";
import { everyObject, infoOf } from "./objects.ts";
import { functionsOf } from "./programs.ts";
import { jsonReader } from "./typed-json.ts";
import { typeText } from "./xlated.ts";

/** A table of functions that programs are, as `bpftool -j struct_ops show` tells it. */
export interface StructOpsRow {
	readonly id: number;
	readonly name: string;
	/** The kernel's struct: `tcp_congestion_ops`. */
	readonly kernel_struct_ops: string;
}

const PREFIX = "bpf_struct_ops_";

/** The row of the map behind a descriptor; undefined: it is of another type. @throws BpfError */
export function structOpsRow(kernel: Kernel, types: Btf, fd: number): StructOpsRow | undefined {
	const info = infoOf(kernel, "map", fd);
	if (info.type !== MAP_TYPES.struct_ops.value) return undefined;
	return { id: info.id, name: info.name, kernel_struct_ops: valueName(types, info).slice(PREFIX.length) };
}

const valueName = (types: Btf, info: MapInfo): string => {
	const id = info.btf_vmlinux_value_type_id;
	return id > 0 && id <= types.count ? types.name(id) : PREFIX;
};

/** Descriptors of all tables; each is closed when the next is asked for. */
export function* everyStructOps(kernel: Kernel): Generator<number, void, undefined> {
	for (const fd of everyObject(kernel, "map"))
		if (infoOf(kernel, "map", fd).type === MAP_TYPES.struct_ops.value) yield fd;
}

/** The kernel's types, for the tables. Undefined: it shows none. */
export function kernelTypes(kernel: Kernel): Btf | undefined {
	const bytes = kernel.btf();
	return typeof bytes === "number" ? undefined : Btf.decode(bytes, { section: "vmlinux" });
}

/**
 * The map and what stands in it, as JSON texts of one object each with bpftool's keys: programs by prototype, name and id.
 * `value`: of the map's only entry.
 */
export function structOpsDump(kernel: Kernel, types: Btf, fd: number, value: Uint8Array): readonly [string, string] {
	const info = infoOf(kernel, "map", fd);
	const read = jsonReader(types, info.btf_vmlinux_value_type_id, (proto, program) => {
		const name = program === 0n ? "0" : `${programName(kernel, Number(program))}/prog_id:${program}`;
		return `${prototypeText(types, proto)} ${name}`;
	});
	const text = read(new DataView(value.buffer, value.byteOffset, value.byteLength), 0);
	return [
		`{"bpf_map_info":${JSON.stringify(plainInfo(types, info))}}`,
		`{${JSON.stringify(valueName(types, info))}:${text}}`,
	];
}

/** What the kernel says of a map, with the members that its struct has. */
function plainInfo(types: Btf, info: MapInfo): object {
	const id = types.find("bpf_map_info", "struct");
	const struct = id === undefined ? undefined : types.type(id);
	const names = struct?.kind === "struct" ? struct.members.map(({ name }) => name) : Object.keys(info);
	const told = info as unknown as Readonly<Record<string, unknown>>;
	return Object.fromEntries(
		names.filter((name) => name !== "").map((name) => [name, name === "name" ? info.name : Number(told[name] ?? 0)]),
	);
}

/** `void (struct sock *, u32)`. */
function prototypeText(types: Btf, id: number): string {
	const proto = types.type(id);
	if (proto.kind !== "func_proto") return "void ()";
	const params = proto.params.map((each) => (each.type === 0 ? "..." : typeText(types, each.type)));
	return `${typeText(types, proto.ret)} (${params.length === 0 ? "void" : params.join(", ")})`;
}

function programName(kernel: Kernel, id: number): string {
	const fd = openById(kernel, "prog", id);
	if (fd === undefined) return "";
	try {
		const info = infoOf(kernel, "prog", fd);
		if (info.btf_id === 0 || info.nr_func_info === 0) return info.name;
		return functionsOf(kernel, fd, info, btfOf(kernel, info.btf_id, `program ${info.name}`))[0]?.name ?? info.name;
	} finally {
		kernel.close(fd);
	}
}
