// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the examples are source text
/** A file that makes a diagnostic, and the same mended. What the number means stands in the compiler's table of pages. */
export interface DiagnosticExample {
	readonly wrong: string;
	readonly right: string;
	/** Besides the file `tool.ts`, where one is imported. */
	readonly files?: Readonly<Record<string, string>>;
}

const inExec = (imports: string, body: string, before = ""): string =>
	`import { ${imports} } from "skep";\n${before}tracepoint("sched:sched_process_exec", (ctx) => {\n${body.replace(/^/gm, "\t")}\n});`;
const inXdp = (types: string, body: string, imports = "XDP, xdp"): string =>
	`import { ${imports} } from "skep";\n${types}export const p = xdp({ attach: false }, (packet) => {\n${body.replace(/^/gm, "\t")}\n});`;
const ROWS = "const rows = array<{ cells: arr<u32, 8> }>(1);\n";
const COUNTS = "const counts = hash<u32, u64>(16);\n";
const UDP = 'import type { udphdr } from "skep/net";\n';
const ETH = 'import type { ethhdr } from "skep/net";\n';

/** One entry a number that this compiler gives. */
// biome-ignore format: table
export const DIAGNOSTIC_EXAMPLES: Readonly<Record<string, DiagnosticExample>> = {
	SK1000: { wrong: "const a = ;", right: "const a = 1;\nconsole.log(a);" },
	SK1001: { wrong: inExec("tracepoint", "const seen = new Map();\nseen.set(ctx.pid, 1);"), right: inExec("hash, tracepoint, type i32, type u32", "seen.set(ctx.pid, 1);", "const seen = hash<i32, u32>(1024);\n") },
	SK1002: { wrong: 'import { first } from "./lib";\nconsole.log(first(1));', right: 'import { first } from "./lib.ts";\nconsole.log(first(1));', files: { "lib.ts": "export const first = (n: number) => n & 1;" } },
	SK1003: { wrong: inExec("current, printk, tracepoint", 'if (current.pid == 1) printk("init");'), right: inExec("current, printk, tracepoint", 'if (current.pid === 1) printk("init");') },
	SK1004: { wrong: inExec("printk, tracepoint", "printk(`${Date.now()}`);"), right: inExec("ktime, printk, tracepoint", "printk(`${ktime()}`);") },
	SK1005: { wrong: inExec("printk, tracepoint", 'const path = ctx.filename.readString(64);\nif (/^\\/usr/.test(path)) printk("usr");'), right: inExec("printk, tracepoint", 'const path = ctx.filename.readString(64);\nif (path.startsWith("/usr/")) printk("usr");') },
	SK1006: { wrong: inExec("printk, tracepoint", "const s = { last: 0 };\ns.last = ctx.pid;\nprintk(`${s.last}`);"), right: inExec("type i32, printk, tracepoint", "const s: Stat = { last: 0 };\ns.last = ctx.pid;\nprintk(`${s.last}`);", "interface Stat { last: i32 }\n") },
	SK1007: { wrong: inExec("printk, tracepoint", "const f = ctx.pid > 1 ? a : b;\nf();", 'const a = () => printk("a");\nconst b = () => printk("b");\n'), right: inExec("printk, tracepoint", "if (ctx.pid > 1) a();\nelse b();", 'const a = () => printk("a");\nconst b = () => printk("b");\n') },
	SK1008: { wrong: inExec("current, printk, tracepoint", 'printk(current.comm + "!");'), right: inExec("current, printk, tracepoint", "printk(`${current.comm}!`);") },
	SK1009: { wrong: inExec("current, printk, tracepoint, type u64", "const wide: u64 = current.pid;\nprintk(`${wide}`);"), right: inExec("current, printk, tracepoint, u64", "const wide: u64 = u64(current.pid);\nprintk(`${wide}`);") },
	SK1010: { wrong: 'import { fentry, printk } from "skep";\nfentry("vfs_read", () => printk("read"));', right: 'import { printk, tracepoint } from "skep";\ntracepoint("syscalls:sys_enter_read", () => printk("read"));' },
	SK1011: { wrong: 'import * as skep from "skep";\nconst events = skep.ringbuf<{ pid: skep.u32 }>(4096);\nconsole.log(events.lost);', right: 'import { ringbuf, type u32 } from "skep";\nconst events = ringbuf<{ pid: u32 }>(4096);\nconsole.log(events.lost);' },
	SK1012: { wrong: 'import { hash, type u32, type u64 } from "skep";\n// skep-expect-error SK5006\nconst counts = hash<u32, u64>(16);\nconsole.log(counts);', right: 'import { hash, type u32, type u64 } from "skep";\nconst counts = hash<u32, u64>(16);\nconsole.log(counts);' },
	SK2001: { wrong: inExec("printk, tracepoint", 'if (ctx.pid * 1.5 > 100) printk("high");'), right: inExec("printk, tracepoint", 'if (ctx.pid * 15 > 1000) printk("high");') },
	SK2003: { wrong: inExec("printk, tracepoint, type u32", "const limit: u32 = 5_000_000_000;\nprintk(`${limit}`);"), right: inExec("printk, tracepoint, type u64", "const limit: u64 = 5_000_000_000n;\nprintk(`${limit}`);") },
	SK2004: { wrong: inExec("ktime, printk, tracepoint", 'if (ktime() > 5) printk("later");'), right: inExec("ktime, printk, tracepoint", 'if (ktime() > 5n) printk("later");') },
	SK2005: { wrong: inExec("current, printk, tracepoint", 'if (ctx.pid < current.pid) printk("less");'), right: inExec("current, printk, tracepoint, u32", 'if (u32(ctx.pid) < current.pid) printk("less");') },
	SK2007: { wrong: inExec("current, printk, tracepoint, type u8", "const low: u8 = current.pid + 1;\nprintk(`${low}`);"), right: inExec("current, printk, tracepoint, u8", "const low = u8(current.pid + 1);\nprintk(`${low}`);") },
	SK2011: { wrong: inExec("hash, tracepoint, type u8, type u32", "const s = stats.ref(1);\nif (s) s.hits += 1;", "interface Stat { hits: u8 }\nconst stats = hash<u32, Stat>(16);\n"), right: inExec("hash, tracepoint, type u32", "const s = stats.ref(1);\nif (s) s.hits += 1;", "interface Stat { hits: u32 }\nconst stats = hash<u32, Stat>(16);\n") },
	SK2101: { wrong: 'import { ringbuf } from "skep";\ninterface Exec { name: string }\nconst events = ringbuf<Exec>(4096);\nconsole.log(events.lost);', right: 'import { type chars, ringbuf } from "skep";\ninterface Exec { name: chars<64> }\nconst events = ringbuf<Exec>(4096);\nconsole.log(events.lost);' },
	SK2102: { wrong: inExec("printk, tracepoint, type u32", 'const a: Point = { x: 1, y: 2 };\nconst b: Point = { x: 1, y: 2 };\nif (a === b) printk("same");', "interface Point { x: u32; y: u32 }\n"), right: inExec("equals, printk, tracepoint, type u32", 'const a: Point = { x: 1, y: 2 };\nconst b: Point = { x: 1, y: 2 };\nif (equals(a, b)) printk("same");', "interface Point { x: u32; y: u32 }\n") },
	SK2103: { wrong: inExec("hash, printk, tracepoint, type u32, type u64", 'const n = counts.get(1);\nif (n) printk("there");', COUNTS), right: inExec("hash, printk, tracepoint, type u32, type u64", 'const n = counts.get(1);\nif (n !== undefined) printk("there");', COUNTS) },
	SK2201: { wrong: inExec("type chars, printk, tracepoint", 'const kind: chars<8> = "connect-refused";\nprintk(kind);'), right: inExec("type chars, printk, tracepoint", 'const kind: chars<16> = "connect-refused";\nprintk(kind);') },
	SK2202: { wrong: inXdp(UDP, "const udp = packet.at<udphdr>(34);\nif (udp) printk(`${udp.dport}`);\nreturn XDP.PASS;", "printk, XDP, xdp"), right: inXdp(UDP, "const udp = packet.at<udphdr>(34);\nif (udp) printk(`${ntohs(udp.dport)}`);\nreturn XDP.PASS;", "ntohs, printk, XDP, xdp") },
	SK3001: { wrong: inExec("printk, tracepoint, type u32", "printk(`${sum(5)}`);", "const sum = (n: u32): u32 => (n === 0 ? 0 : n + sum(n - 1));\n"), right: inExec("printk, range, tracepoint, type u32", "let sum: u32 = 0;\nfor (const i of range(6)) sum += i;\nprintk(`${sum}`);") },
	SK3002: { wrong: inExec("current, printk, tracepoint", "let t = current.task;\nwhile (t.tgid !== 1) t = t.real_parent;\nprintk(`${t.pid}`);"), right: inExec("current, printk, tracepoint", "let t = current.task;\nfor (let i = 0; i < 16 && t.tgid !== 1; i++) t = t.real_parent;\nprintk(`${t.pid}`);") },
	SK3003: { wrong: inExec("array, type arr, current, tracepoint, type u32", "const r = rows.ref(0);\nif (r) r.cells[current.pid] = 1;", ROWS), right: inExec("array, type arr, current, tracepoint, type u32", "const r = rows.ref(0);\nif (r) r.cells[current.pid & 7] = 1;", ROWS) },
	SK3004: { wrong: inExec("current, printk, tracepoint", "const a = current.pid;\nprintk(`${a} ${a} ${a} ${a} ${a} ${a} ${a} ${a} ${a} ${a} ${a} ${a} ${a}`);"), right: inExec("current, printk, tracepoint", "const a = current.pid;\nprintk(`${a} ${a} ${a}`);") },
	SK3005: { wrong: inXdp(ETH, "const eth = packet.at<ethhdr>(0);\nif (!eth || packet.adjustHead(-14) < 0) return XDP.DROP;\neth.dst[0] = 2;\nreturn XDP.PASS;"), right: inXdp(ETH, "if (packet.adjustHead(-14) < 0) return XDP.DROP;\nconst eth = packet.at<ethhdr>(0);\nif (!eth) return XDP.DROP;\neth.dst[0] = 2;\nreturn XDP.PASS;") },
	SK3006: { wrong: inExec("type chars, hash, tracepoint, type u32, type u8", "const key: Key = { path: ctx.filename.readString(512), more: 1 };\nseen.set(key, 1);", "interface Key { path: chars<512>; more: u8 }\nconst seen = hash<Key, u32>(16);\n"), right: inExec("type chars, hash, tracepoint, type u32, type u8", "const key: Key = { path: ctx.filename.readString(128), more: 1 };\nseen.set(key, 1);", "interface Key { path: chars<128>; more: u8 }\nconst seen = hash<Key, u32>(16);\n") },
	SK3007: { wrong: 'import { printk, tpBtf } from "skep";\nimport type { file } from "skep/kernel";\ntpBtf("sched_process_exit", (task) => {\n\tconst f = task as unknown as file;\n\tprintk(`${f.f_flags}`);\n});', right: 'import { cast, printk, tpBtf } from "skep";\nimport type { file } from "skep/kernel";\ntpBtf("sched_process_exit", (task) => {\n\tconst f = cast<file>(task.mm.exe_file);\n\tprintk(`${f.f_flags}`);\n});' },
	SK3008: { wrong: inExec("hash, tracepoint, type u32", "stats.ref(1)!.hits += 1;", "const stats = hash<u32, { hits: u32 }>(16);\n"), right: inExec("hash, tracepoint, type u32", "const s = stats.ref(1);\nif (s) s.hits += 1;", "const stats = hash<u32, { hits: u32 }>(16);\n") },
	SK3010: { wrong: inExec("ringbuf, tracepoint, type u32", "let kept: Row | undefined;\nevents.emit((e) => {\n\tkept = e;\n});\nif (kept) kept.pid = 2;", "interface Row { pid: u32 }\nconst events = ringbuf<Row>(4096);\n"), right: inExec("ringbuf, tracepoint, type u32", "events.emit((e) => {\n\te.pid = 2;\n});", "interface Row { pid: u32 }\nconst events = ringbuf<Row>(4096);\n") },
	SK4001: { wrong: 'import { printk, tracepoint } from "skep";\ntracepoint("sched:sched_process_exek", () => printk("exec"));', right: 'import { printk, tracepoint } from "skep";\ntracepoint("sched:sched_process_exec", () => printk("exec"));' },
	SK4002: { wrong: inExec("printk, tracepoint", "printk(`${ctx.pidd}`);"), right: inExec("printk, tracepoint", "printk(`${ctx.pid}`);") },
	SK4006: { wrong: inExec("printk, tracepoint", 'printk("exec");', 'export const license = "MIT";\n'), right: inExec("printk, tracepoint", 'printk("exec");', 'export const license = "Dual MIT/GPL";\n') },
	SK4007: { wrong: inXdp("", "if (packet.length > 1000) return 9;\nreturn XDP.PASS;"), right: inXdp("", "if (packet.length > 1000) return XDP.DROP;\nreturn XDP.PASS;") },
	SK5001: { wrong: inExec("hash, tracepoint, type u32, type u64", "const counts = hash<u32, u64>(16);\ncounts.add(1, 1n);"), right: inExec("hash, tracepoint, type u32, type u64", "counts.add(1, 1n);", COUNTS) },
	SK5002: { wrong: 'import { ringbuf, tracepoint, type u32 } from "skep";\nconst events = ringbuf<{ pid: u32 }>(4096);\nevents.emit((e) => {\n\te.pid = 1;\n});\ntracepoint("sched:sched_process_exec", () => {});', right: 'import { current, ringbuf, tracepoint, type u32 } from "skep";\nconst events = ringbuf<{ pid: u32 }>(4096);\ntracepoint("sched:sched_process_exec", () => {\n\tevents.emit((e) => {\n\t\te.pid = current.pid;\n\t});\n});\nfor await (const e of events) console.log(e.pid);' },
	SK5003: { wrong: 'import { tracepoint } from "skep";\nlet execs = 0;\ntracepoint("sched:sched_process_exec", () => {\n\texecs++;\n});\nconsole.log(execs);', right: 'import { shared, tracepoint, type u32 } from "skep";\nconst state = shared<{ execs: u32 }>({ execs: 0 });\ntracepoint("sched:sched_process_exec", () => {\n\tstate.execs += 1;\n});\nconsole.log(state.execs);' },
	SK5004: { wrong: 'import { printk, tracepoint, type u32 } from "skep";\nconst third = (n: u32) => n / 3;\ntracepoint("sched:sched_process_exec", () => printk(`${third(6)}`));\nconsole.log(third(7));', right: 'import { printk, tracepoint, type u32 } from "skep";\nconst third = (n: u32) => Math.trunc(n / 3);\ntracepoint("sched:sched_process_exec", () => printk(`${third(6)}`));\nconsole.log(third(7));' },
	SK5005: { wrong: inExec("current, tracepoint", "console.log(current.pid);"), right: inExec("current, printk, tracepoint", "printk(`${current.pid}`);") },
	SK5006: { wrong: 'import { ringbuf, type u32 } from "skep";\nconst events = ringbuf<{ pid: u32 }>(1000);\nconsole.log(events.lost);', right: 'import { ringbuf, type u32 } from "skep";\nconst events = ringbuf<{ pid: u32 }>(4096);\nconsole.log(events.lost);' },
};

/** Numbers that this compiler does not give: what they stand for comes with words that are not compiled yet, or from elsewhere. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
	SK3009: "Not given yet: kfuncs, which acquire references, are not compiled yet.",
	SK3011: "No example here: it takes a function of tens of thousands of instructions.",
	SK4003:
		"Not given yet: the words that are compiled are known to all program types that can use them, or refused by tsc.",
	SK4004: "Not given yet: `skep build` tells the kernel that a program needs.",
	SK4005: "Not given yet: helpers by name are not compiled yet.",
	SK4008: "Given by `skep record`, not by `skep build`.",
	SK4010: "Not given yet: nothing compares the two. `skep types` writes the file anew.",
	SK6001: "Given by the loader: what the running kernel says to the program.",
};
