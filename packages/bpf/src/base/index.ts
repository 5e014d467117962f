/**
 * The ground floor: errors, bytes and text. Everything above stands on it; it imports nothing.
 *
 * `ByteReader` and `ByteWriter` are the only way of reading and writing binary formats here: both byte orders,
 * bounds-checked, and every failure is a FormatError that says section, offset and path.
 */
export { ByteReader, type ByteSource, ByteWriter } from "./bytes.ts";
export {
	BpfError,
	type FaultKind,
	FormatError,
	type FormatPlace,
	LinkError,
	NotSupportedError,
	PermissionError,
	SyscallError,
	VerifierError,
	VmFault,
} from "./errors.ts";
export { cstring, decodeUtf8, encodeUtf8, fnv1a, toHex } from "./text.ts";
