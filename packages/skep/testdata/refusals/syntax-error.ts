import { ringbuf } from "skep";
const events = ringbuf<(256 * 1024);
