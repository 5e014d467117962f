// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the examples are source text
/** The page of a number: for `skep help SK3003` and the manual. */
export interface Page {
	readonly code: `SK${number}`;
	readonly title: string;
	/** What was found. */
	readonly what: string;
	/** Why it is refused. */
	readonly why: string;
	/** What to write instead. */
	readonly remedy: string;
	/** A line or two that are refused, and what they become. */
	readonly example: string;
}

const page = (
	code: `SK${number}`,
	title: string,
	what: string,
	why: string,
	remedy: string,
	example: string,
): Page => ({ code, title, what, why, remedy, example });

// biome-ignore format: table
const PAGES: readonly Page[] = [
	page("SK1000", "not TypeScript", "The text cannot be parsed.", "A file of skep is ordinary TypeScript; stock tsc refuses it as well.", "Correct the syntax at the place that is marked: what stands there and what was expected is said. Nothing else is looked for before that, so more may be found then.", "const a = ;  →  const a = 1;"),
	page("SK1001", "construct that kernel code does not have", "`new`, `try`, `throw`, `async`, `await`, `yield`, `class`, `this`, `eval`, `with`, `delete`, `in`, `instanceof` or another construct stands in kernel code.", "A program in the kernel has no heap, no exceptions and cannot wait.", "What can fail returns `undefined`, `false` or -errno: test it. Data lives in maps and in structs on the stack.", "const m = new Map();  →  const m = hash<u32, u64>(1024);   // at the top of the module"),
	page("SK1002", "import that leads nowhere", "The file of an import does not exist, has no extension, or does not export the name.", "The compiler reads the modules that Node will load, by the same names.", "Write the whole relative path with `.ts`, and a name that the module exports.", 'import { f } from "./lib";  →  import { f } from "./lib.ts";'),
	page("SK1003", "`==` or `!=`", "A loose comparison.", "Its conversions have no meaning between kernel types.", "Write `===` or `!==`. `== null` is allowed: it tests for undefined.", "if (a == b)  →  if (a === b)"),
	page("SK1004", "no such function in kernel code", "A function of JavaScript's library is called that does not exist in the kernel.", "Only what lowers to instructions, helpers and kfuncs can be called.", "Take the word of the vocabulary: `Math.random()` is `random()`, `Date.now()` is `ktime()`, `console.log` is `printk`.", "Date.now()  →  ktime()"),
	page("SK1005", "regular expression", "A regular expression stands in kernel code.", "There is no engine for it in the kernel.", "`startsWith`, `endsWith`, `includes`, `===` and `charCodeAt` do what a bounded loop can.", '/^\\/etc/.test(path)  →  path.startsWith("/etc/")'),
	page("SK1006", "object literal without a type that escapes", "An object literal is kept in a local or handed on, and nothing says what struct it is.", "A struct in memory needs a layout: sizes, order, alignment.", "Annotate the local with an interface, or hand the literal directly to what has a type.", "const s = { a: 1 };  →  const s: Stat = { a: 1 };"),
	page("SK1007", "function as a value", "A function is stored, returned, or chosen at run time.", "Kernel code calls functions by name only: the verifier follows every call.", "Call the function by name, or write the callback where it is used.", "const f = a ? g : h; f();  →  if (a) g(); else h();"),
	page("SK1008", "`+` on strings", "Strings are joined with `+`.", "A string in the kernel is a buffer of fixed size; `+` would need a new one.", "Assign a template literal to a `chars<N>`, or hand it to `printk`.", 'e.text = a + "!";  →  e.text = `${a}!`;'),
	page("SK1009", "types that do not fit", "Two types meet that do not go together. Stock tsc says so too.", "Kernel code has exact types; nothing is converted behind the program's back.", "Convert explicitly (`u32(x)`, `u64(x)`, `ntohs(x)`), or correct the type.", "const t: u64 = current.pid;  →  const t: u64 = u64(current.pid);"),
	page("SK1010", "word that is not compiled yet", "The word or form belongs to the language, and this version of the compiler does not compile it.", "The language is larger than this version. Nothing is ignored silently.", "Write it with words that are compiled, or use a later version.", "fentry(\"vfs_read\", …)  →  tracepoint(\"syscalls:sys_enter_read\", …)"),
	page("SK1011", "vocabulary under another name", "A constructor is used through a namespace import, or handed on as a value.", "The compiler finds handles by their constructor's name, and the user half by the place of the call.", "Import the constructor by name and call it where the handle is declared.", 'import * as skep from "skep"; skep.ringbuf<E>(4096)  →  import { ringbuf } from "skep"; ringbuf<E>(4096)'),
	page("SK1012", "expected error that does not come", "A `// skep-expect-error SKnnnn` comment stands before a line without this error, or has no number.", "An expectation that holds no more hides that something has changed.", "Remove the comment, or correct its number.", "// skep-expect-error SK3003"),
	page("SK2001", "fraction", "A number with a fraction, `NaN`, or a function that gives one.", "Kernel code has integers only.", "Scale: microseconds instead of milliseconds, per mille instead of a share.", "const limit = 1.5;  →  const limitPerMille = 1500;"),
	page("SK2003", "literal out of range", "A constant does not fit the type that it is given to.", "It would be wrapped silently.", "Take a wider type, or a value in the range.", "const a: u32 = 5_000_000_000;  →  const a: u64 = 5_000_000_000n;"),
	page("SK2004", "`bigint` and `number` compared", "A 64-bit value is compared with a 32-bit one. tsc allows it for `<` and `>`.", "The widths differ; one of them has to be said.", "Write the literal as `5n`, or convert: `u64(x)`.", "if (t > 5)  →  if (t > 5n)"),
	page("SK2005", "signed and unsigned mixed", "A signed and an unsigned value are compared or divided.", "-1 is 4294967295 for an unsigned comparison: the result depends on which side wins.", "Convert one side: `u32(x)` or `i32(x)`. A constant that fits both needs nothing.", "if (ret < size)  →  if (ret < i32(size))"),
	page("SK2007", "arithmetic result into 8 or 16 bits", "The result of arithmetic is put into a `u8`, `i8`, `u16` or `i16`.", "Arithmetic is done with 32 bits; what is cut off should be visible.", "Convert: `u8(x)`, `u16(x)`.", "e.flags = a | b;  →  e.flags = u8(a | b);"),
	page("SK2011", "atomic operation on 8 or 16 bits", "`+=`, `|=` and their kin on an 8- or 16-bit member that other CPUs see.", "The instruction set has atomics for 32 and 64 bits only.", "Make the member `u32` or `u64`, or write `x = u8(x + 1)`, which is not atomic.", "interface Stat { hits: u8 }  →  interface Stat { hits: u32 }"),
	page("SK2101", "member without a size", "A type that has no layout stands in a record, key or value: `string`, optional members, unions, arrays without length, classes, functions, kernel structs.", "Both halves read the same bytes; every member needs a size and a place.", "`chars<N>` for text, `arr<T, N>` for arrays, interfaces for structs; zero or a flag for what may be missing.", "interface E { name: string }  →  interface E { name: chars<64> }"),
	page("SK2102", "`===` on structs", "Two struct values are compared with `===`.", "In JavaScript that compares identity and would be false.", "Compare bytes with `equals(a, b)`, or the members that matter.", "if (a === b)  →  if (equals(a, b))"),
	page("SK2103", "truth of a copied number", "A number that may be missing (`get`) is tested for truth.", "0 and missing look alike.", "Write `!== undefined`, or `?? 0n`.", "const n = m.get(k); if (n)  →  if (n !== undefined)"),
	page("SK2201", "text too long", "A constant text is longer than the `chars<N>` that it is given to.", "It would be cut.", "Make the field larger, or the text shorter; `chars(text, n)` cuts on purpose.", 'e.kind = "connect-refused";   // chars<8>'),
	page("SK2202", "network order in a template", "A `be16`, `be32` or `be64` stands in a template literal.", "Its digits would be those of swapped bytes.", "Write `${ntohs(port)}`.", "printk(`${udp.dport}`)  →  printk(`${ntohs(udp.dport)}`)"),
	page("SK3001", "recursion", "A function calls itself, directly or through others.", "The stack has 512 bytes and the verifier follows calls to a fixed depth.", "Write a bounded loop.", "function walk(t) { … walk(t.real_parent) }  →  for (const i of range(16)) t = t.real_parent;"),
	page("SK3002", "loop without a bound", "The compiler finds no bound for a loop.", "The verifier must see that it ends.", "Count: `for (const i of range(n))`, or add `i < 100` to the condition.", "while (t.tgid !== 1) t = t.real_parent;  →  for (let i = 0; i < 16 && t.tgid !== 1; i++) t = t.real_parent;"),
	page("SK3003", "index without a bound", "An index is not known to be within the array.", "The verifier refuses an access that may lie outside.", "Test it (`if (i < a.length)`), mask it (`i & 7`), or take it from a loop over the array.", "a[i]  →  if (i < a.length) a[i]"),
	page("SK3004", "too many arguments", "A subprogram or helper is called with more than five arguments.", "The calling convention has five registers.", "Hand over a struct.", "f(a, b, c, d, e, g)  →  f({ a, b, c, d, e, g })"),
	page("SK3005", "packet reference after a move", "A reference into the packet is used after a call that moves the packet.", "`adjustHead`, `adjustTail` and `pull` may put the packet elsewhere.", "Take the reference again with `at` or `next`.", "packet.adjustHead(-14); eth.proto  →  const eth = packet.at<ethhdr>(0);"),
	page("SK3006", "more than 512 bytes of stack", "The locals of a function and what it calls need more than 512 bytes.", "The kernel gives a program no more.", "Keep big values in a map (`ref`) or in the ring-buffer record itself. The diagnostic lists who uses the stack.", "const path = ctx.filename.readString(512);  →  events.emit((e) => { e.path = ctx.filename.readString(512); });"),
	page("SK3007", "`as` between kinds of pointers", "`as` makes one kind of pointer out of another.", "`as` generates no code and proves nothing; the kinds are read differently.", "Use `cast<T>(p)`, `userPtr<T>(address)`, or the member that has the type.", "p as task_struct  →  cast<task_struct>(p)"),
	page("SK3008", "missing null check", "A value that may be `undefined` is used without a test.", "The verifier demands the test. Stock tsc says so too.", "Test it: `if (!v) return;`.", "m.ref(k).count += 1n;  →  const v = m.ref(k); if (v) v.count += 1n;"),
	page("SK3009", "owned reference without `using`", "A reference that must be given back is not taken with `using`.", "The verifier refuses a program that can end without giving it back.", "Write `using x = …`: it is released on every way out.", "const t = kfunc.bpf_task_from_pid(1);  →  using t = kfunc.bpf_task_from_pid(1);"),
	page("SK3010", "record kept beyond `emit`", "The record of an `emit` is stored or used outside of its function.", "After `emit` the record belongs to the reader.", "Copy what is needed into a local before.", "let r; events.emit((e) => { r = e; });  →  set the members inside of the function"),
	page("SK3011", "program too large", "A function becomes more code than a jump can cross, or than the kernel takes.", "Jumps reach 32767 instructions; the kernel's limit is a million.", "Make unrolled loops shorter, or split the program.", "for (const i of unroll(4096)) …  →  for (const i of range(4096)) …"),
	page("SK4001", "unknown hook", "The tracepoint or function that a program names is not there.", "A program is compiled for hooks that its kernel's types know.", "Correct the name: the nearest one is said. `skep types` lists what this machine has.", 'tracepoint("sched:sched_process_exe", …)  →  tracepoint("sched:sched_process_exec", …)'),
	page("SK4002", "member that the target does not have", "A struct of the kernel has no such member in the types that are compiled against.", "CO-RE moves members; it cannot invent them.", "Correct the name, guard it with `exists()`, or compile with the types of the kernel that has it (`--btf`).", "task.state  →  exists(task.__state) ? task.__state : …"),
	page("SK4003", "helper that this program type has not", "A helper, or a word that lowers to one, is used in a program that may not call it.", "The kernel gives each program type its own helpers.", "Use another program type: the diagnostic names those that have it.", "xdp(() => { current.pid … })  →  tracepoint(…)"),
	page("SK4004", "not in the asked kernel", "What the program needs is newer than the kernel it is compiled for.", "It would be refused when loading.", "Guard it with `exists()`, or ask for a newer kernel.", "ringbuf needs 5.8"),
	page("SK4005", "sleepable programs only", "A helper that may sleep is called in a program that may not.", "Most hooks run where sleeping is forbidden.", "Add `{ sleepable: true }` where the hook allows it.", 'lsm("file_open", { sleepable: true }, fn)'),
	page("SK4006", "GPL only", "A helper that is for GPL programs is used under another licence.", "The kernel refuses it.", 'Write `export const license = "GPL"`, "Dual BSD/GPL" or "Dual MIT/GPL", or do without the helper.', 'export const license = "MIT";  →  export const license = "Dual MIT/GPL";'),
	page("SK4007", "result out of range", "An XDP program returns a number that is no verdict, or ends without one.", "The kernel loads it, drops each packet with an unknown verdict, and warns only once.", "Return one of XDP.ABORTED, DROP, PASS, TX and REDIRECT on every way.", "return 9;  →  return XDP.DROP;"),
	page("SK4008", "program that cannot be recorded", "A recording is asked for, of a program whose type or licence does not allow it.", "A recording logs the task, the clock and memory by helpers that are for GPL programs of tracepoints.", "Give an XDP program its packets from a capture (`skep run --pcap FILE`); under another licence write `export const license = \"Dual MIT/GPL\"`.", "skep record xdp-filter.ts  →  skep run --pcap FILE xdp-filter.ts"),
	page("SK4010", "types out of date", "The types that the editor shows and the kernel's own types disagree.", "The compiler reads the kernel's types, not the `.d.ts`.", "Run `skep types`.", "skep types"),
	page("SK5001", "handle that is not at top level, or not constant", "A constructor is called in a function, loop or condition, in a `let`, inside an expression, or with sizes, hooks or options that are not constant.", "The compiler knows all maps and programs without running anything.", "Declare it at the top of the module: `const x = hash<K, V>(1024);`.", "if (big) m = hash<u32, u64>(n);  →  const m = hash<u32, u64>(65536);"),
	page("SK5002", "member of the other half", "A member or word of the kernel half stands in user code, or one of the user half in kernel code.", "Each half has its own operations on a handle.", "Move it to the half it belongs to; the remedy names what that half has instead.", "events.emit(…) in user code  →  for await (const e of events)"),
	page("SK5003", "`let` in both halves", "A module-level `let` is used by kernel code and by user code.", "Each half would have a copy of its own: JavaScript cannot intercept a plain variable.", "Use `shared({ … })`.", "let n = 0;  →  const state = shared<{ n: u64 }>({ n: 0n });"),
	page("SK5004", "function that differs between halves", "A function of both halves contains a construct that means something else in each.", "`number / number` is a fraction in JavaScript and an integer in the kernel.", "Write `Math.trunc(a / b)`.", "a / b  →  Math.trunc(a / b)"),
	page("SK5005", "user-side name in kernel code", "`console`, `process`, `fetch` or a name from Node or npm stands in kernel code.", "None of it exists in the kernel.", "`printk` prints; records carry data to the user half, which does the rest.", "console.log(pid)  →  printk(`${pid}`)"),
	page("SK5006", "impossible size", "A size or range that no map or option can have.", "The kernel would refuse the map.", "Ring buffers are powers of two from 4096; other maps have at least one entry.", "ringbuf<E>(1000)  →  ringbuf<E>(4096)"),
	page("SK6001", "refused by the kernel's verifier", "The kernel's verifier refused the program when it was loaded.", "It found a path that it cannot prove safe.", "The TypeScript line and the verifier's own words are shown; the whole log follows.", "exec.ts:8:3: R1 invalid mem access 'scalar'"),
];

const byCode = new Map<string, Page>(PAGES.map((p) => [p.code, p]));

/** All pages, by number. */
export const pages = (): readonly Page[] => PAGES;

/** The page of a number: `SK3003`. */
export const pageOf = (code: string): Page | undefined => byCode.get(code);
