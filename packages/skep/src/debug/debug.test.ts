import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { VirtualKernel } from "#backend";
import { parseOptions } from "#run";
import { evaluate, openTarget, renderScreen, Shell } from "./index.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

test("expressions: registers, C's arithmetic modulo 2^64, what is in memory", () => {
	const names = {
		value: (name: string) => ({ r1: 0x1000n, r2: 3n })[name],
		load: (address: bigint, size: number) => (address >= 0x1000n ? address * 256n + BigInt(size) : undefined),
	};
	const value = (text: string) => evaluate(text, names);
	assert.equal(value("1 + 2 * 3"), 7n);
	assert.equal(value("(1 + 2) * 3 - -1"), 10n);
	assert.equal(value("10 - 3 - 2"), 5n);
	assert.equal(value("$r1 + r2"), 0x1003n);
	assert.equal(value("0xff & ~0x0f | 1 << 8"), 0x1f0n);
	assert.equal(value("0 - 1"), 2n ** 64n - 1n);
	assert.equal(value("u16[r1 + 4]"), 0x1004n * 256n + 2n);
	assert.equal(value("*r1"), 0x1000n * 256n + 8n);
	for (const [text, error] of [
		["", /a value is missing/],
		["1 +", /a value is missing/],
		["r9", /r9 has no value/],
		["(1", /"\)" expected/],
		["1 2", /nothing more was expected before "2"/],
		["7 % 0", /division by zero/],
		["u8[0]", /nothing is at 0x0/],
		["a ? b", /"\? b" is not understood/],
	] as const)
		assert.throws(() => value(text), error, text);
});

test("the screen: source and registers side by side, changed ones marked, nothing wider than the terminal", async () => {
	using target = await openTarget({
		file: `${root}examples/xdp-filter/xdp-filter.ts`,
		words: [],
		pcap: `${root}examples/xdp-filter/packets.pcapng`,
		replay: undefined,
		program: undefined,
		btf: undefined,
		limit: 2,
		parse: (source, words, kernel) => parseOptions(source.options, words, kernel),
	});
	const shell = new Shell(target);
	const before = shell.debug.registers();
	const { text } = shell.command("n");
	const screen = renderScreen(shell, { columns: 90, rows: 40, colour: false, before, said: text });
	const lines = screen.trimEnd().split("\n");
	assert.ok(lines.every((line) => line.length <= 90 && !line.includes("\u001b")));
	assert.match(lines[0]!, /^event 0 of 2 \(packet 0, 71 bytes\), instruction \d+ /);
	const current = lines.find((line) => line.startsWith(" >"))!;
	assert.match(current, /^ > +\d+ .* │/);
	assert.match(screen, /│ r2 {2}[0-9a-f]{16} \*$/m);
	assert.match(screen, /│ r10 [0-9a-f]{16}$/m);
	assert.ok(lines.length <= 40);
	assert.match(screen, /^> +\d+: /m);
	const coloured = renderScreen(shell, { columns: 90, rows: 40, colour: true, before, said: "" });
	assert.ok(coloured.startsWith("\u001b[H\u001b[2J"));
	assert.equal(shell.command("").text.length > 0, true, "an empty line is the command before");
	assert.equal(shell.command("q").quit, true);
});

test("recorded examples: an instruction's state is the same whichever way it is reached", async () => {
	for (const name of ["exec", "exec-tree", "open", "read-latency", "syscalls"]) {
		const open = () =>
			openTarget({
				file: `${root}examples/${name}/${name}.ts`,
				words: [],
				pcap: undefined,
				replay: `${root}examples/${name}/${name}.rec`,
				program: undefined,
				btf: undefined,
				limit: undefined,
				parse: (source, words, kernel) => parseOptions(source.options, words, kernel),
			});
		using one = await open();
		using other = await open();
		const last = Math.min(one.events.count, 4) - 1;
		const forward = new Shell(one).debug;
		const there = new Shell(other).debug;
		const stops: { event: number; instruction: number; state: ReturnType<typeof stateOf> }[] = [];
		for (let i = 0; !(forward.position.event === last && forward.position.ended); i++) {
			const { event, instruction, ended } = forward.position;
			if (!ended && i % 7 === 0) stops.push({ event, instruction, state: stateOf(one) });
			forward.step();
		}
		assert.ok(stops.length > 5, `${name}: ${stops.length}`);
		for (const { event, instruction, state } of stops.reverse()) {
			there.goto(event, instruction);
			assert.deepEqual(stateOf(other), state, `${name} ${event}:${instruction}`);
		}
	}
});

/** The machine without what only tells whether something has to be looked at anew. */
function stateOf({ kernel }: { readonly kernel: VirtualKernel }) {
	const { scratch, ...rest } = kernel.snapshot();
	return { ...rest, scratch: scratch.map((each) => ({ ...each, narrowed: 0 })) };
}
