import { BPF_OBJ_NAME_LEN } from "@skep/bpf/uapi";

/** Names of maps and programs: at most 15 characters of [A-Za-z0-9_.]. */
export const isObjectName = (name: string): boolean => name.length < BPF_OBJ_NAME_LEN && /^[A-Za-z0-9_.]*$/.test(name);
