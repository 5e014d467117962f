import { type arr, hash, random, tracepoint, type u8, type u32 } from "skep";
interface Big {
	bytes: arr<u8, 513>;
}
const store = hash<u32, Big>(16);
tracepoint("sched:sched_process_exec", () => {
	const big = store.get(random());
	if (big) store.set(1, big);
});
