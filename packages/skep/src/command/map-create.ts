import { BpfMap, type Fd } from "@skep/bpf/live";
import { MAP_TYPES, type MapType } from "@skep/bpf/uapi";
import { openOne, takeSelector } from "#inspect";
import { done, type Task } from "./desk.ts";

const TYPES = Object.keys(MAP_TYPES) as MapType[];
const WORDS = ["type", "key", "value", "entries", "name", "flags", "inner_map", "offload_dev", "dev"] as const;

/** `create PATH type TYPE key SIZE value SIZE entries N name NAME [flags F] [inner_map MAP] [dev NAME]`. */
export const create: Task = (words, desk) => {
	const path = words.next("the path");
	const numbers: { key?: number; value?: number; entries?: number; flags?: number } = {};
	let type: MapType | undefined;
	let name: string | undefined;
	const { kernel } = desk;
	let inner: Fd | undefined;
	const given = new Set<string>();
	while (!words.empty) {
		const word = words.oneOf(WORDS, "part of a map");
		if (given.has(word)) throw words.wrong(`${word} stands twice`);
		given.add(word);
		switch (word) {
			case "type":
				type = words.choice(TYPES, "map type");
				break;
			case "name":
				name = words.next("the name");
				// The kernel's own rule; what other commands make of an object's name is not what was asked for here.
				if (!/^[A-Za-z0-9_.]{1,15}$/.test(name))
					throw words.wrong(`name "${name}": 1 to 15 letters, digits, _ and . are expected`);
				break;
			case "inner_map":
				inner = openOne(kernel, "map", takeSelector("map", words));
				break;
			case "offload_dev":
			case "dev":
				throw words.wrong("maps of a device's hardware cannot be made");
			default:
				numbers[word] = words.number(word);
		}
	}
	if (type === undefined) throw words.wrong("type is missing");
	if (name === undefined) throw words.wrong("name is missing");
	const { key: keySize = 0, value: valueSize = 0, entries: maxEntries = 0, flags = 0 } = numbers;
	const blueprint = { name, type, keySize, valueSize, maxEntries, flags };
	try {
		using map = BpfMap.create(kernel, inner === undefined ? blueprint : { ...blueprint, innerFd: inner.number });
		map.pin(path);
	} finally {
		inner?.close();
	}
	return done(desk);
};
