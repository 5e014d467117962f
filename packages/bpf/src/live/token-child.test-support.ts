/** Runs as root of a user namespace, descriptor 3 being the root of a bpffs that delegates: says what a token permits, as JSON. */
import { openLinux } from "@skep/linux";
import { encode, insn } from "#isa";
import { BpfMap, createToken, Program } from "./index.ts";

const kernel = openLinux();
const tell = (call: () => { close(): void }): string => {
	try {
		call().close();
		return "yes";
	} catch (error) {
		return error instanceof Error ? error.name : "?";
	}
};
const map = { name: "token", type: "hash", keySize: 4, valueSize: 4, maxEntries: 1 } as const;
const program = {
	name: "token",
	type: "xdp",
	license: "GPL",
	insns: encode([insn.mov(64, 0, { imm: 2 }), insn.exit()]),
} as const;
using token = createToken(kernel, 3);
console.log(
	JSON.stringify([
		tell(() => BpfMap.create(kernel, map)),
		tell(() => BpfMap.create(kernel, { ...map, token })),
		tell(() => Program.load(kernel, program)),
		tell(() => Program.load(kernel, { ...program, token })),
	]),
);
