import type { CommandName } from "@skep/bpf/kernel";
import type { Text } from "./text.ts";

/** A command of bpf(2): besides, the members of its attributes, what it gives, and who may. */
export interface CommandText extends Text {
	/** `name: meaning`, in the order in which people fill them in. */
	readonly attributes: readonly string[];
	readonly result: string;
	readonly needs: string;
}

const BY_FD = "nothing but the descriptor";
const IDS = "CAP_SYS_ADMIN";

/** One entry a command, in the order of their numbers. */
// biome-ignore format: table
export const COMMAND_TEXTS: Readonly<Record<CommandName, CommandText>> = {
	MAP_CREATE: {
		text: "Makes a map. The kernel reserves its memory (at once for arrays and preallocated hashes) and charges it to the caller's memory cgroup; before 5.11 to RLIMIT_MEMLOCK.",
		attributes: ["map_type: what kind of map", "key_size: bytes of a key", "value_size: bytes of a value", "max_entries: how many entries at most; of ring buffers: bytes", "map_flags: BPF_F_NO_PREALLOC and its kin", "map_name: at most 15 characters", "btf_fd, btf_key_type_id, btf_value_type_id: types of keys and values", "inner_map_fd: of maps of maps: a map like those that go in"],
		result: "a descriptor of the map", needs: "CAP_BPF; sockmaps, devmaps and xskmaps CAP_NET_ADMIN besides; hashes, arrays and ring buffers nothing, where kernel.unprivileged_bpf_disabled is 0",
		example: "int fd = bpf_map_create(BPF_MAP_TYPE_HASH, \"counts\", 4, 8, 1024, NULL);", see: ["MAP_UPDATE_ELEM", "MAP_FREEZE", "hash", "array"],
	},
	MAP_LOOKUP_ELEM: {
		text: "Copies the value of a key to user space. Of a per-CPU map it copies one value for each possible CPU, each rounded up to 8 bytes.",
		attributes: ["map_fd: the map", "key: bytes of the key", "value: where the value goes", "flags: BPF_F_LOCK copies under the value's spin lock; BPF_F_CPU (newer kernels) takes the value of one CPU"],
		result: "0; ENOENT where no such key is", needs: "read access to the map",
		example: "err = bpf_map_lookup_elem(fd, &key, &value);", see: ["MAP_LOOKUP_BATCH", "MAP_GET_NEXT_KEY", "bpf_map_lookup_elem"],
	},
	MAP_UPDATE_ELEM: {
		text: "Writes an entry. BPF_ANY makes or replaces it, BPF_NOEXIST only makes it, BPF_EXIST only replaces it.",
		attributes: ["map_fd: the map", "key: bytes of the key", "value: bytes of the value; of per-CPU maps one a CPU", "flags: BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK"],
		result: "0; EEXIST, ENOENT by the flags; E2BIG where the map is full", needs: "write access to the map",
		example: "err = bpf_map_update_elem(fd, &key, &value, BPF_ANY);", see: ["MAP_UPDATE_BATCH", "MAP_FREEZE", "bpf_map_update_elem"],
	},
	MAP_DELETE_ELEM: {
		text: "Removes an entry by its key. Entries of arrays cannot be removed: they always exist.",
		attributes: ["map_fd: the map", "key: bytes of the key"],
		result: "0; ENOENT where no such key is; EINVAL of arrays", needs: "write access to the map",
		example: "err = bpf_map_delete_elem(fd, &key);", see: ["MAP_DELETE_BATCH", "bpf_map_delete_elem"],
	},
	MAP_GET_NEXT_KEY: {
		text: "Walks through keys: gives the one after `key`, or the first where `key` is absent or gone. A hash that changes meanwhile may show a key twice or start again.",
		attributes: ["map_fd: the map", "key: the key before; absent: begin", "next_key: where the next one goes"],
		result: "0; ENOENT after the last", needs: "read access to the map",
		example: "for (void *k = NULL; !bpf_map_get_next_key(fd, k, &next); k = &next) …", see: ["MAP_LOOKUP_BATCH"],
	},
	PROG_LOAD: {
		text: "Hands instructions to the verifier and, where it accepts them, makes a program of them that can be attached. The log says why it refuses.",
		attributes: ["prog_type: what kind of program", "insns, insn_cnt: the instructions", "license: text; GPL-compatible for helpers that want it", "log_level, log_buf, log_size: the verifier's log", "expected_attach_type: of types that have several hooks", "attach_btf_id, attach_btf_obj_fd, attach_prog_fd: what tracing, LSM and ext programs are for", "prog_flags: BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS …", "prog_btf_fd, func_info, line_info: types and source lines", "signature, keyring_id: checked before anything else (6.18)"],
		result: "a descriptor of the program; EINVAL, EACCES: refused, the log says why", needs: "CAP_BPF; CAP_PERFMON for tracing types, CAP_NET_ADMIN for networking types",
		example: "int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, \"drop\", \"GPL\", insns, 2, NULL);", see: ["PROG_ATTACH", "LINK_CREATE", "PROG_TEST_RUN"],
	},
	OBJ_PIN: {
		text: "Gives a map, program or link a name in a BPF file system, which keeps it alive without any process.",
		attributes: ["bpf_fd: the object", "pathname: a path in a bpffs that is not there yet", "path_fd, BPF_F_PATH_FD: the path is relative to that folder (6.5)"],
		result: "0; EPERM where the path is in no bpffs", needs: "write permission on the folder",
		example: "err = bpf_obj_pin(fd, \"/sys/fs/bpf/counts\");", see: ["OBJ_GET"],
	},
	OBJ_GET: {
		text: "Opens what is pinned at a path and gives a descriptor of it.",
		attributes: ["pathname: the pin", "file_flags: BPF_F_RDONLY or BPF_F_WRONLY; 0: both"],
		result: "a descriptor; ENOENT, EACCES as with files", needs: "permission on the file",
		example: "int fd = bpf_obj_get(\"/sys/fs/bpf/counts\");", see: ["OBJ_PIN", "OBJ_GET_INFO_BY_FD"],
	},
	PROG_ATTACH: {
		text: "Attaches a program to a cgroup, a network namespace, a sockmap or, since 6.6, a device's tcx or netkit hook, without a link: it stays until PROG_DETACH or until the target goes.",
		attributes: ["target_fd: the cgroup, map …; of devices target_ifindex", "attach_bpf_fd: the program", "attach_type: the hook", "attach_flags: BPF_F_ALLOW_OVERRIDE, BPF_F_ALLOW_MULTI, BPF_F_REPLACE, BPF_F_BEFORE, BPF_F_AFTER", "replace_bpf_fd, relative_fd, relative_id: which one it replaces, or stands beside"],
		result: "0", needs: "CAP_NET_ADMIN for networking hooks; CAP_BPF",
		example: "err = bpf_prog_attach(prog_fd, cgroup_fd, BPF_CGROUP_INET_INGRESS, 0);", see: ["PROG_DETACH", "LINK_CREATE"],
	},
	PROG_DETACH: {
		text: "Takes away what PROG_ATTACH attached. What a link holds is not touched: that is LINK_DETACH.",
		attributes: ["target_fd: the cgroup, map …; of devices target_ifindex", "attach_bpf_fd: the program, where several can be attached", "attach_type: the hook"],
		result: "0; ENOENT where nothing is attached", needs: "as PROG_ATTACH",
		example: "err = bpf_prog_detach2(prog_fd, cgroup_fd, BPF_CGROUP_INET_INGRESS);", see: ["PROG_ATTACH", "LINK_DETACH"],
	},
	PROG_TEST_RUN: {
		text: "Runs a program with an input of the caller's, once or `repeat` times, and gives back its result, what it made of the data and how long a run took. Also called PROG_RUN; programs of type syscall run in no other way.",
		attributes: ["test.prog_fd: the program", "test.data_in, data_size_in: a packet", "test.data_out, data_size_out: where the packet goes afterwards", "test.ctx_in, ctx_out: the context", "test.repeat: how often", "test.flags: BPF_F_TEST_XDP_LIVE_FRAMES, BPF_F_TEST_RUN_ON_CPU", "test.retval, test.duration: filled in; nanoseconds a run"],
		result: "0; ENOTSUPP (524) where the type has no test run", needs: BY_FD,
		example: "LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = pkt, .data_size_in = n);\nerr = bpf_prog_test_run_opts(prog_fd, &o);", see: ["syscall", "xdp"],
	},
	PROG_GET_NEXT_ID: { text: "Gives the lowest program id above `start_id`: with it all programs of the machine are listed.", attributes: ["start_id: from 0", "next_id: filled in"], result: "0; ENOENT after the last", needs: IDS, example: "while (!bpf_prog_get_next_id(id, &id)) …", see: ["PROG_GET_FD_BY_ID"] },
	MAP_GET_NEXT_ID: { text: "Gives the lowest map id above `start_id`: with it all maps of the machine are listed.", attributes: ["start_id: from 0", "next_id: filled in"], result: "0; ENOENT after the last", needs: IDS, example: "while (!bpf_map_get_next_id(id, &id)) …", see: ["MAP_GET_FD_BY_ID"] },
	PROG_GET_FD_BY_ID: { text: "Opens a program by its id. The descriptor keeps the program; the id alone does not.", attributes: ["prog_id: the id"], result: "a descriptor; ENOENT where no program has the id (any more)", needs: IDS, example: "int fd = bpf_prog_get_fd_by_id(id);", see: ["OBJ_GET_INFO_BY_FD"] },
	MAP_GET_FD_BY_ID: { text: "Opens a map by its id, to read, write or both.", attributes: ["map_id: the id", "open_flags: BPF_F_RDONLY or BPF_F_WRONLY; 0: both"], result: "a descriptor; ENOENT where no map has the id (any more)", needs: IDS, example: "int fd = bpf_map_get_fd_by_id(id);", see: ["OBJ_GET_INFO_BY_FD"] },
	OBJ_GET_INFO_BY_FD: {
		text: "Tells what a map, program, link, BTF object or token is: names, sizes, ids of what it uses, instructions, run-time figures. The caller says how long its struct is; the kernel fills in as much.",
		attributes: ["info.bpf_fd: the object", "info.info: a bpf_prog_info, bpf_map_info, bpf_btf_info or bpf_link_info", "info.info_len: bytes of it; the kernel writes how many it filled in"],
		result: "0", needs: "nothing but the descriptor; instructions and addresses are hidden from those who may not see them",
		example: "struct bpf_map_info info = {}; __u32 len = sizeof(info);\nerr = bpf_obj_get_info_by_fd(fd, &info, &len);", see: ["PROG_GET_FD_BY_ID", "ENABLE_STATS"],
	},
	PROG_QUERY: {
		text: "Lists the ids of the programs that are attached to a cgroup, network namespace, sockmap or device hook, in the order in which they run.",
		attributes: ["query.target_fd or target_ifindex: where", "query.attach_type: the hook", "query.query_flags: BPF_F_QUERY_EFFECTIVE: also what parents brought", "query.prog_ids, prog_cnt: filled in", "query.link_ids, revision: of tcx and netkit (6.6)"],
		result: "0; ENOSPC where the array was too short (prog_cnt says how many there are)", needs: "CAP_NET_ADMIN",
		example: "err = bpf_prog_query(cgroup_fd, BPF_CGROUP_INET_INGRESS, 0, &flags, ids, &n);", see: ["PROG_ATTACH"],
	},
	RAW_TRACEPOINT_OPEN: {
		text: "Attaches a raw tracepoint program, or a tracing or LSM program to the function that it was loaded for. The result is a link; LINK_CREATE does the same on newer kernels.",
		attributes: ["raw_tracepoint.name: the tracepoint; absent for programs that name their function at load", "raw_tracepoint.prog_fd: the program", "raw_tracepoint.cookie: a number for bpf_get_attach_cookie (6.10)"],
		result: "a descriptor that holds the attachment", needs: "CAP_PERFMON",
		example: "int fd = bpf_raw_tracepoint_open(\"sched_process_exec\", prog_fd);", see: ["LINK_CREATE", "raw_tracepoint"],
	},
	BTF_LOAD: {
		text: "Hands type information to the kernel, which checks it. Programs and maps then refer to it by descriptor.",
		attributes: ["btf, btf_size: the bytes", "btf_log_buf, btf_log_size, btf_log_level: why it was refused"],
		result: "a descriptor of the BTF", needs: "CAP_BPF",
		example: "int fd = bpf_btf_load(bytes, size, NULL);", see: ["BTF_KIND_FUNC", "PROG_LOAD"],
	},
	BTF_GET_FD_BY_ID: { text: "Opens a BTF object by its id: those of programs, and those of the kernel (vmlinux) and its modules.", attributes: ["btf_id: the id"], result: "a descriptor; ENOENT where none has the id", needs: IDS, example: "int fd = bpf_btf_get_fd_by_id(id);", see: ["BTF_GET_NEXT_ID", "OBJ_GET_INFO_BY_FD"] },
	TASK_FD_QUERY: {
		text: "Tells which program is attached behind a descriptor of another process: a perf event with its tracepoint, kprobe or uprobe, or a raw tracepoint.",
		attributes: ["task_fd_query.pid, fd: whose descriptor", "task_fd_query.prog_id, fd_type: filled in", "task_fd_query.buf, buf_len: the name of the tracepoint, function or file", "task_fd_query.probe_offset, probe_addr: where"],
		result: "0; ENOTSUPP where the descriptor is none of these", needs: "CAP_SYS_ADMIN",
		example: "err = bpf_task_fd_query(pid, fd, 0, buf, &len, &prog, &type, &off, &addr);", see: ["BPF_LINK_TYPE_PERF_EVENT"],
	},
	MAP_LOOKUP_AND_DELETE_ELEM: { text: "Reads a value and removes the entry in one step: pop of queues and stacks, and since 5.14 of hashes.", attributes: ["map_fd: the map", "key: of hashes; absent for queues and stacks", "value: where the value goes"], result: "0; ENOENT where there is nothing", needs: "read and write access to the map", example: "err = bpf_map_lookup_and_delete_elem(fd, NULL, &value);", see: ["queue", "stack", "MAP_LOOKUP_AND_DELETE_BATCH"] },
	MAP_FREEZE: { text: "Makes a map read-only for user space, for ever. Programs still write, unless it has BPF_F_RDONLY_PROG: then the verifier takes its values as constants, as with .rodata.", attributes: ["map_fd: the map"], result: "0; EBUSY where it is mapped writable", needs: "write access to the map", example: "err = bpf_map_freeze(rodata_fd);", see: ["MAP_UPDATE_ELEM", "options"] },
	BTF_GET_NEXT_ID: { text: "Gives the lowest BTF id above `start_id`.", attributes: ["start_id: from 0", "next_id: filled in"], result: "0; ENOENT after the last", needs: IDS, example: "while (!bpf_btf_get_next_id(id, &id)) …", see: ["BTF_GET_FD_BY_ID"] },
	MAP_LOOKUP_BATCH: {
		text: "Reads many entries by one call. `in_batch` is what the call before put into `out_batch`; the last one ends with ENOENT and may still have brought some.",
		attributes: ["batch.map_fd: the map", "batch.in_batch: absent: begin", "batch.out_batch: where to go on", "batch.keys, values: arrays", "batch.count: how many fit; the kernel writes how many came", "batch.elem_flags: BPF_F_LOCK"],
		result: "0; ENOENT at the end; ENOSPC where a bucket does not fit", needs: "read access to the map",
		example: "err = bpf_map_lookup_batch(fd, in, &out, keys, values, &count, NULL);", see: ["MAP_GET_NEXT_KEY", "MAP_LOOKUP_AND_DELETE_BATCH"],
	},
	MAP_LOOKUP_AND_DELETE_BATCH: { text: "As MAP_LOOKUP_BATCH, and removes what it read. Hashes only.", attributes: ["batch.map_fd, in_batch, out_batch, keys, values, count: as MAP_LOOKUP_BATCH"], result: "0; ENOENT at the end", needs: "read and write access to the map", example: "err = bpf_map_lookup_and_delete_batch(fd, in, &out, keys, values, &count, NULL);", see: ["MAP_LOOKUP_BATCH"] },
	MAP_UPDATE_BATCH: { text: "Writes many entries by one call. It stops at the first that is refused; `count` says how many were written.", attributes: ["batch.map_fd: the map", "batch.keys, values: arrays", "batch.count: how many; afterwards: how many were written", "batch.elem_flags: BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK"], result: "0, or why the first was refused", needs: "write access to the map", example: "err = bpf_map_update_batch(fd, keys, values, &count, NULL);", see: ["MAP_UPDATE_ELEM"] },
	MAP_DELETE_BATCH: { text: "Removes many entries by one call. It stops at the first that is not there.", attributes: ["batch.map_fd: the map", "batch.keys: an array", "batch.count: how many; afterwards: how many were removed"], result: "0, or why the first was refused", needs: "write access to the map", example: "err = bpf_map_delete_batch(fd, keys, &count, NULL);", see: ["MAP_DELETE_ELEM"] },
	LINK_CREATE: {
		text: "Attaches a program and gives a link, which holds the attachment: when the last descriptor and pin of it go, the program is detached.",
		attributes: ["link_create.prog_fd: the program; of struct_ops map_fd", "link_create.target_fd or target_ifindex: the cgroup, namespace, perf event, device", "link_create.attach_type: the hook", "link_create.flags: by the hook", "link_create.perf_event.bpf_cookie, kprobe_multi, uprobe_multi, tracing, netfilter, tcx, netkit, iter_info: by the hook"],
		result: "a descriptor of the link; EBUSY, EEXIST where the hook is taken", needs: "CAP_PERFMON for tracing, CAP_NET_ADMIN for networking",
		example: "int link = bpf_link_create(prog_fd, ifindex, BPF_XDP, NULL);", see: ["LINK_UPDATE", "LINK_DETACH", "OBJ_PIN"],
	},
	LINK_UPDATE: { text: "Exchanges the program of a link (of struct_ops: the map) without a moment in which none is attached.", attributes: ["link_update.link_fd: the link", "link_update.new_prog_fd: the new program", "link_update.old_prog_fd, BPF_F_REPLACE: only if this one is attached"], result: "0; EPERM where another one is attached than was said", needs: "nothing but the descriptors", example: "err = bpf_link_update(link_fd, new_prog_fd, NULL);", see: ["LINK_CREATE"] },
	LINK_GET_FD_BY_ID: { text: "Opens a link by its id. The descriptor holds the attachment too.", attributes: ["link_id: the id"], result: "a descriptor; ENOENT where no link has the id", needs: IDS, example: "int fd = bpf_link_get_fd_by_id(id);", see: ["LINK_GET_NEXT_ID"] },
	LINK_GET_NEXT_ID: { text: "Gives the lowest link id above `start_id`.", attributes: ["start_id: from 0", "next_id: filled in"], result: "0; ENOENT after the last", needs: IDS, example: "while (!bpf_link_get_next_id(id, &id)) …", see: ["LINK_GET_FD_BY_ID"] },
	ENABLE_STATS: { text: "Has the kernel count runs and nanoseconds of every program while the descriptor is open. kernel.bpf_stats_enabled does the same for good; both cost two clock reads a run.", attributes: ["enable_stats.type: BPF_STATS_RUN_TIME"], result: "a descriptor; closing it ends the counting", needs: "CAP_SYS_ADMIN", example: "int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);", see: ["OBJ_GET_INFO_BY_FD"] },
	ITER_CREATE: { text: "Opens an iterator: reading the descriptor runs the link's program once for each object and gives what it writes.", attributes: ["iter_create.link_fd: the link of an iterator program", "iter_create.flags: 0"], result: "a descriptor to read from", needs: BY_FD, example: "int fd = bpf_iter_create(link_fd);\nwhile ((n = read(fd, buf, sizeof(buf))) > 0) …", see: ["iter", "BPF_LINK_TYPE_ITER"] },
	LINK_DETACH: { text: "Detaches by force, though descriptors and pins of the link are still there: they then hold nothing.", attributes: ["link_detach.link_fd: the link"], result: "0; EOPNOTSUPP where that kind of link cannot", needs: BY_FD, example: "err = bpf_link_detach(link_fd);", see: ["LINK_CREATE"] },
	PROG_BIND_MAP: { text: "Keeps a map alive as long as a program, though the program does not use it: for metadata in .rodata.", attributes: ["prog_bind_map.prog_fd: the program", "prog_bind_map.map_fd: the map"], result: "0", needs: "nothing but the descriptors", example: "err = bpf_prog_bind_map(prog_fd, map_fd, NULL);", see: ["OBJ_GET_INFO_BY_FD"] },
	TOKEN_CREATE: { text: "Makes a token from a bpffs that was mounted with delegate_… options: who holds it in a user namespace may use the commands and types that the mount delegates.", attributes: ["token_create.bpffs_fd: the root of the mount", "token_create.flags: 0"], result: "a descriptor of the token; ENOENT where the mount delegates nothing", needs: "CAP_BPF in the user namespace that owns the mount, which must not be the initial one", example: "int token = bpf_token_create(bpffs_fd, NULL);", see: ["MAP_CREATE", "PROG_LOAD", "BTF_LOAD"] },
	PROG_STREAM_READ_BY_FD: { text: "Reads what a program wrote to one of its streams: BPF_STDOUT, or BPF_STDERR, where the kernel reports faults of arenas, locks and may_goto besides.", attributes: ["prog_stream_read.stream_buf, stream_buf_len: where the text goes", "prog_stream_read.stream_id: 1 BPF_STDOUT, 2 BPF_STDERR", "prog_stream_read.prog_fd: the program"], result: "how many bytes; 0: nothing there", needs: BY_FD, example: "n = bpf_prog_stream_read(prog_fd, BPF_STREAM_STDERR, buf, sizeof(buf), NULL);", see: ["bpf_stream_vprintk_impl"] },
};
