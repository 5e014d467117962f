import { type chars, current, hash, ringbuf, tracepoint, type u32, type u64 } from "skep";

interface Exec {
	pid: u32;
	comm: chars<16>;
}
const events = ringbuf<Exec>(256 * 1024);
const counts = hash<u32, u64>(1024);

tracepoint("sched:sched_process_exec", () => {
	counts.add(current.pid, 1n);
	events.emit((e) => {
		e.pid = current.pid;
		e.comm = current.comm;
	});
});
