import { type arr, type chars, iter, type u8, type u32, type u64 } from "skep";
import type { bpf_prog } from "skep/kernel";

/** A BPF program, as `bpftool prog` lists them. */
export interface ProgramRow {
	id: u32;
	/** `enum bpf_prog_type` */
	type: u32;
	name: chars<16>;
	tag: arr<u8, 8>;
	gpl: boolean;
	uid: u32;
	/** Nanoseconds since boot, when it was loaded. */
	loaded: u64;
	/** Bytes of instructions as the verifier left them, and as machine code. */
	translated: u32;
	jited: u32;
	maps: u32;
	/** The function or program that it is attached to, where it was loaded for one. */
	attachTo: chars<64>;
}

function rowOf(prog: bpf_prog): ProgramRow {
	const aux = prog.aux;
	return {
		id: aux.id,
		type: prog.type,
		name: aux.name,
		tag: prog.tag,
		gpl: prog.gpl_compatible !== 0,
		uid: aux.user.uid.val,
		loaded: aux.load_time,
		translated: prog.len * 8,
		jited: prog.jited_len,
		maps: aux.used_map_cnt,
		attachTo: aux.attach_func_name.readString(64),
	};
}

export const programs = iter("bpf_prog", ({ prog, seq }) => {
	if (prog) seq.write(rowOf(prog));
});

/** The same as lines, for `cat`. */
export const lines = iter("bpf_prog", { attach: false }, ({ prog, seq }) => {
	if (!prog) return;
	if (seq.num === 0n) seq.print("     ID  TYPE NAME               XLATED    JITED  MAPS ATTACHED TO\n");
	const p = rowOf(prog);
	seq.print(
		`${String(p.id).padStart(7)} ${String(p.type).padStart(5)} ${p.name.padEnd(16)} ${String(p.translated).padStart(8)} ${String(p.jited).padStart(8)} ${String(p.maps).padStart(5)} ${p.attachTo}\n`,
	);
});
