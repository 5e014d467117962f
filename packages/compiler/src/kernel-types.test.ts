// Words whose meaning only the running kernel knows, proved there: compiled, loaded by our own loader, and looked at.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { onKernel } from "./collection.test-support.ts";

const run = (): number => spawnSync("/usr/bin/true").pid;

test("exists() answers by the running kernel, and its answer narrows", (t) => {
	onKernel(
		t,
		`import { array, enums, exists, i64, tpBtf, type u64 } from "skep";
import type { task_struct } from "skep/kernel";
const out = array<u64>(8);
function stateOf(task: task_struct): i64 { if (exists(task.__state)) return i64(task.__state); if (exists(task.state)) return task.state; return -1n; }
export const program = tpBtf("sched_process_exec", (task) => {
	out.set(0, exists(task.__state) ? 1n : 2n);
	out.set(1, exists(task.state) ? 1n : 2n);
	out.set(2, stateOf(task) >= 0n ? 1n : 2n);
	out.set(3, exists(enums.bpf_map_type.BPF_MAP_TYPE_RINGBUF) && exists(enums.tcp_state.TCP_CLOSE) ? 1n : 2n);
	if (exists(task.__state) && !exists(task.state)) out.set(4, 7n);
	const there = exists(task.__state);
	out.set(5, there ? 1n : 2n);
	out.set(6, 9n);
});`
			.replace("i64, tpBtf", "i64, type i64 as I64, tpBtf")
			.replace("): i64", "): I64"),
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
