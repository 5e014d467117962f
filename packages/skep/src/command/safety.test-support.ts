// With a bpffs of its own at /sys/fs/bpf: the same lines on both kernels in one process, of pins, loading and what is refused.
import { fileURLToPath } from "node:url";
import { encode, insn } from "@skep/bpf/isa";
import type { Kernel, ObjectKind } from "@skep/bpf/kernel";
import { attachRawTracepoint, BpfMap, ids, Program } from "@skep/bpf/live";
import { chooseKernel, openVirtual } from "#backend";
import { Front } from "./desk.test-support.ts";
import { Teller } from "./teller.test-support.ts";

const OBJECT = fileURLToPath(new URL("../../../bpf/testdata/collection/exec.bpf.o", import.meta.url));
const FS = "/sys/fs/bpf";

function load(kernel: Kernel, name: string): Program {
	const insns = encode([insn.mov(64, 0, { imm: 0 }), insn.exit()]);
	return Program.load(kernel, { name, type: "raw_tracepoint", insns, license: "GPL" });
}

/** Everything of ours that a refusal might have changed: which objects there are, what is pinned, what stands in a map. */
function state(kernel: Kernel, own: ReadonlySet<string>, map: BpfMap): string {
	const there = (["prog", "map", "link", "btf"] as const satisfies readonly ObjectKind[]).flatMap((kind) =>
		[...ids(kernel, kind)].map((id) => `${kind} ${id}`).filter((each) => own.has(each)),
	);
	const entries = [...map.entries()].map(([key, value]) => `${key}=${value}`);
	const pins = kernel.folders.list(FS);
	return JSON.stringify([
		there,
		entries,
		Array.isArray(pins) ? pins.map((each: { readonly name: string }) => each.name) : pins,
	]);
}

/** Lines that are refused, and change nothing. */
const refusals = (map: number, jobs: number, prog: number, link: number): readonly string[] => [
	"prog show id 4294967295",
	"map show id 0",
	"map dump id 4294967295",
	"link show id 4294967295",
	"btf show id 4294967295",
	"prog show id seven",
	"prog show name nobody_is_called_so",
	"map show name countz",
	"prog pin name twins /sys/fs/bpf/twins",
	"prog dump xlated name twins file /tmp/never",
	"link detach id 4294967295",
	`map update id ${map} key 1 0 0 value 1 0 0 0 0 0 0 0`,
	`map update id ${map} key 1 0 0 0 0 value 1 0 0 0 0 0 0 0`,
	`map update id ${map} key 1 0 0 0 value 1`,
	`map update id ${map} key 1 0 0 0 value 1 0 0 0 0 0 0 0 exist`,
	`map update id ${map} key 7 0 0 0 value 1 0 0 0 0 0 0 0 noexist`,
	`map update id ${map} key 300 0 0 0 value 1 0 0 0 0 0 0 0`,
	`map lookup id ${map} key hex 01 00 00`,
	`map lookup id ${map}`,
	`map lookup id ${map} key json 7`,
	`map delete id ${map} key 9 0 0 0`,
	`map delete id ${map}`,
	`map push id ${map} value 1 0 0 0`,
	`map lookup id ${jobs} key 1 0 0 0`,
	`map create ${FS}/x type hash key 4 value 8 entries 0 name x`,
	`map create ${FS}/counts type hash key 4 value 8 entries 1 name x`,
	`map create ${FS}/x type hash key 4 value 8 entries 1 name has-dash`,
	`map create ${FS}/x type hash key 4 value 8 entries 1`,
	`map pin id ${map} ${FS}/counts`,
	`map pin id ${map} ${FS}/with.dot`,
	`map pin id ${map} /tmp/no-bpffs`,
	`map show pinned ${FS}/watch`,
	`prog show pinned ${FS}/counts`,
	`link show pinned ${FS}/counts`,
	`prog show pinned ${FS}/nothing`,
	`prog run id ${prog} data_in /no/such/file`,
	`prog attach id ${prog} sk_msg_verdic id ${map}`,
	`prog load ${OBJECT} ${FS}/counts`,
	`prog load /no/such/object.o ${FS}/new`,
	`prog load ${OBJECT} ${FS}/new type nonsense`,
	`prog load ${OBJECT} ${FS}/new map name nope id ${map}`,
	`prog load ${OBJECT} ${FS}/new map name lost id ${map}`,
	`prog load ${OBJECT} ${FS}/new dev nosuch0`,
	"prog load",
	`link detach id ${link}`,
	"cgroup show /sys/fs/cgroup/no/such/cgroup",
	"cgroup attach",
	`cgroup attach /sys/fs/cgroup cgroup_inet id ${prog}`,
	`net attach tcx id ${prog} dev lo`,
	`map create ${FS}/x type lru key 4 value 8 entries 1 name x`,
	"net attach xdp",
	`net attach xdp id ${prog} dev lo overwrit more`,
	"struct_ops show id 4294967295",
	"btf dump map id 4294967295",
	`btf dump map id ${map}`,
	"btf dump file /no/such/file",
	"gen skeleton /no/such/file.o",
	"prog shwo",
	"map dmup id 1",
	"net atach",
	"prog show id",
	"prog show id 1 more",
	"iter pin /no/such/file.o /sys/fs/bpf/x",
];

/** Lines that do something, with pins. */
const WORK: readonly string[] = [
	`map create ${FS}/made type array key 4 value 4 entries 2 name made`,
	`map show pinned ${FS}/made`,
	`map update pinned ${FS}/made key 1 0 0 0 value 7 0 0 0`,
	`map dump pinned ${FS}/made`,
	`prog load ${OBJECT} ${FS}/first`,
	`prog loadall ${OBJECT} ${FS}/all pinmaps ${FS}/maps`,
	`prog load ${OBJECT} ${FS}/again map name events pinned ${FS}/maps/events`,
];

async function tellAll(
	front: Front,
): Promise<{ readonly refused: readonly string[]; readonly worked: readonly string[] }> {
	const { kernel } = front;
	using map = BpfMap.create(kernel, { name: "counts", type: "hash", keySize: 4, valueSize: 8, maxEntries: 4 });
	using jobs = BpfMap.create(kernel, { name: "jobs", type: "queue", keySize: 0, valueSize: 4, maxEntries: 2 });
	using one = BpfMap.create(kernel, { name: "twin", type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
	using two = BpfMap.create(kernel, { name: "twin", type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
	using program = load(kernel, "watch");
	using twin = load(kernel, "twins");
	using other = load(kernel, "twins");
	using link = attachRawTracepoint(program, "sched_process_exit");
	map.update(new Uint8Array([7, 0, 0, 0]), new Uint8Array(8));
	map.pin(`${FS}/counts`);
	program.pin(`${FS}/watch`);
	const teller = new Teller(front);
	const named: [number, string, string][] = [
		[map.info().id, "MAP", "map"],
		[jobs.info().id, "JOBS", "map"],
		[one.info().id, "TWIN1", "map"],
		[two.info().id, "TWIN2", "map"],
		[program.info().id, "PROG", "prog"],
		[twin.info().id, "TWINS1", "prog"],
		[other.info().id, "TWINS2", "prog"],
		[link.info()!.id, "LINK", "link"],
	];
	for (const [id, name] of named) teller.name(id, name);
	const own = new Set(named.map(([id, , kind]) => `${kind} ${id}`));
	const before = state(kernel, own, map);
	for (const line of refusals(map.info().id, jobs.info().id, program.info().id, link.info()!.id))
		await teller.tell(line, "");
	if (state(kernel, own, map) !== before) teller.told.push(`changed: ${before} → ${state(kernel, own, map)}`);
	const refused = [...teller.told];
	const worker = new Teller(front);
	for (const line of WORK) await worker.tell(line, "");
	for (const path of ["first", "again", "all/on_exec", "all/filter", "maps/counts", "maps/exec_bss"]) {
		const kind = path.startsWith("maps/") ? "map" : "prog";
		const row = (await front.json(`${kind} show pinned ${FS}/${path}`)) as Record<string, unknown>;
		worker.told.push(`${path}: ${row["type"]} ${row["name"]} ${row["max_entries"] ?? ""}`);
	}
	const reused = async (path: string) => (await front.json(path)) as { id: number; map_ids: number[] };
	const { id } = await reused(`map show pinned ${FS}/maps/events`);
	worker.told.push(`again has events: ${(await reused(`prog show pinned ${FS}/again`)).map_ids.includes(id)}`);
	return { refused, worked: worker.told };
}

const virtual = openVirtual();
// Ids that no other number is: they get names.
Object.assign(virtual.system.tables.next, { program: 5_000_001, link: 6_000_001, map: 7_000_001 });
const told = {
	virtual: await tellAll(new Front(virtual)),
	linux: await tellAll(new Front(chooseKernel("linux").kernel)),
};
process.stdout.write(JSON.stringify(told));
