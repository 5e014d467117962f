import { hash, tracepoint, type u32, type u64 } from "skep";
const counts = hash<u32, u64>(16);
// @ts-expect-error the name is what is tested
tracepoint("sched:sched_proces_exec", () => {
	counts.add(0, 1n);
});
