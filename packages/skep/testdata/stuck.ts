import { hash, tracepoint, type u32, type u64 } from "skep";

const counts = hash<u32, u64>(16);
tracepoint("sched:sched_process_exec", () => {
	counts.add(0, 1n);
});

await new Promise(() => {});
