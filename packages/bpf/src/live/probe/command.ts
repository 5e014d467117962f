import { type Attributes, type CommandName, ERRNO, type Kernel } from "#kernel";
import { MAP_TYPES, PROGRAM_TYPES } from "#uapi";
import { type ProbeAnswer, RETURN_0, remembered } from "./ask.ts";

const BAD_FD = 0x7fff_ffff;
const four = (): Uint8Array => new Uint8Array(4);
const batch = () => ({ map_fd: BAD_FD, out_batch: four(), keys: four(), values: four(), count: 1 });

type Asking = { readonly [C in CommandName]?: Attributes[C] };

/** Nobody has so many objects. */
const BAD_ID = 0x7fff_fff0;
const one = () => ({ key: four(), value: four() });

/** Commands asked with a descriptor, id or path that is none: who knows the command looks for it. One row a command. */
// biome-ignore format: table
const ASKING: Asking = {
	MAP_CREATE: { map_type: MAP_TYPES.array.value, key_size: 4, value_size: 4, max_entries: 1 },
	MAP_LOOKUP_ELEM: { map_fd: BAD_FD, ...one() },
	MAP_UPDATE_ELEM: { map_fd: BAD_FD, ...one() },
	MAP_DELETE_ELEM: { map_fd: BAD_FD, key: four() },
	MAP_GET_NEXT_KEY: { map_fd: BAD_FD, next_key: four() },
	PROG_LOAD: { prog_type: PROGRAM_TYPES.socket_filter.value, insns: new Uint8Array(RETURN_0), license: "GPL" },
	OBJ_GET: { pathname: "/no/such/pin" },
	PROG_GET_NEXT_ID: { start_id: 0 },
	MAP_GET_NEXT_ID: { start_id: 0 },
	BTF_GET_NEXT_ID: { start_id: 0 },
	LINK_GET_NEXT_ID: { start_id: 0 },
	PROG_GET_FD_BY_ID: { id: BAD_ID },
	MAP_GET_FD_BY_ID: { id: BAD_ID },
	BTF_GET_FD_BY_ID: { id: BAD_ID },
	LINK_GET_FD_BY_ID: { id: BAD_ID },
	PROG_QUERY: { target_fd: BAD_FD, attach_type: 0 },
	RAW_TRACEPOINT_OPEN: { prog_fd: BAD_FD },
	ENABLE_STATS: { type: 0 },
	PROG_ATTACH: { attach_bpf_fd: BAD_FD, target_fd: BAD_FD, attach_type: 0 },
	PROG_TEST_RUN: { prog_fd: BAD_FD },
	OBJ_GET_INFO_BY_FD: { bpf_fd: BAD_FD, kind: "map", info: {} },
	MAP_LOOKUP_AND_DELETE_ELEM: { map_fd: BAD_FD, value: four() },
	MAP_FREEZE: { map_fd: BAD_FD },
	MAP_LOOKUP_BATCH: batch(),
	MAP_LOOKUP_AND_DELETE_BATCH: batch(),
	MAP_UPDATE_BATCH: batch(),
	MAP_DELETE_BATCH: batch(),
	LINK_CREATE: { prog_fd: BAD_FD, attach_type: 0 },
	LINK_UPDATE: { link_fd: BAD_FD, new_prog_fd: BAD_FD },
	LINK_DETACH: { link_fd: BAD_FD },
	ITER_CREATE: { link_fd: BAD_FD },
	PROG_BIND_MAP: { prog_fd: BAD_FD, map_fd: BAD_FD },
	TOKEN_CREATE: { bpffs_fd: BAD_FD },
	PROG_STREAM_READ_BY_FD: { prog_fd: BAD_FD, stream_id: 1, stream_buf: four() },
};

/** Commands that gave a descriptor. */
const MAKES: ReadonlySet<CommandName> = new Set(["MAP_CREATE", "PROG_LOAD", "ENABLE_STATS"] as const);

/** Whether bpf(2) has a command. `unknown`: it cannot be asked without doing it. @throws PermissionError */
export function probeCommand(kernel: Kernel, command: CommandName): ProbeAnswer {
	const attr = ASKING[command];
	if (!attr) return "unknown";
	return remembered(kernel, `command ${command}`, () => {
		const result = kernel.bpf(command, attr as Attributes[typeof command]);
		if (MAKES.has(command) && result >= 0) kernel.close(result);
		if (result === -ERRNO.EPERM) return "unknown";
		return result === -ERRNO.EINVAL ? "no" : "yes";
	});
}
