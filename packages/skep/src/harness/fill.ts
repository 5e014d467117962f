import { BpfError } from "@skep/bpf/base";
import { encode, insn } from "@skep/bpf/isa";
import type { Kernel } from "@skep/bpf/kernel";
import { type BpfMap, Program } from "@skep/bpf/live";
import type { RawMap } from "#program";

/** Types whose elements are all there from the beginning. */
const ALWAYS_FULL: ReadonlySet<string> = new Set(["array", "percpu_array"]);
/** A hash map that makes room by forgetting is never full. */
const NEVER_FULL: ReadonlySet<string> = new Set(["lru_hash", "lru_percpu_hash"]);

const RESERVE = 131;
const DISCARD = 133;
const EEXIST = 17;

/** Fills a map so that the next insertion, or reservation, fails. What was in it stays. */
export function fillMap(kernel: Kernel, map: BpfMap, raw: RawMap): void {
	if (ALWAYS_FULL.has(map.type)) return;
	if (NEVER_FULL.has(map.type))
		throw new BpfError("ERR_ARGUMENT", `fill(): ${map.name} forgets old entries and is never full`);
	if (map.type === "ringbuf") fillRing(kernel, map);
	else fillHash(map, raw);
}

/** Keys from 0 on, as little-endian numbers; values 0. */
function fillHash(map: BpfMap, raw: RawMap): void {
	const key = new Uint8Array(map.keySize);
	const value = new Uint8Array(map.valueSize);
	const keys = Math.min(2 ** Math.min(32, map.keySize * 8), map.maxEntries * 2);
	for (let i = 0; i < keys; i++) {
		key.fill(0);
		for (let at = 0; at < Math.min(4, key.length); at++) key[at] = (i >>> (at * 8)) & 255;
		if (map.perCpu && raw.lookupCpus(key) !== undefined) continue;
		const result = map.perCpu ? raw.updateCpus(key, value) : raw.update(key, value, "noexist");
		if (result < 0 && result !== -EEXIST) return;
	}
}

/** By programs that reserve and discard: readers skip what was discarded, and until one reads it is in the way. */
function fillRing(kernel: Kernel, map: BpfMap): void {
	for (let size = map.maxEntries / 2; size >= 8; size /= 2) {
		const program = Program.load(kernel, { name: "fill", type: "xdp", license: "GPL", insns: reserving(map, size) });
		try {
			while (program.testRun({ data: new Uint8Array(64) }).retval === 1);
		} finally {
			program.close();
		}
	}
}

/** Takes `size` bytes of a ring: 1, or 0 where there is no room. */
function reserving(map: BpfMap, size: number): Uint8Array {
	return encode([
		insn.loadPseudo(1, insn.PSEUDO.mapFd, map.fd.number),
		insn.mov(64, 2, { imm: size }),
		insn.mov(64, 3, { imm: 0 }),
		insn.call(RESERVE),
		insn.jump("ne", 64, 0, { imm: 0 }, 2),
		insn.mov(64, 0, { imm: 0 }),
		insn.exit(),
		insn.mov(64, 1, { reg: 0 }),
		insn.mov(64, 2, { imm: 0 }),
		insn.call(DISCARD),
		insn.mov(64, 0, { imm: 1 }),
		insn.exit(),
	]);
}
