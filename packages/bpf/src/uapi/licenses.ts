/** Licences that the kernel counts as GPL (`license_is_gpl_compatible`): only their programs get GPL helpers. */
export const GPL_LICENSES: ReadonlySet<string> = new Set([
	"GPL",
	"GPL v2",
	"GPL and additional rights",
	"Dual BSD/GPL",
	"Dual MIT/GPL",
	"Dual MPL/GPL",
]);
