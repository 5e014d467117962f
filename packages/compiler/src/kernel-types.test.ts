// Words whose meaning only the running kernel knows, proved there: compiled, loaded by our own loader, and looked at.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { onKernel } from "./collection.test-support.ts";

const run = (): number => spawnSync("/usr/bin/true").pid;
/** Others start programs on this machine too. */
const OURS = `if (task.real_parent.tgid !== ${process.pid}) return;`;

test("exists() answers by the running kernel, and its answer narrows", (t) => {
	onKernel(
		t,
		`import { array, enums, exists, i64, type i64 as I64, tpBtf, type u64 } from "skep";
import type { task_struct } from "skep/kernel";
const out = array<u64>(8);
function stateOf(task: task_struct): I64 { if (exists(task.__state)) return i64(task.__state); if (exists(task.state)) return task.state; return -1n; }
export const program = tpBtf("sched_process_exec", (task) => {
	${OURS}
	out.set(0, exists(task.__state) ? 1n : 2n);
	out.set(1, exists(task.state) ? 1n : 2n);
	out.set(2, stateOf(task) >= 0n ? 1n : 2n);
	out.set(3, exists(enums.bpf_map_type.BPF_MAP_TYPE_RINGBUF) && exists(enums.tcp_state.TCP_CLOSE) ? 1n : 2n);
	if (exists(task.__state) && !exists(task.state)) out.set(4, 7n);
	const there = exists(task.__state);
	out.set(5, there ? 1n : 2n);
	out.set(6, 9n);
});`,
		({ collection, value }) => {
			using _ = collection.attach("program");
			run();
			assert.deepEqual(
				[0, 1, 2, 3, 4, 5, 6].map((i) => value("out", i)),
				[1n, 2n, 1n, 1n, 7n, 1n, 9n],
			);
		},
	);
});

test("enumerators are those of the running kernel", (t) => {
	onKernel(
		t,
		`import { array, enums, tpBtf, u64 } from "skep";
const out = array<u64>(4);
const { PIDTYPE_SID, PIDTYPE_PGID: group } = enums.pid_type;
const kinds = enums.pid_type;
const { TCP_CLOSE } = enums.tcp_state;
export const program = tpBtf("sched_process_exec", (task, old) => {
	${OURS}
	out.set(0, u64(PIDTYPE_SID));
	out.set(1, u64(group * 100 + enums.bpf_map_type.BPF_MAP_TYPE_RINGBUF));
	out.set(2, u64(kinds.PIDTYPE_TGID + TCP_CLOSE + enums.tcp_state.TCP_LISTEN));
	out.set(3, old === kinds.PIDTYPE_SID - 1000 ? 1n : task.tgid > kinds.PIDTYPE_SID ? 2n : 3n);
});`,
		({ collection, value }) => {
			using _ = collection.attach("program");
			run();
			assert.deepEqual(
				[0, 1, 2, 3].map((i) => value("out", i)),
				[3n, 227n, 18n, 2n],
			);
		},
	);
});

test("shared variables and module-level let are memory that lasts", (t) => {
	onKernel(
		t,
		`import { shared, tpBtf, type chars, type i32, type u32, type u64, type u8, type arr } from "skep";
interface Last { pid: i32; comm: chars<16> }
const stats = shared<{ execs: u64; last: u32; paused: boolean; level: u8; limit: i32; who: Last; ring: arr<u32, 4> }>({
	execs: 5n, last: 0, paused: false, level: 3, limit: -7, who: { pid: 4, comm: "none" }, ring: [1, 2, 3, 4],
});
let nth = 0;
let many: u64 = 1000000n;
let on = true;
export const program = tpBtf("sched_process_exec", (task) => {
	${OURS}
	if (stats.paused) return;
	stats.execs += 1n;
	stats.last = 77;
	stats.level = stats.level;
	stats.limit -= 3;
	stats.who.pid = task.tgid;
	stats.who.comm = task.comm;
	stats.ring[nth & 3] = stats.ring[(nth + 1) & 3] + 100;
	if (++nth % 2 === 0) stats.paused = on;
	many += 1n;
	on = !on;
	on = true;
});`,
		({ collection, variable }) => {
			using _ = collection.attach("program");
			run();
			const pid = run();
			run();
			assert.equal(variable("stats_execs").getBigUint64(0, true), 7n, "two more, then paused");
			assert.equal(variable("stats_last").getUint32(0, true), 77);
			assert.equal(variable("stats_paused").getUint8(0), 1);
			assert.equal(variable("stats_level").getUint8(0), 3);
			assert.equal(variable("stats_limit").getInt32(0, true), -13);
			assert.equal(variable("stats_who").getInt32(0, true), pid);
			assert.equal(new TextDecoder().decode(variable("stats_who").buffer.slice(4, 9)), "true\0");
			assert.deepEqual(
				[0, 1, 2, 3].map((i) => variable("stats_ring").getUint32(i * 4, true)),
				[102, 103, 3, 4],
			);
			assert.equal(variable("nth").getInt32(0, true), 2);
			assert.equal(variable("many").getBigUint64(0, true), 1000002n);
		},
	);
});

test("tryRead is undefined where the last read faults", (t) => {
	for (const word of ["tpBtf", "rawTracepoint"])
		onKernel(
			t,
			`import { array, ${word}, tryRead, type u64, u64 as wide } from "skep";
const out = array<u64>(8);
export const program = ${word}("sched_process_exec", (task, old, binprm) => {
	${OURS}
	const mine = tryRead(task.mm.start_stack);
	out.set(0, mine !== undefined && mine > 0n ? 1n : 2n);
	// A pointer that leads nowhere.
	const none = tryRead(task.vfork_done.done);
	out.set(1, none === undefined ? 1n : 2n);
	out.set(2, tryRead(task.tgid) === task.tgid ? 1n : 2n);
	const comm = tryRead(task.comm);
	if (comm !== undefined && comm === "true") out.set(3, 1n);
	const group = tryRead(task.group_leader);
	if (group) out.set(4, wide(group.pid) === wide(task.tgid) ? 1n : 2n);
	out.set(5, (tryRead(task.real_parent.tgid) ?? 77) > 0 ? 1n : 2n);
	const file = tryRead(binprm.filename.readString(64));
	out.set(6, file !== undefined && file.endsWith("/true") ? 1n : 2n);
	out.set(7, tryRead(task.in_execve) !== undefined ? 1n : 2n);
});`,
			({ collection, value }) => {
				using _ = collection.attach("program");
				run();
				assert.deepEqual(
					[0, 1, 2, 3, 4, 5, 6, 7].map((i) => value("out", i)),
					[1n, 1n, 1n, 1n, 1n, 1n, 1n, 1n],
				);
			},
		);
});

test("arrays of structs, bit-fields and members of unions are read as the kernel has them", (t) => {
	for (const word of ["tpBtf", "rawTracepoint"])
		onKernel(
			t,
			`import { array, ${word}, i64, u64, type u64 as wide } from "skep";
const out = array<wide>(16);
let three = 3;
export const program = ${word}("sched_process_exec", (task, old, binprm) => {
	${OURS}
	out.set(0, u64(task.thread_pid.numbers[0].nr));
	out.set(1, u64(task.tgid));
	out.set(2, u64(task.in_execve) + 10n);
	out.set(3, u64(task.sched_reset_on_fork) + 10n);
	out.set(4, u64(binprm.have_execfd) + u64(binprm.secureexec) * 2n + 10n);
	out.set(5, u64(old));
	out.set(6, task.signal.rlim[3].rlim_cur);
	if (three >= 0 && three < 16) out.set(7, task.signal.rlim[three].rlim_cur);
	out.set(8, u64(task.comm[1]));
	out.set(9, u64(task.signal.is_child_subreaper) + 10n);
	out.set(10, task.in_execve ? 1n : 2n);
	out.set(11, task.in_execve === 0 ? 1n : 2n);
});`,
			({ collection, value }) => {
				using _ = collection.attach("program");
				const pid = run();
				const got = Array.from({ length: 12 }, (_, i) => value("out", i));
				assert.deepEqual(got.slice(0, 6), [BigInt(pid), BigInt(pid), 11n, 10n, 10n, BigInt(pid)]);
				assert.equal(got[6], got[7], "constant and variable index");
				assert.equal(got[6], 8n << 20n, "RLIMIT_STACK");
				assert.deepEqual(got.slice(8), [BigInt("r".charCodeAt(0)), 10n, 1n, 2n]);
			},
		);
});

test("sizes, offsets, casts and containers are those of the running kernel", (t) => {
	for (const word of ["tpBtf", "rawTracepoint"])
		onKernel(
			t,
			`import { addressOf, array, cast, containerOf, offsetOf, sizeOf, typeExists, userPtr, ${word}, u64, type arr, type u16, type u32, type u64 as wide } from "skep";
import type { css_set, mm_struct, task_struct } from "skep/kernel";
interface Mine { a: u16; b: wide; c: arr<u32, 3> }
const out = array<wide>(16);
const mine = array<Mine>(1);
export const program = ${word}("sched_process_exec", (task, old, binprm) => {
	${OURS}
	out.set(0, typeExists<css_set>() ? 1n : 2n);
	out.set(1, u64(sizeOf(task.comm)));
	out.set(2, u64(sizeOf<Mine>()) + u64(offsetOf<Mine>("c")) * 100n);
	out.set(3, u64(sizeOf<task_struct>()));
	out.set(4, u64(offsetOf<task_struct>("comm")));
	const again = containerOf<task_struct>(task.sibling, "sibling");
	out.set(5, u64(again.tgid) - u64(task.tgid) + 1n);
	const mm = cast<mm_struct>(addressOf(task.mm));
	out.set(6, mm.start_stack === task.mm.start_stack ? 1n : 2n);
	const parent = cast<task_struct>(task.real_parent);
	out.set(7, parent.tgid === task.real_parent.tgid ? 1n : 2n);
	const text = userPtr(task.mm.arg_start).readString(32);
	out.set(8, text.endsWith("true") ? 1n : 2n);
	const word = userPtr<wide>(task.mm.env_end).read();
	out.set(9, word === userPtr<wide>(task.mm.env_end).read() ? 1n : 2n);
	const m = mine.ref(0);
	if (m) out.set(10, u64(sizeOf(m.c)) + u64(sizeOf(m)) * 100n);
	out.set(11, addressOf(task) === addressOf(task.group_leader) ? 1n : 2n);
});`,
			({ collection, value }) => {
				using _ = collection.attach("program");
				run();
				const got = Array.from({ length: 12 }, (_, i) => value("out", i));
				assert.deepEqual(got.slice(0, 3), [1n, 16n, 1632n]);
				assert.ok(got[3]! > 3000n && got[4]! > 500n && got[4]! < got[3]!, `${got[3]} ${got[4]}`);
				assert.deepEqual(got.slice(5), [1n, 1n, 1n, 1n, 1n, 3212n, 1n]);
			},
		);
});
