import { spawnSync } from "node:child_process";
import { type chars, current, load, options, ringbuf, tracepoint, type u32 } from "skep";

const opt = options({ comm: { type: "comm", help: "only this command" } });
interface Exec {
	pid: u32;
	comm: chars<16>;
}
const events = ringbuf<Exec>(256 * 1024);

const exec = tracepoint("sched:sched_process_exec", () => {
	if (opt.comm && current.comm !== opt.comm) return;
	events.emit((e) => {
		e.pid = current.pid;
		e.comm = current.comm;
	});
});

try {
	events.drain();
} catch (error) {
	console.log("before:", (error as Error).name);
}
const loaded = await load(import.meta, { attach: false });
console.log(loaded.kernel, exec.links.length, "links");
exec.attach();
const { pid } = spawnSync("/bin/true");
const [first] = events.drain().filter((e) => e.pid === pid);
console.log(first?.pid === pid, first?.comm);
loaded[Symbol.dispose]();
