import { type Attributes, type CommandName, ERRNO, type Kernel } from "#kernel";
import { type ProbeAnswer, remembered } from "./ask.ts";

const BAD_FD = 0x7fff_ffff;
const four = (): Uint8Array => new Uint8Array(4);
const batch = () => ({ map_fd: BAD_FD, out_batch: four(), keys: four(), values: four(), count: 1 });

type Asking = { readonly [C in CommandName]?: Attributes[C] };

/** Commands asked with a descriptor that is none: who knows the command looks at it. One row a command; the others are older than any kernel. */
// biome-ignore format: table
const ASKING: Asking = {
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

/** Whether bpf(2) has a command. `unknown`: it cannot be asked without doing it. @throws PermissionError */
export function probeCommand(kernel: Kernel, command: CommandName): ProbeAnswer {
	const attr = ASKING[command];
	if (!attr) return "unknown";
	return remembered(kernel, `command ${command}`, () => {
		const result = kernel.bpf(command, attr as Attributes[typeof command]);
		if (result === -ERRNO.EPERM) return "unknown";
		return result === -ERRNO.EINVAL ? "no" : "yes";
	});
}
