import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BpfError } from "@skep/bpf/base";
import {
	type ActiveSession,
	formatSite,
	type MapBinding,
	type ProgramBinding,
	type Site,
	type VariableBinding,
} from "#program";
import { display, type Session } from "#run";

/** Two machines on one module at once: its handles are there once, and can be bound to one of them only. */
export class MachineInUseError extends BpfError {
	constructor(module: string) {
		super(
			"ERR_MACHINE_IN_USE",
			`${module} has a machine already: its handles are bound to one at a time, until the \`using\` of the first ends`,
		);
	}
}

/** What handles of modules under test bind to: the machine that has their module. */
class Machines implements ActiveSession {
	readonly late = true;
	readonly stopping = false;
	readonly #open = new Map<Session, ReadonlySet<string>>();

	/** @throws MachineInUseError */
	add(session: Session): void {
		const modules = modulesOf(session);
		for (const other of this.#open.values())
			for (const module of modules) if (other.has(module)) throw new MachineInUseError(display(module));
		this.#open.set(session, modules);
	}

	delete(session: Session): void {
		this.#open.delete(session);
	}

	map(site: Site, word: string): MapBinding {
		return this.#of(site, word).map(site, word);
	}
	program(site: Site, word: string): ProgramBinding {
		return this.#of(site, word).program(site, word);
	}
	options(site: Site): Readonly<Record<string, unknown>> {
		// Targets read them while a module is evaluated: then they have no value, as on a command line that says nothing.
		return this.#find(site)?.options(site) ?? {};
	}
	shared(site: Site): Readonly<Record<string, VariableBinding>> {
		return this.#of(site, "shared").shared(site);
	}
	enumerator(type: string, name: string): number | bigint | undefined {
		const [session] = this.#open.keys();
		if (session === undefined) throw unbound(`enums.${type}.${name}`);
		return session.enumerator(type, name);
	}
	get stopped(): never {
		throw waiting("stopped()");
	}
	get replayed(): boolean {
		return false;
	}
	get clock(): never {
		throw waiting("every()");
	}
	until(): never {
		throw waiting("every()");
	}

	#of(site: Site, word: string): Session {
		const found = this.#find(site);
		if (found === undefined) throw unbound(`${word}() of ${formatSite(site)}`);
		return found;
	}

	#find(site: Site): Session | undefined {
		const path = site.url.startsWith("file:") ? fileURLToPath(site.url) : site.url;
		for (const [session, modules] of this.#open) if (modules.has(path)) return session;
		return undefined;
	}
}

export const machines = new Machines();

/** Paths of the modules whose handles a session binds. */
function modulesOf({ source }: Session): ReadonlySet<string> {
	const folder = dirname(source.path);
	const named = (source.manifest?.modules ?? []).map((module) => resolve(folder, module));
	const paths = new Set([...named, ...source.texts.keys()]);
	return new Set([...paths].filter((path) => named.includes(path) || path === source.path));
}

const HOW =
	'a file whose user half runs when it is imported is given to machine() by its place instead: machine(new URL("./FILE.ts", import.meta.url))';

const unbound = (what: string): BpfError =>
	new BpfError(
		"ERR_NOT_LOADED",
		`${what} is used, but no machine has its module now: machine(module) gives it one; ${HOW}`,
	);

const waiting = (what: string): BpfError =>
	new BpfError("ERR_NOT_SUPPORTED", `${what} waits for the end of a run, which a test has not; ${HOW}`);
