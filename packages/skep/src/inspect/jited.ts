import type { Kernel } from "@skep/bpf/kernel";
import { btfOf } from "@skep/bpf/live";
import { infoOf } from "./objects.ts";
import { functionsOf } from "./programs.ts";
import { prototype, type SourceLine, sourceLines } from "./xlated.ts";

/** Machine code of one function of a program. */
export interface JitedFunction {
	readonly name: string;
	/** Where it stands in the kernel; 0n where the kernel hides addresses. */
	readonly address: bigint;
	/** Prototype, where the program has BTF. */
	readonly proto: string | undefined;
	readonly code: Uint8Array;
	/** Source by offset in `code`, where addresses are shown. */
	readonly lines: readonly (SourceLine & { readonly offset: number })[];
}

/** The machine code that was made of the program behind a descriptor, function by function; empty: none was made, or it is hidden. */
export function jitedFunctions(kernel: Kernel, fd: number): JitedFunction[] {
	// With the buffer, though it is empty: some kernels make the code when they are asked for it.
	const info = infoOf(kernel, "prog", fd, { jited_prog_insns: new Uint8Array(0) });
	const code = new Uint8Array(info.jited_prog_len);
	if (code.length === 0) return [];
	const addresses = new Uint8Array(info.nr_jited_ksyms * 8);
	const lengths = new Uint8Array(info.nr_jited_func_lens * 4);
	const line_info = new Uint8Array(info.nr_line_info * info.line_info_rec_size);
	const jited_line_info = new Uint8Array(info.nr_jited_line_info * info.jited_line_info_rec_size);
	infoOf(kernel, "prog", fd, {
		jited_prog_insns: code,
		jited_ksyms: addresses,
		nr_jited_ksyms: info.nr_jited_ksyms,
		jited_func_lens: lengths,
		nr_jited_func_lens: info.nr_jited_func_lens,
		line_info,
		nr_line_info: info.nr_line_info,
		line_info_rec_size: info.line_info_rec_size,
		jited_line_info,
		nr_jited_line_info: info.nr_jited_line_info,
		jited_line_info_rec_size: info.jited_line_info_rec_size,
	});
	const btf = info.btf_id === 0 ? undefined : btfOf(kernel, info.btf_id, `program ${info.name}`);
	const functions = btf && info.nr_func_info > 0 ? functionsOf(kernel, fd, info, btf) : [];
	const sources = btf ? [...sourceLines(btf, line_info, info.line_info_rec_size).values()] : [];
	const places = new DataView(jited_line_info.buffer);
	const step = info.jited_line_info_rec_size;
	const starts = new DataView(addresses.buffer);
	const sizes = new DataView(lengths.buffer);
	let at = 0;
	return Array.from({ length: Math.max(1, lengths.length / 4) }, (_, i): JitedFunction => {
		const length = lengths.length === 0 ? code.length : sizes.getUint32(i * 4, true);
		const address = i * 8 < addresses.length ? starts.getBigUint64(i * 8, true) : 0n;
		const bytes = code.subarray(at, at + length);
		at += length;
		const lines: (SourceLine & { offset: number })[] = [];
		for (const [n, source] of sources.entries()) {
			const place = step > 0 && (n + 1) * step <= jited_line_info.length ? places.getBigUint64(n * step, true) : 0n;
			if (address !== 0n && place >= address && place < address + BigInt(length))
				lines.push({ ...source, offset: Number(place - address) });
		}
		const known = functions[i];
		const name = known?.name ?? `bpf_prog_${info.tag}${info.name === "" ? "" : `_${info.name}`}`;
		return {
			name,
			address,
			proto: known && btf ? prototype(btf, known.type, known.name) : undefined,
			code: bytes,
			lines,
		};
	});
}
