import type { Session } from "./session.ts";

/** The first line of a run: which kernel and why, what is attached, and what is not, with the option to give. */
export function firstLine(session: Session, reason: string): string {
	const { attached, unattached } = session;
	const targets = attached.map(({ link }) => link.target);
	const where = targets.length === 0 ? "nothing attached" : `attached: ${targets.join(", ")}`;
	const missing = unattached.map(({ program, reason: why, give }) =>
		give === undefined ? `; ${program} is not attached: ${why}` : `; ${program} is not attached: ${why}, give ${give}`,
	);
	return `${reason}; ${where}${missing.join("")}`;
}
