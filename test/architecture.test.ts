import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { tsPlugin } from "@sveltejs/acorn-typescript";
import { Parser } from "acorn";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Room {
	readonly allowed: ReadonlySet<string>;
}

function readTable(): Map<string, Room> {
	const rooms = new Map<string, Room>();
	for (const line of readFileSync(join(root, "docs/architecture.md"), "utf8").split("\n")) {
		const m = /^\| ([a-z]+\/[a-z-]+) \| [^|]+ \| ([^|]+) \|$/.exec(line);
		if (m) rooms.set(m[1]!, { allowed: new Set(m[2]!.trim() === "–" ? [] : m[2]!.trim().split(/ +/)) });
	}
	return rooms;
}

/** Every module specifier of a file: imports, re-exports, import() and `import("…").T`. */
function specifiers(text: string): string[] {
	const found: string[] = [];
	const visit = (node: unknown): void => {
		if (Array.isArray(node)) {
			for (const child of node) visit(child);
			return;
		}
		if (typeof node !== "object" || node === null) return;
		const n = node as Record<string, unknown>;
		const source = n["type"] === "TSImportType" ? n["argument"] : n["source"];
		if (typeof n["type"] === "string" && /^(Import|Export|TSImport)/.test(n["type"]) && source) {
			const s = source as { value?: unknown; literal?: { value?: unknown } };
			const value = s.value ?? s.literal?.value;
			if (typeof value === "string") found.push(value);
		}
		for (const [key, child] of Object.entries(n)) if (key !== "loc") visit(child);
	};
	visit(Parser.extend(tsPlugin()).parse(text, { sourceType: "module", ecmaVersion: "latest" }));
	return found;
}

/** `packages/bpf/src/isa/table.ts` → `bpf/isa`; `packages/compiler/src/compile.ts` → `compiler/compile`. */
function roomOf(file: string): string {
	const [, pkg, , ...rest] = file.split("/");
	return `${pkg}/${rest[0]!.replace(/\.ts$/, "")}`;
}

/** Room or package that a specifier leads to, by the doors in package.json; undefined: inside the own room. */
function target(file: string, specifier: string): string | undefined {
	const pkg = file.split("/")[1]!;
	const json = (name: string) => JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
	if (specifier.startsWith(".")) {
		const to = roomOf(relative(root, join(root, dirname(file), specifier)));
		return to === roomOf(file) ? undefined : `relative path into ${to}`;
	}
	if (specifier.startsWith("#")) {
		const door = json(pkg).imports?.[specifier];
		return door ? roomOf(join("packages", pkg, door)) : `no door ${specifier}`;
	}
	const own = /^@skep\/([a-z]+)(\/.+)?$/.exec(specifier);
	if (own) {
		const door = json(own[1]!).exports[own[2] ? `.${own[2]}` : "."];
		if (!door) return `no door ${specifier}`;
		const path = typeof door === "string" ? door : door.default;
		return own[1] === "linux" ? "@skep/linux" : roomOf(join("packages", own[1]!, path));
	}
	return specifier.startsWith("node:") ? "node:*" : specifier;
}

const files = globSync("packages/*/src/**/*.ts", { cwd: root }).filter(
	(f) => !/\.test(-support)?\.ts$|\.d\.ts$/.test(f),
);

test("every import is allowed by the table of docs/architecture.md", () => {
	const rooms = readTable();
	assert.ok(rooms.size > 20, "the table was found");
	const wrong: string[] = [];
	for (const file of files) {
		const room = rooms.get(roomOf(file));
		if (!room) {
			wrong.push(`${file}: room ${roomOf(file)} is not in the table`);
			continue;
		}
		for (const s of specifiers(readFileSync(join(root, file), "utf8"))) {
			const to = target(file, s);
			if (to !== undefined && !room.allowed.has(to)) wrong.push(`${file}: ${s} (${to})`);
		}
	}
	assert.deepEqual(wrong, []);
});

test("the table has no circle", () => {
	const rooms = readTable();
	const state = new Map<string, "open" | "done">();
	const visit = (room: string, path: string[]): void => {
		if (state.get(room) === "done") return;
		assert.notEqual(state.get(room), "open", `circle: ${[...path, room].join(" → ")}`);
		state.set(room, "open");
		for (const to of rooms.get(room)?.allowed ?? []) visit(to, [...path, room]);
		state.set(room, "done");
	};
	for (const room of rooms.keys()) visit(room, []);
});

test("examples import nothing but skep, node: and their own folder", () => {
	const wrong: string[] = [];
	for (const file of globSync("examples/**/*.ts", { cwd: root })) {
		const folder = file.split("/").slice(0, 2).join("/");
		for (const s of specifiers(readFileSync(join(root, file), "utf8"))) {
			const inside = s.startsWith(".") && relative(folder, join(dirname(file), s)).startsWith("..") === false;
			if (!inside && !/^(skep(\/|$)|node:)/.test(s)) wrong.push(`${file}: ${s}`);
		}
	}
	assert.deepEqual(wrong, []);
});

test("no file past 600 lines except tables", () => {
	const long = globSync(["packages/*/src/**/*.ts", "scripts/**/*.ts", "test/**/*.ts", "bench/**/*.ts"], { cwd: root })
		.filter((f) => !/\.gen\.ts$|\.d\.ts$|\/(table|words|members|messages|helpers|sections)\.ts$/.test(f))
		.map((f) => [f, readFileSync(join(root, f), "utf8").split("\n").length] as const)
		.filter(([, n]) => n > 601)
		.map(([f, n]) => `${f}: ${n}`);
	assert.deepEqual(long, []);
});
