import { BPF_OBJ_NAME_LEN } from "#uapi";

/** A name as the kernel takes it for maps and programs: [A-Za-z0-9_.], at most 15 characters; others become `_`. */
export function objectName(name: string): string {
	return name.replace(/[^A-Za-z0-9_.]/g, "_").slice(0, BPF_OBJ_NAME_LEN - 1);
}
