/**
 * What Linux tells about this process and this system beside the system calls: capabilities, namespaces, seccomp, sysctls,
 * limits, lockdown; and drawn from that, why the kernel said EPERM (`explainPermission`). Read from /proc and /sys, never
 * changed. A file that cannot be read is an unknown, not an error.
 */
export {
	CAPABILITIES,
	type Capability,
	type Confinement,
	confinement,
	parseStatus,
	type Status,
} from "./confinement.ts";
export { diagnose, explainPermission, type Situation } from "./permission.ts";
export { type Lockdown, lockdown, sysctl } from "./settings.ts";
