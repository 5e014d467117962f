import type { Session } from "./session.ts";

/** The first line of a run: which kernel and why, what is attached, and what is not, with the option to give. */
export function firstLine(session: Session, reason: string): string {
	const { attached, iterators, unattached } = session;
	const targets = [...attached, ...iterators].map(({ link }) => link.target);
	const where = targets.length === 0 ? "nothing attached" : `attached: ${targets.join(", ")}`;
	const missing = unattached.map(({ program, reason: why, give }) =>
		give === undefined ? `; ${program} is not attached: ${why}` : `; ${program} is not attached: ${why}, give ${give}`,
	);
	return `${reason}; ${where}${missing.join("")}`;
}

/** What was done otherwise than the object asked, a line each; empty: nothing. */
export function noteLines(session: Session): string {
	return session.collection.notes.map((note) => `note: ${note}\n`).join("");
}

/**
 * Why a run that shows what its programs saw has nothing to show, and what to give; undefined: something is attached.
 * `attaches`: a user half is evaluated, which may attach what the file says not to attach by itself.
 */
export function nothingAttached(session: Session, attaches: boolean): string | undefined {
	if (session.attached.length + session.iterators.length > 0 || (attaches && session.wanted === 0)) return undefined;
	const { source, unattached, collection } = session;
	if (collection.programs.size === 0) return `${source.name} has no programs, so nothing can be seen`;
	const given = [...new Set(unattached.flatMap(({ give }) => give ?? []))].join(" ");
	if (given !== "") return `nothing is attached, so nothing can be seen: skep run ${source.name} ${given}`;
	const why = session.wanted === 0 ? "; its user half attaches them, and is not evaluated here" : "";
	return `nothing is attached, so nothing can be seen${why}`;
}
