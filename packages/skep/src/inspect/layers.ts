/** A box to be placed. Sizes in pixels. */
export interface Box {
	readonly width: number;
	readonly height: number;
}

/** A line from one box to another; `back`: against the order, around the others. */
export interface Line {
	readonly from: number;
	readonly to: number;
	readonly back: boolean;
}

export interface Point {
	readonly x: number;
	readonly y: number;
}

/** Where everything is: boxes by their upper left corners, lines as points from end to end. */
export interface Layout {
	readonly boxes: readonly Point[];
	readonly lines: readonly (readonly Point[])[];
	readonly width: number;
	readonly height: number;
}

const GAP_X = 28;
const GAP_Y = 34;
/** A place that a long line passes through. */
const LANE = 12;
/** Between lines that lead back at the side. */
const SIDE = 14;
const SWEEPS = 12;

/** A box, or a place in a layer that a long line passes through. */
interface Node {
	readonly layer: number;
	readonly width: number;
	readonly box: number | undefined;
	/** Nodes above and below that lines lead to. */
	readonly up: number[];
	readonly down: number[];
	/** Left edge. */
	x: number;
}

/**
 * Layers from above to below, after Sugiyama: each box one layer below the lowest that leads to it, long lines through places
 * of their own in the layers between, the order in a layer by the middle of the neighbours, sideways as close to them as the
 * others allow. Lines that lead back run at the right side. Box 0 is on top. The lines without those back have no circle.
 */
export function layOut(boxes: readonly Box[], lines: readonly Line[]): Layout {
	const layer = layersOf(boxes.length, lines);
	const nodes: Node[] = boxes.map(({ width }, i) => ({ layer: layer[i]!, width, box: i, up: [], down: [], x: 0 }));
	const passages = lines.map(({ from, to, back }): number[] => {
		if (back) return [];
		const path: number[] = [];
		let last = from;
		for (let at = layer[from]! + 1; at < layer[to]!; at++) {
			nodes.push({ layer: at, width: LANE, box: undefined, up: [last], down: [], x: 0 });
			nodes[last]!.down.push(nodes.length - 1);
			last = nodes.length - 1;
			path.push(last);
		}
		nodes[last]!.down.push(to);
		nodes[to]!.up.push(last);
		return path;
	});
	const rows: number[][] = Array.from({ length: Math.max(...layer) + 1 }, () => []);
	for (const [i, node] of nodes.entries()) rows[node.layer]!.push(i);
	arrange(nodes, rows);
	place(nodes, rows);
	const tops: number[] = [];
	let height = 0;
	for (const row of rows) {
		tops.push(height);
		height +=
			Math.max(LANE, ...row.map((i) => (nodes[i]!.box === undefined ? 0 : boxes[nodes[i]!.box!]!.height))) + GAP_Y;
	}
	/** Lower ends of the layers, and where their last nodes end. */
	const floors = tops.map((_, i) => (tops[i + 1] ?? height) - GAP_Y);
	const ends = rows.map((row) => Math.max(...row.map((i) => nodes[i]!.x + nodes[i]!.width)));
	const centre = (i: number) => nodes[i]!.x + nodes[i]!.width / 2;
	/** Lines leave a box side by side, in the order of where they lead. */
	const leave = lines.map(({ from, back }, n) => {
		if (back) return 0;
		const next = (other: number) => centre(passages[other]![0] ?? lines[other]!.to);
		const others = lines.flatMap((line, other) => (line.from === from && !line.back ? [other] : []));
		others.sort((a, b) => next(a) - next(b) || a - b);
		return nodes[from]!.x + (nodes[from]!.width * (others.indexOf(n) + 1)) / (others.length + 1);
	});
	const sides = sidesOf(lines, layer, ends);
	const drawn = lines.map(({ from, to, back }, n): Point[] => {
		const bottom = tops[layer[from]!]! + boxes[from]!.height;
		const floor = floors[layer[from]!]!;
		const top = tops[layer[to]!]!;
		if (back) {
			const side = sides.get(n)!;
			const start = { x: nodes[from]!.x + nodes[from]!.width * 0.75, y: bottom };
			const end = { x: nodes[to]!.x + nodes[to]!.width * 0.75, y: top };
			const [below, above] = [floor + GAP_Y / 3, top - GAP_Y / 3];
			return [
				start,
				{ x: start.x, y: below },
				{ x: side, y: below },
				{ x: side, y: above },
				{ x: end.x, y: above },
				end,
			];
		}
		// Beside a higher box a line goes straight down before it bends.
		const points: Point[] = [{ x: leave[n]!, y: bottom }];
		if (floor > bottom) points.push({ x: leave[n]!, y: floor });
		for (const i of passages[n]!) {
			const at = nodes[i]!.layer;
			points.push({ x: centre(i), y: tops[at]! }, { x: centre(i), y: floors[at]! });
		}
		points.push({ x: centre(to), y: top });
		return points;
	});
	return {
		boxes: boxes.map((_, i) => ({ x: nodes[i]!.x, y: tops[layer[i]!]! })),
		lines: drawn,
		width: Math.max(...ends, ...sides.values()),
		height: height - GAP_Y,
	};
}

/** How far right lines that lead back run: right of all that they pass, the shorter ones inside. By number of the line. */
function sidesOf(
	lines: readonly Line[],
	layer: readonly number[],
	ends: readonly number[],
): ReadonlyMap<number, number> {
	const spans = lines
		.flatMap(({ from, to, back }, n) => (back ? [{ n, low: layer[to]!, high: layer[from]! }] : []))
		.sort((a, b) => a.high - a.low - (b.high - b.low));
	const sides = new Map<number, number>();
	for (const [i, { n, low, high }] of spans.entries()) {
		const inner = spans.slice(0, i).filter((other) => other.low <= high && other.high >= low);
		sides.set(n, Math.max(...ends.slice(low, high + 1), ...inner.map((other) => sides.get(other.n)!)) + SIDE);
	}
	return sides;
}

/** One below the lowest that leads there. */
function layersOf(count: number, lines: readonly Line[]): number[] {
	const into = Array.from({ length: count }, () => 0);
	const out: number[][] = Array.from({ length: count }, () => []);
	for (const { from, to, back } of lines) {
		if (back) continue;
		into[to]!++;
		out[from]!.push(to);
	}
	const layer = Array.from({ length: count }, () => 0);
	const ready = into.flatMap((n, i) => (n === 0 ? [i] : []));
	for (let i = ready.pop(); i !== undefined; i = ready.pop()) {
		for (const to of out[i]!) {
			layer[to] = Math.max(layer[to]!, layer[i]! + 1);
			if (--into[to]! === 0) ready.push(to);
		}
	}
	return layer;
}

/** Orders each layer by the middle of its neighbours' places, down and up in turn: fewer lines cross. */
function arrange(nodes: readonly Node[], rows: number[][]): void {
	const place = new Float64Array(nodes.length);
	const number = (row: readonly number[]) => {
		for (const [at, i] of row.entries()) place[i] = at;
	};
	rows.forEach(number);
	for (let sweep = 0; sweep < SWEEPS; sweep++) {
		const down = sweep % 2 === 0;
		const order = down ? rows : [...rows].reverse();
		for (const row of order) {
			const middle = new Map(
				row.map((i) => {
					const near = down ? nodes[i]!.up : nodes[i]!.down;
					return [i, near.length === 0 ? place[i]! : near.reduce((sum, n) => sum + place[n]!, 0) / near.length];
				}),
			);
			row.sort((a, b) => middle.get(a)! - middle.get(b)! || place[a]! - place[b]!);
			number(row);
		}
	}
}

/** Moves each node as near to the middle of its neighbours as its row lets it. */
function place(nodes: readonly Node[], rows: readonly (readonly number[])[]): void {
	for (const row of rows) {
		let x = 0;
		for (const i of row) {
			nodes[i]!.x = x;
			x += nodes[i]!.width + GAP_X;
		}
	}
	const wish = (i: number, ways: readonly (readonly number[])[]) => {
		const near = ways.flat();
		const { x, width } = nodes[i]!;
		if (near.length === 0) return x;
		return near.reduce((sum, n) => sum + nodes[n]!.x + nodes[n]!.width / 2, 0) / near.length - width / 2;
	};
	for (let sweep = 0; sweep < SWEEPS; sweep++) {
		const order = sweep % 2 === 0 ? rows : [...rows].reverse();
		for (const row of order) {
			const wishes = row.map((i) => {
				const { up, down } = nodes[i]!;
				return wish(i, sweep === SWEEPS - 1 ? [up, down] : sweep % 2 === 0 ? [up] : [down]);
			});
			settle(nodes, row, wishes);
		}
	}
	const least = Math.min(...nodes.map(({ x }) => x));
	for (const node of nodes) node.x -= least;
}

/**
 * Places a row so that nothing overlaps and the squares of the distances from the wishes are least: neighbours that push each
 * other are joined and share the mean of their wishes.
 */
function settle(nodes: readonly Node[], row: readonly number[], wishes: readonly number[]): void {
	const groups: { first: number; count: number; sum: number; offset: number }[] = [];
	const offsets: number[] = [];
	let offset = 0;
	for (const [at, i] of row.entries()) {
		offsets.push(offset);
		groups.push({ first: at, count: 1, sum: wishes[at]! - offset, offset });
		offset += nodes[i]!.width + GAP_X;
		while (groups.length > 1) {
			const [before, last] = [groups.at(-2)!, groups.at(-1)!];
			if (before.sum / before.count <= last.sum / last.count) break;
			groups.pop();
			before.count += last.count;
			before.sum += last.sum;
		}
	}
	for (const { first, count, sum } of groups)
		for (let at = first; at < first + count; at++) nodes[row[at]!]!.x = sum / count + offsets[at]!;
}
