import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BpfMap } from "@skep/bpf/live";
import { beginnings } from "#manual";
import { candidates } from "./completion-words.ts";
import { onBoth } from "./desk.test-support.ts";
import { COMMANDS } from "./index.ts";

const work = mkdtempSync(join(tmpdir(), "skep-completion-"));
after(() => rmSync(work, { recursive: true, force: true }));
symlinkSync(fileURLToPath(new URL("../../bin/skep", import.meta.url)), join(work, "skep"));
writeFileSync(join(work, "object.o"), "");
const env = {
	...process.env,
	PATH: `${work}:${process.execPath.slice(0, process.execPath.lastIndexOf("/"))}:${process.env["PATH"]}`,
	HOME: work,
};

const nobody = (): never => assert.fail("no kernel is wanted");
/** Candidates for the last of some words. */
const words = (...line: string[]): string[] => candidates(line, COMMANDS, nobody).choices.map(({ word }) => word);

test("commands, verbs, options and words of verbs come from the command table", () => {
	assert.deepEqual(
		words(""),
		COMMANDS.map(({ name }) => name),
	);
	for (const { name, verbs, flags } of COMMANDS) {
		assert.ok(words(name, "-").includes("--help"));
		for (const flag of flags) assert.ok(words(name, "--").includes(`--${flag.name}`), `${name} --${flag.name}`);
		if (verbs) assert.deepEqual(words(name, ""), [...verbs.map((verb) => verb.name), "help"]);
	}
	assert.deepEqual(words("prog", "lo"), ["load", "loadall"]);
	assert.deepEqual(words("-j", "prog", "lo"), ["load", "loadall"]);
	assert.ok(words("-").includes("-j"));
	assert.ok(!words("-").includes("--pcap"));
	assert.deepEqual(words("prog", "dump", "x"), ["xlated"]);
	assert.deepEqual(words("prog", "show", ""), ["id", "pinned", "tag", "name"]);
	assert.deepEqual(words("net", "attach", "tcx"), ["tcx_ingress", "tcx_egress"]);
	assert.deepEqual(words("map", "create", "x", "type", "hash"), ["hash", "hash_of_maps"]);
	assert.deepEqual(words("cgroup", "attach", "x", "cgroup_inet_e"), ["cgroup_inet_egress"]);
	assert.deepEqual(words("nothing", ""), []);
	assert.ok(candidates(["prog", "load", ""], COMMANDS, nobody).files);
	assert.ok(candidates(["run", ""], COMMANDS, nobody).files);
	assert.ok(!candidates(["prog", ""], COMMANDS, nobody).files);
});

test("help is completed by commands, their verbs, and the names of the manual", () => {
	const help = (...line: string[]): string[] =>
		candidates(["help", ...line], COMMANDS, nobody, beginnings).choices.map(({ word }) => word);
	for (const { name } of COMMANDS) assert.ok(help("").includes(name), name);
	assert.ok(help("").length < 100);
	assert.deepEqual(help("bpf_ringbuf_sub"), ["bpf_ringbuf_submit", "bpf_ringbuf_submit_dynptr"]);
	assert.deepEqual(help("SK4007"), ["SK4007"]);
	assert.deepEqual(help("map", "lru"), ["lru_hash", "lru_percpu_hash"]);
	assert.ok(help("map", "").includes("show"));
	assert.deepEqual(help("hash", ""), []);
	assert.deepEqual(
		candidates(["help", "bpf_r"], COMMANDS, nobody).choices,
		[],
		"without the manual only commands are known",
	);
});

test(
	"ids and names are those that the kernel has now",
	onBoth(async (front) => {
		using map = BpfMap.create(front.kernel, {
			name: "completed",
			type: "array",
			keySize: 4,
			valueSize: 8,
			maxEntries: 1,
		});
		const { id } = map.info();
		const at = (...line: string[]) => candidates(line, COMMANDS, () => front.desk("").desk).choices;
		assert.deepEqual(at("map", "show", "id", String(id)), [{ word: String(id), text: "array completed" }]);
		assert.deepEqual(at("map", "dump", "name", "compl"), [{ word: "completed", text: `array ${id}` }]);
		assert.deepEqual(at("btf", "dump", "map", "name", "compl"), [{ word: "completed", text: `array ${id}` }]);
		assert.ok(at("net", "show", "dev", "lo").some(({ word }) => word === "lo"));
	}),
);

/** What a shell says, or a skipped test. */
function shell(t: TestContext, name: string, words: readonly string[]): string | undefined {
	const run = spawnSync(name, words, { cwd: work, env, encoding: "utf8", timeout: 60_000 });
	const { code } = (run.error ?? {}) as NodeJS.ErrnoException;
	// EACCES: not found, and there are folders in PATH that this user may not look into.
	if (code === "ENOENT" || code === "EACCES") {
		t.skip(`needs ${name}`);
		return undefined;
	}
	assert.equal(run.status, 0, run.stderr);
	return run.stdout;
}

test("bash completes", (t) => {
	const script = `source <(skep completion bash)
		try() { COMP_WORDS=(skep "$@"); COMP_CWORD=$#; _skep; echo "\${COMPREPLY[*]}"; }
		try prog dump x; try map upd; try prog load obj; complete -p skep`;
	const told = shell(t, "bash", ["-c", script]);
	if (told !== undefined)
		assert.deepEqual(told.split("\n"), ["xlated", "update", "object.o", "complete -F _skep skep", ""]);
});

test("fish completes", (t) => {
	const script = `skep completion fish | source; complete -C "skep prog dump x"; complete -C "skep map upd"; complete -C "skep prog load obj"`;
	const told = shell(t, "fish", ["-c", script]);
	if (told !== undefined) {
		assert.match(told, /^xlated\t?$/m);
		assert.match(told, /^update\twrite a value/m);
		assert.match(told, /^object\.o/m);
	}
});

test("zsh completes", (t) => {
	// A terminal of its own, in which somebody presses TAB.
	const script = `zmodload zsh/zpty; zpty z zsh -f -i
		zpty -w z 'PS1=; autoload -Uz compinit; compinit -D -u; source <(skep completion zsh); zstyle ":completion:*" menu no; echo "re""ady"'
		zpty -r -m z out '*ready*'
		for line in 'skep prog dump xl' 'skep map upd'; do zpty -n -w z "$line"$'\\t'; done_=; for i in {1..100}; do zpty -r -t z more && done_+=$more; [[ $done_ == *(xlated|update)* ]] && break; sleep 0.1; done; print -r -- "GOT $done_"; zpty -w z $'\\C-u'; done
		zpty -d z`;
	const told = shell(t, "zsh", ["-f", "-c", script]);
	if (told !== undefined) {
		assert.match(told, /xlated/);
		assert.match(told, /update/);
	}
});

test("no such shell", () => {
	const { stderr, status } = spawnSync("skep", ["completion", "bsh"], { env, encoding: "utf8" });
	assert.match(stderr, /completion wants a shell, bash, zsh, fish, not "bsh", did you mean bash\?/);
	assert.equal(status, 2);
});
