import { encodeUtf8, FormatError } from "@skep/bpf/base";
import { Btf } from "@skep/bpf/btf";
import { type Attributes, ERRNO } from "@skep/bpf/kernel";
import { openDescriptor } from "./descriptors.ts";
import type { System } from "./system.ts";

/** BTF_MAX_SIZE: 16 MiB of types and as much of names. */
const MOST_BYTES = 1 << 25;
const HEADER = 24;

export function loadBtf(system: System, attr: Attributes["BTF_LOAD"]): number {
	const { btf_log_buf, btf_log_level = 0 } = attr;
	if (attr.btf.length > MOST_BYTES) return -ERRNO.E2BIG;
	if (attr.btf.length < HEADER) return -ERRNO.EINVAL;
	if (btf_log_level > 7 || (btf_log_level !== 0 && (btf_log_buf?.length ?? 0) === 0)) return -ERRNO.EINVAL;
	const bytes = attr.btf.slice();
	try {
		const btf = Btf.decode(bytes);
		for (let id = 1; id <= btf.count; id++) btf.type(id);
	} catch (error) {
		if (!(error instanceof FormatError)) throw error;
		if (btf_log_level === 0 || !btf_log_buf) return -ERRNO.EINVAL;
		const text = encodeUtf8(`${error.message}\n\0`);
		attr.btf_log_true_size = text.length;
		btf_log_buf.set(text.subarray(0, btf_log_buf.length));
		return text.length > btf_log_buf.length ? -ERRNO.ENOSPC : -ERRNO.EINVAL;
	}
	const { tables } = system;
	const id = tables.next.btf++;
	tables.btfs.set(id, { id, name: "", bytes, kernel: false, references: 0 });
	return openDescriptor(system, "btf", id);
}
