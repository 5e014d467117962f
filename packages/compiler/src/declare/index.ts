/**
 * What the compiler knows of the kernel it compiles for: types out of its BTF (`KernelTypes`), stable tracepoints out of
 * tracefs or the shipped table (`TracepointTable`), and what no machine has to tell: packet headers and macros
 * (`curated`). `kernelDeclarations` writes the same for editors, as the text of a `kernel.d.ts`. The compiler reads only
 * BTF and tables, never that text.
 */

export { type CuratedConstant, NET_OBJECTS, NET_STRUCTS, SKEP_OBJECTS, UAPI_CONSTANTS } from "./curated.ts";
export { didYouMean, editDistance } from "./did-you-mean.ts";
export { parseFormat, readTracefs, type TracefsReader } from "./from-tracefs.ts";
export {
	KERNELS_TAG,
	type KernelEnumerator,
	type KernelFunction,
	type KernelMember,
	type KernelParam,
	type KernelPointer,
	type KernelStruct,
	type KernelType,
	KernelTypes,
	stripFlavour,
} from "./kernel-types.ts";
export { ACQUIRING, NETWORK_ORDER, UNNAMED_ENUMS, USER_ARGUMENTS, WRITABLE } from "./overlay.ts";
export { decodeTracepoints, encodeTracepoints, type TracepointJson } from "./tracepoint-json.ts";
export {
	type Tracepoint,
	type TracepointField,
	type TracepointTable,
	type TracepointType,
	tracepointTable,
} from "./tracepoints.ts";
export { declaredMembers, type KernelDeclarationsInput, kernelDeclarations } from "./write-types.ts";
