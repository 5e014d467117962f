import type { Func, Inst, Size, Terminator } from "#ir";

/** Who uses what of a value, and which values need no instruction because of it. */
export class Demand {
	readonly #users = new Map<Inst, Inst[]>();
	readonly #terminatorUses = new Map<Inst, number>();
	/** Values without instructions of their own: what they are made of. */
	readonly alias = new Map<Inst, Inst>();
	/** Addresses that are made where their only user, a call, wants them. */
	readonly sunk = new Set<Inst>();

	constructor(func: Func) {
		this.#count(func);
		this.#findAliases(func);
	}

	#count(func: Func): void {
		const add = (a: Inst, user: Inst): void => {
			const list = this.#users.get(a);
			if (list) list.push(user);
			else this.#users.set(a, [user]);
		};
		for (const b of func.blocks) {
			for (const i of b.phis) for (const a of i.args) add(a, i);
			for (const i of b.insts) for (const a of i.args) add(a, i);
			const t = b.terminator;
			if (t && "args" in t) for (const a of t.args) this.#terminatorUses.set(a, (this.#terminatorUses.get(a) ?? 0) + 1);
		}
	}

	/** Whether a value has one user. */
	single(i: Inst): boolean {
		return (this.#users.get(i)?.length ?? 0) + (this.#terminatorUses.get(i) ?? 0) === 1;
	}

	/** Truncations whose every user reads the low half only, extensions of what is extended already, lone field addresses for calls. */
	#findAliases(func: Func): void {
		const low = new Map<Inst, boolean>();
		for (const b of func.blocks) {
			const t = b.terminator;
			if (t && "args" in t) for (const a of t.args) if (!(t.op === "branch" && t.on === 32)) low.set(a, false);
		}
		for (const b of func.blocks)
			for (const i of b.insts) {
				// Constants and addresses of globals are placed by their users: none may hide behind an alias.
				if (i.args[0]?.op === "const" || i.args[0]?.op === "global") continue;
				if (i.op === "truncate" && low.get(i) !== false && (this.#users.get(i) ?? []).every((u) => readsLowHalf(u, i)))
					this.alias.set(i, i.args[0]!);
				if (i.op === "extend" && i.from === 32 && !i.signed && i.args[0]!.width === 32) this.alias.set(i, i.args[0]!);
				if (i.op === "offset" && i.args.length === 1 && this.single(i) && this.#users.get(i)?.[0]?.op === "call")
					this.sunk.add(i);
			}
	}

	isUsed(i: Inst): boolean {
		return this.#users.has(i) || this.#terminatorUses.has(i);
	}

	/** The value whose register a value is read from. */
	resolve(i: Inst): Inst {
		let r = i;
		for (let a = this.alias.get(r); a; a = this.alias.get(r)) r = a;
		return r;
	}
}

/** Whether `user` looks at no more than the low 32 bits of `value`. */
function readsLowHalf(user: Inst, value: Inst): boolean {
	switch (user.op) {
		case "binary":
			return (
				user.width === 32 ||
				((user.operator === "shl" || user.operator === "lshr" || user.operator === "ashr") && user.args[0] !== value)
			);
		case "compare":
			return user.on === 32;
		case "store":
			return user.size <= 4 && user.args[0] !== value;
		case "extend":
			// An extension of 32 bits without sign is no instruction: its users would see the upper half.
			return user.from < 32 || user.signed;
		case "truncate":
			return true;
		case "swap":
			return user.bits <= 32;
		case "atomic":
			return user.size === 4 && user.args[0] !== value;
		default:
			return false;
	}
}

/** A pointer is seldom null. */
export function nullCheck(t: Terminator & { op: "branch" }): boolean | undefined {
	const [a, b] = t.args;
	if (a.space === "scalar" || b.op !== "const" || b.value !== 0n) return undefined;
	return t.condition === "ne" ? true : t.condition === "eq" ? false : undefined;
}

/** Ring-buffer records and map values start at a multiple of 8. */
export const baseAlign = (base: Inst, align: Size): Size => {
	const known =
		base.op === "call" || base.op === "phi" ? base.space === "ringbuf" || base.space === "map_value" : false;
	return known ? 8 : align;
};
