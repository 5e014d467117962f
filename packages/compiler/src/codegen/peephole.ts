import { definition, type Machine, type MachineFunc, machine } from "./machine.ts";

/** Small repairs on allocated code: moves to where a value already is, loads of what was just saved. */
export function polish(func: MachineFunc): void {
	for (const b of func.blocks) {
		const out: Machine[] = [];
		for (const m of b.insts) {
			const before = out[out.length - 1];
			if (m.kind === "move" && m.dst === m.src) continue;
			// mov a, b; mov b, a
			if (m.kind === "move" && before?.kind === "move" && before.dst === m.src && before.src === m.dst) continue;
			// *(spill) = a; a or b = *(spill)
			if (
				m.kind === "load" &&
				m.place &&
				!m.place.slot &&
				before?.kind === "store" &&
				before.place === m.place &&
				before.src >= 0
			) {
				if (m.dst !== before.src) out.push(machine("move", m.position, { dst: m.dst, src: before.src }));
				continue;
			}
			// The same constant, once more.
			if (m.kind === "imm" && before?.kind === "imm" && before.dst === m.dst && definition(m) >= 0) out.pop();
			out.push(m);
		}
		b.insts = out;
	}
}
