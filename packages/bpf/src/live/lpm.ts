/**
 * A key of a longest-prefix-match trie: the prefix length in 32 bits, then the address as it stands in packets.
 * `10.1.0.0/16`, `2001:db8::/32`, or without `/…` for a whole address. `keySize`: of the map (8 and 20), 0: by the address.
 * @throws RangeError for what is no address, or does not fit the key
 */
export function lpmKey(text: string, keySize: number = 0): Uint8Array<ArrayBuffer> {
	const slash = text.indexOf("/");
	const address = slash < 0 ? text : text.slice(0, slash);
	const bytes = address.includes(":") ? ip6(address) : ip4(address);
	if (!bytes)
		throw new RangeError(`${JSON.stringify(text)} is no address with a prefix, like 10.0.0.0/8 or 2001:db8::/32`);
	const length = slash < 0 ? "" : text.slice(slash + 1);
	const prefix = slash < 0 ? bytes.length * 8 : /^\d{1,3}$/.test(length) ? Number(length) : -1;
	if (prefix < 0 || prefix > bytes.length * 8) {
		throw new RangeError(`${JSON.stringify(text)}: a prefix has 0 to ${bytes.length * 8} bits, not ${length}`);
	}
	const size = keySize || 4 + bytes.length;
	if (4 + bytes.length !== size) {
		throw new RangeError(`${text} makes a key of ${4 + bytes.length} bytes, the map has keys of ${size}`);
	}
	const key = new Uint8Array(size);
	new DataView(key.buffer).setUint32(0, prefix, true);
	key.set(bytes, 4);
	return key;
}

/** The text of a key with an address of 4 or 16 bytes; undefined for other sizes. */
export function formatLpmKey(key: Uint8Array): string | undefined {
	const prefix = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, true);
	if (key.length === 8) return `${[...key.subarray(4)].join(".")}/${prefix}`;
	if (key.length !== 20) return undefined;
	const words = Array.from({ length: 8 }, (_, i) => ((key[4 + i * 2]! << 8) | key[5 + i * 2]!).toString(16));
	// The longest run of two or more zeros is left out, as RFC 5952 wants it.
	const runs = [...words.join(":").matchAll(/(?:^|:)0(?::0)+(?![0-9a-f])/g)].sort((a, b) => b[0].length - a[0].length);
	const text = words.join(":");
	const run = runs[0];
	if (!run) return `${text}/${prefix}`;
	const before = text.slice(0, run.index);
	const after = text.slice(run.index + run[0].length);
	return `${before}::${after.replace(/^:/, "")}/${prefix}`;
}

function ip4(text: string): number[] | undefined {
	const parts = text.split(".");
	if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined;
	return parts.map(Number);
}

function ip6(text: string): number[] | undefined {
	const halves = text.split("::");
	if (halves.length > 2) return undefined;
	const [head, tail] = halves.map(groups);
	if (!head || (halves.length === 2 && !tail)) return undefined;
	const missing = 16 - head.length - (tail?.length ?? 0);
	if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
	return [...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])];
}

function groups(text: string): number[] | undefined {
	if (text === "") return [];
	const bytes: number[] = [];
	const parts = text.split(":");
	for (const [i, part] of parts.entries()) {
		const four = i === parts.length - 1 && part.includes(".") ? ip4(part) : undefined;
		if (four) bytes.push(...four);
		else if (/^[0-9a-fA-F]{1,4}$/.test(part))
			bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255);
		else return undefined;
	}
	return bytes;
}
