import { type Invocation, UsageError } from "#cli";

/** What stands after a flag; undefined: it was not given. */
export function textOf(call: Pick<Invocation, "flags">, flag: string): string | undefined {
	const value = call.flags.get(flag);
	return typeof value === "string" ? value : undefined;
}

/** Seconds of `--duration`, or another flag: `10`, `1.5s`, `500ms`, `2m`; undefined stays. @throws UsageError */
export function secondsOf(command: string, text: string | undefined, flag = "duration"): number | undefined {
	if (text === undefined) return undefined;
	const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text);
	const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, "": 1, m: 60, h: 3600 };
	const seconds = match === null ? Number.NaN : Number(match[1]) * units[match[2]!]!;
	// A timer of Node holds 2^31 milliseconds; longer is as good as for ever.
	if (!(seconds > 0) || seconds > 2_000_000) {
		throw new UsageError(`--${flag}: "${text}" is not a time like 10, 1.5s or 2m`, command);
	}
	return seconds;
}

/** A positive whole number; undefined stays. @throws UsageError */
export function countOf(command: string, flag: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	const n = Number(text);
	if (!/^\d+$/.test(text) || n < 1 || !Number.isSafeInteger(n))
		throw new UsageError(`--${flag}: "${text}" is not a number from 1`, command);
	return n;
}
