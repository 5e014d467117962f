import { ERRNO } from "@skep/bpf/kernel";
import type { MapType } from "@skep/bpf/uapi";
import type { Cpu } from "#machine";
import { addToFilter, askFilter, type MapState, mapHandler, push, slotOf, take as takeValue } from "#maps";
import { give, giveUnsigned, high, low, mapOf, readable, u32, writable } from "./arguments.ts";
import { type Environment, MAP_TAG } from "./environment.ts";

/** Families: lookup, update and delete of keyed maps; push, pop, peek of queues and stacks; walking a map. */

const handlerOf = (map: MapState) => mapHandler(map.type)!;
/** Types whose elements programs cannot get at by a key. */
const CLOSED: ReadonlySet<MapType> = new Set<MapType>([
	"prog_array",
	"perf_event_array",
	"array_of_maps",
	"hash_of_maps",
	"task_storage",
	"cgrp_storage",
]);
const keyed = (map: MapState): boolean => map.keySize > 0 && !CLOSED.has(map.type);

/** Of a map of maps a program gets the map itself. */
function lookupInner(env: Environment, cpu: Cpu, map: MapState): undefined {
	if (!map.inner) return give(cpu, 0);
	const key = readable(env, cpu, 2, map.keySize);
	const { view } = env.memory;
	let id = 0;
	if (map.type === "array_of_maps") id = slotOf(map, env.memory, view.getUint32(key, true));
	else {
		const at = handlerOf(map).lookup(map, env.memory, undefined, key, true);
		if (at !== 0) id = view.getUint32(at, true);
	}
	cpu.registers[0] = id;
	cpu.registers[1] = id === 0 ? 0 : MAP_TAG;
}

export function lookup(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 1);
	if (!keyed(map)) return lookupInner(env, cpu, map);
	const key = readable(env, cpu, 2, map.keySize);
	const value = handlerOf(map).lookup(map, env.memory, undefined, key, true);
	giveUnsigned(cpu, value === 0 || map.copies === 1 ? value : value + cpu.id * map.stride);
}

export function lookupPercpu(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 1);
	if (!keyed(map) || map.copies === 1 || u32(cpu, 3) >= map.copies) return give(cpu, 0);
	const key = readable(env, cpu, 2, map.keySize);
	const value = handlerOf(map).lookup(map, env.memory, undefined, key, true);
	giveUnsigned(cpu, value === 0 ? 0 : value + u32(cpu, 3) * map.stride);
}

export function update(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 1);
	if (!keyed(map)) return give(cpu, -ERRNO.EINVAL);
	const key = readable(env, cpu, 2, map.keySize);
	const value = readable(env, cpu, 3, map.valueSize);
	const flags = high(cpu, 4) === 0 ? u32(cpu, 4) : 0xffff_ffff;
	give(cpu, handlerOf(map).update(map, env.memory, undefined, key, undefined, value, flags, cpu.id));
}

export function remove(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 1);
	if (!keyed(map)) return give(cpu, -ERRNO.EINVAL);
	give(cpu, handlerOf(map).delete(map, env.memory, undefined, readable(env, cpu, 2, map.keySize)));
}

export function pushElement(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 1);
	if (!handlerOf(map).keyless) return give(cpu, -ERRNO.EINVAL);
	const value = readable(env, cpu, 2, map.valueSize);
	if (map.type === "bloom_filter") return give(cpu, addToFilter(map, env.memory, undefined, value, low(cpu, 3)));
	give(cpu, push(map, env.memory, undefined, value, low(cpu, 3)));
}

function take(env: Environment, cpu: Cpu, gone: boolean): undefined {
	const map = mapOf(env, cpu, 1);
	if (!handlerOf(map).keyless) return give(cpu, -ERRNO.EINVAL);
	if (map.type === "bloom_filter") {
		if (gone) return give(cpu, -ERRNO.EOPNOTSUPP);
		return give(cpu, askFilter(map, env.memory, undefined, readable(env, cpu, 2, map.valueSize)));
	}
	const to = writable(env, cpu, 2, map.valueSize);
	const result = takeValue(map, env.memory, to, gone);
	if (result !== 0) env.memory.u8.fill(0, to, to + map.valueSize);
	give(cpu, result);
}
export const popElement = (env: Environment, cpu: Cpu): undefined => take(env, cpu, true);
export const peekElement = (env: Environment, cpu: Cpu): undefined => take(env, cpu, false);

/** Entries that one walk reads at a time; entries that come meanwhile may be seen or not, as on Linux. */
const WALK = 0x7fff_ffff;

/** for_each_map_elem(map, callback, context, flags): how many were visited. The callback's 1 stops. */
export function forEachElement(env: Environment, cpu: Cpu): undefined {
	const map = mapOf(env, cpu, 1);
	const { batch } = handlerOf(map);
	if (!batch || !keyed(map) || map.type === "lpm_trie" || low(cpu, 4) !== 0 || high(cpu, 4) !== 0)
		return give(cpu, -ERRNO.EINVAL);
	const { registers } = cpu;
	const words = registers.slice(2, 8);
	const found = batch(map, env.memory, 0, WALK);
	if (typeof found === "number") return give(cpu, found);
	const { keys, values } = found;
	const own = map.copies === 1 ? 0 : cpu.id * map.stride;
	// A key of an array is its index, which stands nowhere in memory.
	const index = found.indexed ? env.memory.allocate(4, "map", false) : undefined;
	let visited = 0;
	try {
		while (visited < keys.length) {
			const key = keys[visited]!;
			registers[2] = words[0]!;
			registers[3] = words[1]!;
			registers[4] = found.indexed ? (index ?? 0) : key;
			registers[5] = 0;
			if (index !== undefined) env.memory.words[index >> 2] = key;
			registers[6] = values[visited++]! + own;
			registers[7] = 0;
			registers[8] = words[4]!;
			registers[9] = words[5]!;
			env.callback(words[2]!, words[3]!, cpu);
			if (registers[0] !== 0 || registers[1] !== 0) break;
		}
	} finally {
		if (index !== undefined) env.memory.free(index);
	}
	give(cpu, visited);
}

/** loop(count, callback, context, flags): how many rounds. The callback's 1 stops. */
export function loop(env: Environment, cpu: Cpu): undefined {
	const MOST = 1 << 23;
	const rounds = u32(cpu, 1);
	const { registers } = cpu;
	const words = registers.slice(4, 8);
	if (low(cpu, 4) !== 0 || high(cpu, 4) !== 0) return give(cpu, -ERRNO.EINVAL);
	if (rounds > MOST) return give(cpu, -ERRNO.E2BIG);
	let done = 0;
	while (done < rounds) {
		registers[2] = done;
		registers[3] = 0;
		registers[4] = words[2]!;
		registers[5] = words[3]!;
		env.callback(words[0]!, words[1]!, cpu);
		done++;
		if (registers[0] !== 0 || registers[1] !== 0) break;
	}
	give(cpu, done);
}
