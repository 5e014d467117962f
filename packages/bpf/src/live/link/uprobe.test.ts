import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { VirtualKernel } from "@skep/vm";
import { NotSupportedError } from "#base";
import { insn } from "#isa";
import { ERRNO, type Kernel } from "#kernel";
import { attachUprobe, attachUprobeMulti, has } from "../index.ts";
import { onKernel } from "../kernel.test-support.ts";
import { Counter, counting, keep, keepCookie } from "./counting.test-support.ts";

/** libc's getppid, which the getter calls each time. */
const call = (times: number): number => {
	let sum = 0;
	for (let i = 0; i < times; i++) sum += process.ppid;
	return sum;
};
const HERE = { binary: "libc", function: "getppid", pid: process.pid } as const;

test(
	"uprobes and uretprobes fire in one process, by symbol and by offset, with cookies; detached, attached again, closed",
	onKernel((kernel) => {
		using counter = new Counter(kernel);
		const cookies = has(kernel, "perf_link");
		// Where the function returns, rax is what it returns.
		using program = counting(kernel, counter, {
			type: "kprobe",
			body: [...(cookies ? keepCookie() : []), insn.load(8, 1, 6, 80), keep(2, 1)],
		});
		{
			using link = attachUprobe(program, { ...HERE, ...(cookies ? { cookie: 7n } : {}) });
			call(5);
			assert.equal(counter.count, 5);
			if (cookies) assert.deepEqual([counter.value(1), link.way], [7n, "bpf_link"]);
			const info = link.info()?.perf_event;
			assert.equal(link.type, cookies ? "perf_event" : undefined);
			assert.ok(
				info === undefined || (info.kind === "uprobe" && /libc/.test(info.file)),
				JSON.stringify(info, (_, v) => `${v}`),
			);
			link.detach();
			call(5);
			assert.equal(counter.count, 5);
			assert.equal(link.attached, false);
			assert.throws(() => link.fd, { code: "ERR_DETACHED" });
			link.reattach();
			call(5);
			assert.equal(counter.count, 10);
			assert.throws(() => link.update(program), NotSupportedError);
		}
		call(5);
		assert.equal(counter.count, 10);
		counter.reset();
		{
			using _ = attachUprobe(program, { ...HERE, return: true });
			call(3);
			assert.deepEqual([counter.count, counter.value(2)], [3, BigInt(process.ppid)]);
		}
		counter.reset();
		const found = kernel.host!.functions(`${kernel.host!.binary("libc")}`, "getppid");
		assert.ok(typeof found === "object");
		const offset = found[0]!.offset;
		using _ = attachUprobe(program, { binary: "libc", offset });
		spawnSync("sh", ["-c", "exit 0"]);
		assert.ok(counter.count > 0, "in every process: sh asks for its parent");
	}),
);

test(
	"without links for perf events the program is set on the event",
	onKernel((kernel) => {
		const older: Kernel = Object.create(kernel, {
			bpf: {
				value: ((command, attr) =>
					command === "LINK_CREATE" ? -ERRNO.EINVAL : kernel.bpf(command, attr)) as Kernel["bpf"],
			},
		});
		using counter = new Counter(older);
		using program = counting(older, counter, { type: "kprobe" });
		using link = attachUprobe(program, HERE);
		call(4);
		assert.deepEqual([counter.count, link.way], [4, "perf_ioctl"]);
		assert.match(link.note ?? "", /no bpf_link for perf events/);
	}),
);

test(
	"one link to many places of a file: entry, return, session",
	onKernel((kernel, t) => {
		using counter = new Counter(kernel);
		const attach = (attachType: "trace_uprobe_multi" | "trace_uprobe_session", more: object) => {
			const program = counting(kernel, counter, { type: "kprobe", attachType, body: keepCookie() });
			try {
				return { program, link: attachUprobeMulti(program, { binary: "libc", pid: process.pid, ...more }) };
			} catch (error) {
				program.close();
				throw error;
			}
		};
		// Uprobes by the dozen came with 6.6, cookies and their helper before that.
		if (/^(5|6\.[0-5])\./.test(kernel.release)) return t.skip(`this kernel (${kernel.release}) has no uprobe.multi`);
		const functions = ["getppid", "getpriority"];
		const entry = attach("trace_uprobe_multi", { functions, cookies: [5n, 6n] });
		call(3);
		assert.deepEqual([counter.count, counter.value(1)], [3, 5n]);
		const info = entry.link.info()?.uprobe_multi;
		assert.equal(info?.count, 2);
		assert.deepEqual(info?.cookies, [5n, 6n]);
		assert.match(info?.path ?? "", /libc/);
		entry.link.close();
		entry.program.close();
		counter.reset();
		const back = attach("trace_uprobe_multi", { pattern: "getpp*", return: true });
		call(2);
		assert.equal(counter.count, 2);
		assert.equal(back.link.type, "uprobe_multi");
		back.link.close();
		back.program.close();
		counter.reset();
		let session: ReturnType<typeof attach>;
		try {
			session = attach("trace_uprobe_session", { functions: ["getppid"] });
		} catch (error) {
			return t.diagnostic(`no sessions here: ${(error as Error).message}`);
		}
		call(2);
		assert.equal(counter.count, 4, "at entry and at return");
		session.link.close();
		session.program.close();
		return undefined;
	}),
);

test(
	"what cannot be probed is told in words",
	onKernel((kernel) => {
		using counter = new Counter(kernel);
		using program = counting(kernel, counter, { type: "kprobe" });
		const at = (target: Parameters<typeof attachUprobe>[1]) => () => attachUprobe(program, target).close();
		assert.throws(at({ binary: "no-such-thing" }), {
			code: "ERR_NO_BINARY",
			message: /neither a file nor in the folders/,
		});
		assert.throws(at({ binary: "/etc/passwd", function: "x" }), { code: "ERR_NO_BINARY", message: /no ELF file/ });
		assert.throws(at({ binary: "libc", function: "no_such_function" }), {
			code: "ERR_NO_SYMBOL",
			message: /has no function no_such_function/,
		});
		assert.throws(() => attachUprobeMulti(program, { binary: "libc", functions: ["getppid"], cookies: [] }), {
			code: "ERR_NO_TARGET",
		});
		const virtual = new VirtualKernel();
		const there = Object.create(program, { kernel: { value: virtual } }) as typeof program;
		assert.throws(() => attachUprobe(there, HERE), NotSupportedError);
	}),
);
