import type { Node } from "#frontend";
import { currentTask } from "./kernel.ts";
import type { Lowering, Want } from "./lowering.ts";
import { int, type PlaceValue, type Value } from "./value.ts";

/** `current.…` and `cpu.…`. */
export function currentMember(l: Lowering, word: string, name: string, node: Node, want: Want = {}): Value {
	l.at(node);
	const half = (value: ReturnType<Lowering["helper"]>, high: boolean): Value => {
		const v = int(
			32,
			false,
			l.b.emit({ op: "truncate" }, [high ? l.binary("lshr", value, l.constant(32, 64), 64) : value], 32),
		);
		v.inst!.name = name;
		return v;
	};
	switch (`${word}.${name}`) {
		// The passes make one call of several.
		case "current.pid":
			return half(l.helper(14, "bpf_get_current_pid_tgid", []), true);
		case "current.tid":
			return half(l.helper(14, "bpf_get_current_pid_tgid", []), false);
		case "current.uid":
			return half(l.helper(15, "bpf_get_current_uid_gid", []), false);
		case "current.gid":
			return half(l.helper(15, "bpf_get_current_uid_gid", []), true);
		case "current.cgroupId":
			return int(64, false, l.helper(80, "bpf_get_current_cgroup_id", []));
		case "current.comm": {
			const type = { kind: "chars", size: 16 } as const;
			const direct =
				want.into &&
				want.type?.kind === "chars" &&
				want.type.size >= 16 &&
				(want.into.space === "stack" || want.into.space === "ringbuf" || want.into.space === "map_value");
			const to: PlaceValue = direct ? want.into! : l.temporary("comm", type, false);
			if (direct && to.type.kind === "chars" && to.type.size > 16)
				l.zero(to.base, to.offset, to.type.size, to.align as 1 | 2 | 4 | 8);
			l.helper(16, "bpf_get_current_comm", [l.address(to), l.constant(16, 64)]);
			return direct ? to : to;
		}
		case "current.task":
			return currentTask(l, node);
		case "cpu.id":
			return int(32, false, l.b.emit({ op: "truncate" }, [l.helper(8, "bpf_get_smp_processor_id", [])], 32));
		case "cpu.numaNode":
			return int(32, false, l.b.emit({ op: "truncate" }, [l.helper(42, "bpf_get_numa_node_id", [])], 32));
		default:
			return l.error(
				"SK1009",
				node["property"],
				`${word} has no member ${name}`,
				name === "ppid" ? "write current.task.real_parent.tgid" : undefined,
			);
	}
}
