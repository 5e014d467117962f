import { ringbuf, type u32 } from "skep";
const events = ringbuf<u32>(256 * 1024;
