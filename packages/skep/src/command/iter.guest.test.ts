// Ready iterators on kernels from 5.10 on: those that they have work, the others are refused with the version that has them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { versionCode } from "@skep/bpf/kernel";
import { ITERATORS } from "@skep/bpf/uapi";
import { chooseKernel } from "#backend";
import { Front } from "./desk.test-support.ts";
import { READY } from "./iter-list.ts";

/** The kernel's names. */
const TARGETS: Readonly<Record<string, string>> = {
	tasks: "task",
	files: "task_file",
	vmas: "task_vma",
	tcp: "tcp",
	udp: "udp",
	unix: "unix",
	maps: "bpf_map",
	programs: "bpf_prog",
	links: "bpf_link",
	cgroups: "cgroup",
	ksyms: "ksym",
};

/** A member that every row has, filled. */
const TELLING: Readonly<Record<string, string>> = {
	tasks: "comm",
	files: "comm",
	vmas: "perms",
	tcp: "state",
	udp: "local",
	unix: "type",
	maps: "type",
	programs: "type",
	links: "type",
	cgroups: "path",
	ksyms: "type",
};

for (const name of Object.keys(READY))
	test(`iter ${name}`, async (t) => {
		let front: Front;
		try {
			front = new Front(chooseKernel("linux").kernel);
		} catch (error) {
			return t.skip(`needs Linux that permits eBPF: ${(error as Error).message.split("\n")[0]}`);
		}
		const { kernel } = front;
		const { since } = ITERATORS[TARGETS[name]!]!;
		if (versionCode(kernel.version ?? kernel.release) < versionCode(since)) {
			await assert.rejects(
				front.run(`iter ${name}`),
				new RegExp(`the iterator ${TARGETS[name]} is there since Linux ${since.replace(".", "\\.")}`),
			);
			return;
		}
		if (name === "cgroups" && typeof kernel.places?.cgroups() !== "object")
			return t.skip("needs cgroups of version 2: none are mounted");
		const rows = (await front.json(`iter ${name}`)) as Record<string, unknown>[];
		assert.ok(Array.isArray(rows));
		for (const row of rows)
			assert.ok(row[TELLING[name]!] !== undefined && row[TELLING[name]!] !== "", JSON.stringify(row));
		if (name !== "udp" && name !== "unix" && name !== "tcp" && name !== "maps") assert.ok(rows.length > 0);
		if (name === "tasks") {
			const own = rows.find((row) => row["tid"] === process.pid);
			const stat = readFileSync("/proc/self/stat", "utf8");
			assert.deepEqual(
				[own?.["pid"], own?.["comm"], own?.["ppid"]],
				[process.pid, stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")), process.ppid],
			);
		}
		if (name === "files") {
			// Before 5.12 iterators may not ask for paths: names have to do.
			const begins = versionCode(kernel.version ?? kernel.release) < versionCode("5.12") ? /./ : /^\//;
			assert.ok(rows.some((row) => row["pid"] === process.pid && begins.test(String(row["path"]))));
		}
	});
