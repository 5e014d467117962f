// Pins, loading and refusals: the same lines on both kernels give the same answers, and what is refused changes nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inNamespaces } from "./namespace.test-support.ts";

/** Objects of others come between, and numbers that nobody gave names. */
const plain = (lines: readonly string[]): string[] =>
	lines.map((line) =>
		line
			.replace(/; (the nearest|there is none at all).*/, "")
			.replace(/\(id \d+\)/g, "(id)")
			.replace(/^\d+: |→ \d+: /gm, "→ ")
			.replace(/ memlock \d+B/, ""),
	);

test("pins, loading and refusals: both kernels answer the same, and what is refused changes nothing", (t) => {
	const entry = fileURLToPath(new URL("safety.test-support.ts", import.meta.url));
	const script = `mount -t bpf bpf /sys/fs/bpf || exit 77; exec "${process.execPath}" "${entry}"`;
	const run = inNamespaces(t, "-m", ["sh", "-c", script]);
	if (!run) return undefined;
	assert.equal(run.status, 0, run.stderr);
	type Told = { readonly refused: readonly string[]; readonly worked: readonly string[] };
	const { virtual, linux } = JSON.parse(run.stdout) as Record<"virtual" | "linux", Told>;
	assert.deepEqual(plain(virtual.refused), plain(linux.refused));
	assert.deepEqual(plain(virtual.worked), plain(linux.worked));
	const text = linux.refused.join("\n");
	const said: readonly RegExp[] = [
		/there is no program with id 4294967295; the nearest (is|are) /,
		/there is no map with name countz, did you mean counts\?/,
		/2 programs have the name twins: say one by id \(TWINS1, TWINS2\)/,
		/key: map counts has 4 bytes, 3 were given/,
		/value: map counts has 8 bytes, 1 were given/,
		/cannot open the map pinned at \/sys\/fs\/bpf\/watch: it is a program/,
		/nothing is pinned at \/sys\/fs\/bpf\/nothing/,
		/names in a bpffs have no dots; take another than with\.dot/,
		/no-bpffs is not in a BPF file system \(bpffs\); mount one as root/,
		/sk_msg_verdict is a hook for programs of type sk_msg on a sockmap or sockhash: program PROG is of type raw_tracepoint/,
		/name "has-dash": 1 to 15 letters, digits, _ and \. are expected/,
		/no "prog shwo", did you mean show\?/,
		/"tcx" may be tcx_ingress or tcx_egress/,
		/"lru" may be lru_hash or lru_percpu_hash/,
		/prog run id PROG data_in \/no\/such\/file → ! \/no\/such\/file: no such file/,
	];
	for (const each of said) assert.match(text, each);
	assert.doesNotMatch(text, /→ *$/m, "each line is refused");
	assert.doesNotMatch(text, /^changed/m);
	assert.ok(linux.worked.includes("again has events: true"), linux.worked.join("\n"));
	return undefined;
});
