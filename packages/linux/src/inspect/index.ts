/**
 * What Linux tells about this process and this system beside the system calls: capabilities, namespaces, seccomp, sysctls,
 * limits, lockdown; and drawn from that, why the kernel said EPERM (`explainPermission`). Read from /proc and /sys, never
 * changed. A file that cannot be read is an unknown, not an error.
 *
 * And where things are that programs attach to: `findBinary`, `userFunctions`, `userProbes` read executables and libraries,
 * `kernelFunctions` and `findPmu` the kernel's lists. These give -errno.
 */

export { findBinary } from "./binary.ts";
export { btfFile } from "./btf-file.ts";
export { buildConfig } from "./build-config.ts";
export { cgroupId, cgroups } from "./cgroups.ts";
export {
	CAPABILITIES,
	type Capability,
	type Confinement,
	confinement,
	parseStatus,
	type Status,
} from "./confinement.ts";
export { type FileSystem, type SysctlName, type SystemFacts, systemFacts } from "./health.ts";
export { kernelFunctions } from "./kernel-functions.ts";
export { kernelSymbols } from "./kernel-symbols.ts";
export { kernelVersion, mainlineVersion } from "./kernel-version.ts";
export { diagnose, explainPermission, type Situation } from "./permission.ts";
export { findPmu } from "./pmu.ts";
export { cgroupMount, inTrialCgroup } from "./sandbox.ts";
export { type Lockdown, lockdown, sysctl } from "./settings.ts";
export { userFunctions } from "./user-functions.ts";
export { userProbes } from "./user-probes.ts";
