import { readFileSync } from "node:fs";
import { release, version } from "node:os";

/**
 * The version that the kernel was built from. Distributions name releases after the first of a series: Debian's
 * `6.1.0-18-amd64` says in its version line that it is 6.1.76, Ubuntu's says so in /proc/version_signature.
 */
export function kernelVersion(): string {
	const [, , signed] = attempt(() => readFileSync("/proc/version_signature", "utf8").trim().split(" "));
	return mainlineVersion(release(), version(), signed);
}

/** `release`, `line`: as `uname -r` and `uname -v` say; `signed`: third word of /proc/version_signature. */
export function mainlineVersion(release: string, line: string, signed?: string): string {
	return (
		[signed, /Debian (\d+\.\d+\.\d+)/.exec(line)?.[1]].find((each) => /^\d+\.\d+\.\d+/.test(each ?? "")) ?? release
	);
}

function attempt(read: () => string[]): string[] {
	try {
		return read();
	} catch {
		return [];
	}
}
