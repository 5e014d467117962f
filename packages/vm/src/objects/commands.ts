import { type Attributes, type CommandName, ERRNO } from "@skep/bpf/kernel";
import { attachProgram, detachProgram, queryPrograms } from "./attachments.ts";
import { loadBtf } from "./btf.ts";
import { openDescriptor } from "./descriptors.ts";
import { getInfo, nextId, openById } from "./info.ts";
import { createIterator } from "./iterators.ts";
import { createLink, detachLinkCommand, openRawTracepoint, updateLink } from "./links.ts";
import * as maps from "./maps.ts";
import { getPinned, pinObject } from "./pins.ts";
import { loadProgram } from "./programs.ts";
import type { System } from "./system.ts";
import { testRun } from "./test-run.ts";

type Commands = { readonly [C in CommandName]: (system: System, attr: Attributes[C]) => number };

/** What this machine has nothing for: Linux says the same of an attach type or a target that it does not know. */
const refuse = (): number => -ERRNO.EINVAL;

/** bpf(2): one row a command. */
// biome-ignore format: table
export const COMMANDS: Commands = {
	MAP_CREATE: maps.createMapCommand,
	MAP_LOOKUP_ELEM: maps.lookupElement,
	MAP_UPDATE_ELEM: maps.updateElement,
	MAP_DELETE_ELEM: maps.deleteElement,
	MAP_GET_NEXT_KEY: maps.nextKey,
	PROG_LOAD: loadProgram,
	OBJ_PIN: pinObject,
	OBJ_GET: getPinned,
	PROG_ATTACH: attachProgram,
	PROG_DETACH: detachProgram,
	PROG_TEST_RUN: testRun,
	PROG_GET_NEXT_ID: (system, attr) => nextId(system, attr, "program"),
	MAP_GET_NEXT_ID: (system, attr) => nextId(system, attr, "map"),
	PROG_GET_FD_BY_ID: (system, attr) => openById(system, attr, "program"),
	MAP_GET_FD_BY_ID: (system, attr) => openById(system, attr, "map"),
	OBJ_GET_INFO_BY_FD: getInfo,
	PROG_QUERY: queryPrograms,
	RAW_TRACEPOINT_OPEN: openRawTracepoint,
	BTF_LOAD: loadBtf,
	BTF_GET_FD_BY_ID: (system, attr) => openById(system, attr, "btf"),
	TASK_FD_QUERY: () => -ERRNO.ENOENT,
	MAP_LOOKUP_AND_DELETE_ELEM: maps.takeElement,
	MAP_FREEZE: maps.freezeMap,
	BTF_GET_NEXT_ID: (system, attr) => nextId(system, attr, "btf"),
	MAP_LOOKUP_BATCH: (system, attr) => maps.lookupBatch(system, attr, false),
	MAP_LOOKUP_AND_DELETE_BATCH: (system, attr) => maps.lookupBatch(system, attr, true),
	MAP_UPDATE_BATCH: maps.updateBatch,
	MAP_DELETE_BATCH: maps.deleteBatch,
	LINK_CREATE: createLink,
	LINK_UPDATE: updateLink,
	LINK_GET_FD_BY_ID: (system, attr) => openById(system, attr, "link"),
	LINK_GET_NEXT_ID: (system, attr) => nextId(system, attr, "link"),
	ENABLE_STATS: (system, attr) => (attr.type === 0 ? openDescriptor(system, "statistics", 0) : -ERRNO.EINVAL),
	ITER_CREATE: createIterator,
	LINK_DETACH: detachLinkCommand,
	PROG_BIND_MAP: refuse,
	TOKEN_CREATE: refuse,
	PROG_STREAM_READ_BY_FD: refuse,
};
