import { MAP_TAG } from "#helpers";
import type { Cpu } from "#machine";
import { blockAddresses } from "#maps";
import type { System } from "#objects";

/** What is watched: a register of whatever function runs, bytes of memory, all that a map holds. */
export type WatchTarget =
	| { readonly kind: "register"; readonly register: number }
	| { readonly kind: "memory"; readonly address: number; readonly size: number }
	| { readonly kind: "map"; readonly map: number };

/** One look after another: whether the value is another than at the look before. */
export interface Look {
	/** Takes the value as it is now, without comparing. */
	begin(cpu: Cpu): void;
	/** True: it has changed since the last look. */
	changed(cpu: Cpu): boolean;
}

/** Makes looks at a target. */
export function lookAt(system: System, target: WatchTarget): Look {
	switch (target.kind) {
		case "register":
			return registerLook(target.register);
		case "memory":
			return memoryLook(system, target.address, target.size);
		case "map":
			return mapLook(system, target.map);
	}
}

function registerLook(register: number): Look {
	let low = 0;
	let high = 0;
	const begin = (cpu: Cpu): void => {
		low = cpu.registers[register * 2]!;
		high = cpu.registers[register * 2 + 1]!;
	};
	return {
		begin,
		changed(cpu) {
			if (cpu.registers[register * 2] === low && cpu.registers[register * 2 + 1] === high) return false;
			begin(cpu);
			return true;
		},
	};
}

function memoryLook(system: System, address: number, size: number): Look {
	let bytes = new Uint8Array(0);
	const begin = (): void => {
		bytes = system.memory.u8.slice(address, address + size);
	};
	return {
		begin,
		changed() {
			const { u8 } = system.memory;
			for (let i = 0; i < bytes.length; i++) {
				if (u8[address + i] !== bytes[i]) {
					begin();
					return true;
				}
			}
			return false;
		},
	};
}

/** Ranges of memory that a map is in: pairs of first and last address + 1. */
function rangesOf(system: System, id: number): number[] {
	const map = system.tables.maps.get(id);
	if (!map) return [];
	return [map.header, map.data, ...blockAddresses(map, system.memory)].flatMap((address) => {
		const region = address === 0 ? undefined : system.memory.region(address);
		return region ? [region.start, region.start + region.size] : [];
	});
}

/** A number that differs where the contents differ, but for chance. */
function digest(system: System, id: number, ranges: readonly number[]): number {
	const { u8 } = system.memory;
	const map = system.tables.maps.get(id);
	let hash = 0x811c_9dc5;
	const mix = (word: number) => {
		hash = Math.imul(hash ^ word, 0x0100_0193);
		hash ^= hash >>> 15;
	};
	if (map) for (const number of map.slots) mix(number);
	const words = new Int32Array(u8.buffer, u8.byteOffset, u8.length >> 2);
	for (let i = 0; i < ranges.length; i += 2) {
		for (let at = ranges[i]! >> 2; at < (ranges[i + 1]! + 3) >> 2; at++) mix(words[at]!);
	}
	return hash;
}

const STORE_CLASSES = new Set([2, 3]);
const CALL = 0x85;
const CALLX = 0x8d;

/**
 * Comparing a map's whole content after each instruction would take too long: it is compared after those that may have
 * changed it, stores into its memory and calls that were given the map or an address in it.
 */
function mapLook(system: System, id: number): Look {
	let ranges = rangesOf(system, id);
	let value = 0;
	let suspect = false;
	const inside = (address: number): boolean => {
		for (let i = 0; i < ranges.length; i += 2) if (address >= ranges[i]! && address < ranges[i + 1]!) return true;
		return false;
	};
	const mayWrite = (cpu: Cpu): boolean => {
		const insns = system.tables.programs.get(cpu.code)?.insns;
		const at = cpu.pc * 8;
		if (!insns || at + 8 > insns.length) return true;
		const code = insns[at]!;
		if (STORE_CLASSES.has(code & 7)) {
			const offset = ((insns[at + 2]! | (insns[at + 3]! << 8)) << 16) >> 16;
			return inside((cpu.registers[(insns[at + 1]! & 15) * 2]! + offset) >>> 0);
		}
		if (code !== CALL && code !== CALLX) return false;
		for (let r = 1; r <= 5; r++) {
			const low = cpu.registers[r * 2]! >>> 0;
			const high = cpu.registers[r * 2 + 1]!;
			if ((high === (MAP_TAG | 0) && low === id) || (high === 0 && inside(low))) return true;
		}
		return false;
	};
	return {
		begin(cpu) {
			ranges = rangesOf(system, id);
			value = digest(system, id, ranges);
			suspect = mayWrite(cpu);
		},
		changed(cpu) {
			let differs = false;
			if (suspect) {
				ranges = rangesOf(system, id);
				const now = digest(system, id, ranges);
				differs = now !== value;
				value = now;
			}
			suspect = mayWrite(cpu);
			return differs;
		},
	};
}
