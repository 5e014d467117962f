import { bindLate, session, type VariableBinding } from "./session.ts";
import { formatSite, keepSite, siteOf } from "./site.ts";

/** Values of the command line, parsed before load; the kernel half has the same ones as constants. */
export function options(spec: Readonly<Record<string, unknown>>): object {
	const site = siteOf(options);
	const bound = bindLate(`options() of ${formatSite(site)}`, (session) => session.options(site));
	const values = {};
	for (const name of Object.keys(spec)) {
		Object.defineProperty(values, name, { enumerable: true, get: () => bound()[name] });
	}
	keepSite(values, site);
	return Object.freeze(values);
}

/** Members read and write the mapped variables of the kernel half. */
export function shared(initial: Readonly<Record<string, unknown>>): object {
	const site = siteOf(shared);
	const bound = bindLate(`shared() of ${formatSite(site)}`, (session) => session.shared(site));
	const variable = (name: string): VariableBinding => {
		const found = bound()[name];
		if (found === undefined) throw new TypeError(`shared(): the object has no variable for "${name}"`);
		return found;
	};
	const values = {};
	for (const name of Object.keys(initial)) {
		Object.defineProperty(values, name, {
			enumerable: true,
			get: () => variable(name).get(),
			set: (value: unknown) => variable(name).set(value),
		});
	}
	keepSite(values, site);
	return Object.seal(values);
}

/** `enums.tcp_state.TCP_CLOSE`: the running kernel's value; undefined where it has none. */
export const enums: object = new Proxy(
	{},
	{
		get(_target, type) {
			if (typeof type === "symbol") return undefined;
			return new Proxy(
				{},
				{
					get(_values, name) {
						if (typeof name === "symbol") return undefined;
						return session(`enums.${type}.${name}`).enumerator(type, name);
					},
				},
			);
		},
	},
);
