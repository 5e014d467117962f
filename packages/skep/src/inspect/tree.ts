import { cutTo, printable, type Screen } from "#output";
import type { HeldObject, Holdings } from "./holdings.ts";
import { attachedTo } from "./links.ts";
import type { ObjectKey } from "./machine.ts";
import type { Owner } from "./owners.ts";

const BOLD = "\u001b[1m";
const DIM = "\u001b[2m";
const PLAIN = "\u001b[0m";

/** What stands at the root: a process, the pins of a folder, a place in the kernel. */
interface Holder {
	readonly title: string;
	/** What it holds, with the name under which it does. */
	readonly holds: readonly { readonly key: ObjectKey; readonly as?: string }[];
}

/**
 * Who holds what: below each process, folder of pins and place in the kernel what it holds, and below that what that holds.
 * What a process holds both by itself and by something else stands below that, with a star. An object is opened up where it is
 * met first.
 */
export function holdingsTree(holdings: Holdings, screen: Screen): string {
	const lines: string[] = [];
	const opened = new Set<ObjectKey>();
	let starred = false;
	let pointed = false;
	const line = (text: string) => lines.push(screen.width === undefined ? text : cutTo(text, screen.width));
	const paint = (colour: string, text: string) => (screen.colour ? `${colour}${text}${PLAIN}` : text);
	for (const { title, holds } of holdersOf(holdings)) {
		if (lines.length > 0) lines.push("");
		lines.push(paint(BOLD, screen.width === undefined ? title : cutTo(title, screen.width)));
		const own = new Set(holds.map(({ key }) => key));
		const tops = topsOf(holdings, holds);
		const draw = (key: ObjectKey, as: string | undefined, stem: string, last: boolean, depth: number) => {
			const object = holdings.get(key);
			const star = depth > 0 && own.has(key) && as === undefined;
			const again = opened.has(key) && (object?.holds.length ?? 0) > 0;
			starred ||= star;
			pointed ||= again;
			const name = as === undefined ? "" : `${printable(as)} → `;
			const label = object ? labelOf(object) : `${key} (gone)`;
			line(`${stem}${last ? "└─ " : "├─ "}${name}${label}${star ? " *" : ""}${again ? " …" : ""}`);
			if (!object || again) return;
			opened.add(key);
			const inner = object.holds.filter((each) => !each.startsWith("btf "));
			for (const [i, each] of inner.entries())
				draw(each, undefined, `${stem}${last ? "   " : "│  "}`, i === inner.length - 1, depth + 1);
		};
		for (const [i, { key, as }] of tops.entries()) draw(key, as, "", i === tops.length - 1, 0);
	}
	if (lines.length === 0) return "there are no programs, maps and links\n";
	const legend = [
		...(starred ? ["* held by the process itself too"] : []),
		...(pointed ? ["… shown above with what it holds"] : []),
	];
	if (legend.length > 0) lines.push("", ...legend.map((each) => paint(DIM, each)));
	return `${lines.join("\n")}\n`;
}

/** What is drawn right below a holder: pins all, else what nothing else of it holds, and one of each circle. */
function topsOf(holdings: Holdings, holds: Holder["holds"]): Holder["holds"] {
	const reached = new Map(holds.map(({ key }) => [key, reach(holdings, key)]));
	const below = new Set([...reached.values()].flatMap((keys) => [...keys]));
	const tops = new Set(holds.filter(({ key, as }) => as !== undefined || !below.has(key)));
	const covered = new Set([...tops].flatMap(({ key }) => [key, ...reached.get(key)!]));
	for (const each of holds) {
		if (covered.has(each.key)) continue;
		tops.add(each);
		for (const key of [each.key, ...reached.get(each.key)!]) covered.add(key);
	}
	return [...tops];
}

/** All that an object holds, without itself. */
function reach(holdings: Holdings, from: ObjectKey): Set<ObjectKey> {
	const found = new Set<ObjectKey>();
	const work = [...(holdings.get(from)?.holds ?? [])];
	for (let key = work.pop(); key !== undefined; key = work.pop()) {
		// Programs and maps can hold each other in a circle.
		if (key === from || found.has(key)) continue;
		found.add(key);
		work.push(...(holdings.get(key)?.holds ?? []));
	}
	return found;
}

function holdersOf(holdings: Holdings): Holder[] {
	const processes = new Map<number, { owner: Owner; holds: { key: ObjectKey }[] }>();
	const pins = new Map<string, { key: ObjectKey; as: string }[]>();
	const places = new Map<string, { key: ObjectKey }[]>();
	const reached = new Set<ObjectKey>();
	const push = <K, V>(map: Map<K, V[]>, key: K, value: V) => map.set(key, [...(map.get(key) ?? []), value]);
	for (const [key, { pids, pinned, attached, holds }] of holdings) {
		for (const owner of pids ?? []) {
			const known = processes.get(owner.pid);
			if (known) known.holds.push({ key });
			else processes.set(owner.pid, { owner, holds: [{ key }] });
		}
		for (const path of pinned ?? []) {
			const slash = path.lastIndexOf("/");
			push(pins, path.slice(0, slash) || "/", { key, as: path.slice(slash + 1) });
		}
		for (const place of attached ?? []) push(places, place, { key });
		for (const each of holds) reached.add(each);
	}
	// What nothing that is told holds: this process, a perf event, a socket.
	const rest = [...holdings].flatMap(([key, { pids, pinned, attached }]) =>
		pids || pinned || attached || reached.has(key) ? [] : [{ key }],
	);
	return [
		...[...processes].sort(([a], [b]) => a - b).map(([, { owner, holds }]) => ({ title: ownerTitle(owner), holds })),
		...[...pins].sort(([a], [b]) => (a < b ? -1 : 1)).map(([folder, holds]) => ({ title: printable(folder), holds })),
		...[...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([place, holds]) => ({ title: printable(place), holds })),
		...(rest.length === 0
			? []
			: [
					{
						title: "held by what is not told: a perf event, a socket, a process that may not be looked at",
						holds: rest,
					},
				]),
	];
}

const ownerTitle = ({ pid, comm, command, cgroup }: Owner): string =>
	printable(
		`${comm}(${pid})${command === undefined ? "" : `: ${command}`}${cgroup === undefined ? "" : `, in ${cgroup}`}`,
	);

/** `prog 7 xdp on_exec  btf 12`. */
function labelOf({ kind, id, type, name, detail, holds }: HeldObject): string {
	// The map of a link stands below it.
	const { map_id, ...about } = detail ?? {};
	const btf = holds.filter((each) => each.startsWith("btf "));
	return [kind, String(id), type === undefined ? "" : String(type), name === undefined ? "" : printable(name)]
		.concat(printable(attachedTo(about)), btf)
		.filter((part) => part !== "")
		.join(" ");
}

/** The same as a graph for `dot`: an arrow from who holds to what is held. */
export function holdingsGraph(holdings: Holdings): string {
	const quoted = (text: string) => `"${printable(text).replace(/["\\]/g, "\\$&")}"`;
	const shapes = { prog: "box", map: "cylinder", link: "cds", btf: "note" } as const;
	const lines = ["digraph holdings {", '\trankdir=LR; node [fontname="monospace"];'];
	for (const { title, holds } of holdersOf(holdings)) {
		lines.push(`\t${quoted(title)} [shape=plaintext];`);
		for (const { key, as } of holds)
			lines.push(`\t${quoted(title)} -> ${quoted(key)}${as === undefined ? "" : ` [label=${quoted(as)}]`};`);
	}
	for (const [key, object] of holdings) {
		lines.push(`\t${quoted(key)} [shape=${shapes[object.kind]}, label=${quoted(labelOf({ ...object, holds: [] }))}];`);
		for (const each of object.holds) lines.push(`\t${quoted(key)} -> ${quoted(each)};`);
	}
	return `${lines.join("\n")}\n}\n`;
}
