/** Helpers, by whose programs the kernel feels moved to write a warning into its log: they are asked for only where that is wanted. */
export const LOUD_HELPERS: ReadonlySet<string> = new Set(["trace_printk", "trace_vprintk", "probe_write_user"]);
