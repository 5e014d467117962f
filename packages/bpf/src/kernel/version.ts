/** `6.18.44-fc` → 0x06122c; sublevels beyond 255 stay 255, as the kernel's own LINUX_VERSION_CODE has it. */
export function versionCode(release: string): number {
	const [, major = 0, minor = 0, patch = 0] =
		/^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release)?.map((n) => Number(n ?? 0)) ?? [];
	return (major << 16) + (minor << 8) + Math.min(patch, 255);
}
