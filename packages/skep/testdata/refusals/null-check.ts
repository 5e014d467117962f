import { hash, tracepoint, type u32, type u64 } from "skep";
interface Count {
	n: u64;
}
const counts = hash<u32, Count>(16);
tracepoint("sched:sched_process_exec", () => {
	const count = counts.ref(0)!;
	count.n += 1n;
});
