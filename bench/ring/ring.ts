// 64-byte records at the rate at which a process can call getppid: the load of the ring-buffer benchmark.
import { current, ktime, rawTracepoint, ringbuf, type u32, type u64 } from "skep";

interface Tick {
	at: u64;
	nr: u64;
	pid: u32;
	tid: u32;
	a: u64;
	b: u64;
	c: u64;
	d: u64;
	e: u64;
}
export const ticks = ringbuf<Tick>(2 * 1024 * 1024);

export const tick = rawTracepoint("sys_enter", (_regs, id) => {
	if (id !== 110n) return;
	ticks.emit((e) => {
		e.at = ktime();
		e.nr = 110n;
		e.pid = current.pid;
		e.tid = current.tid;
		e.a = 1n;
		e.b = 2n;
		e.c = 3n;
		e.d = 4n;
		e.e = 5n;
	});
});
