/**
 * A graph whose nodes have labels and ordered edges, as flat arrays. `edgesAt[n]` to `edgesAt[n + 1]` are the places of
 * node n's edges in `edges`; nodes with equal labels have equally many.
 */
export interface LabelledGraph {
	/** By node: a number below the count of nodes that says everything but where the edges lead. */
	readonly labels: Int32Array;
	readonly edgesAt: Int32Array;
	readonly edges: Int32Array;
}

/**
 * The coarsest partition in which two nodes of a class have the same label and their edges lead, one by one, to the same
 * classes. So cycles that look alike from everywhere are alike. Gives the class of each node.
 *
 * Classes begin as the labels and are split while their members' edges disagree. When a class is split, its largest part
 * keeps the number, so that a node is renumbered, and those who point to it looked at again, O(log n) times.
 */
export function coarsestPartition(graph: LabelledGraph): Int32Array {
	return new Refinement(graph).run();
}

class Refinement {
	readonly #graph: LabelledGraph;
	readonly #count: number;
	/** By node. */
	readonly #classOf: Int32Array;
	/** Nodes, those of a class side by side. */
	readonly #order: Int32Array;
	/** By node: its place in `order`. */
	readonly #position: Int32Array;
	/** By class: its range in `order`. */
	readonly #start: number[] = [];
	readonly #end: number[] = [];
	readonly #sourcesAt: Int32Array;
	readonly #sources: Int32Array;

	constructor(graph: LabelledGraph) {
		this.#graph = graph;
		const n = graph.labels.length;
		this.#count = n;
		this.#classOf = graph.labels.slice();
		this.#order = new Int32Array(n);
		this.#position = new Int32Array(n);
		this.#placeByLabel();
		this.#sourcesAt = new Int32Array(n + 1);
		this.#sources = new Int32Array(graph.edges.length);
		this.#reverse();
	}

	#placeByLabel(): void {
		const at = new Int32Array(this.#count + 1);
		for (const label of this.#graph.labels) at[label + 1]!++;
		for (let c = 0; c < this.#count; c++) {
			at[c + 1]! += at[c]!;
			if (at[c + 1]! > at[c]!) {
				this.#start[c] = at[c]!;
				this.#end[c] = at[c + 1]!;
			} else {
				this.#start[c] = 0;
				this.#end[c] = 0;
			}
		}
		for (let node = 0; node < this.#count; node++) {
			const place = at[this.#graph.labels[node]!]!++;
			this.#order[place] = node;
			this.#position[node] = place;
		}
	}

	#reverse(): void {
		const { edgesAt, edges } = this.#graph;
		for (const to of edges) this.#sourcesAt[to + 1]!++;
		for (let i = 0; i < this.#count; i++) this.#sourcesAt[i + 1]! += this.#sourcesAt[i]!;
		const at = this.#sourcesAt.slice();
		for (let node = 0; node < this.#count; node++)
			for (let e = edgesAt[node]!; e < edgesAt[node + 1]!; e++) this.#sources[at[edges[e]!]!++] = node;
	}

	run(): Int32Array {
		let nodes: number[] = [];
		for (let node = 0; node < this.#count; node++) if (this.#shared(node)) nodes.push(node);
		while (nodes.length > 0) nodes = this.#affectedBy(this.#round(nodes));
		return this.#classOf;
	}

	#shared(node: number): boolean {
		const c = this.#classOf[node]!;
		return this.#end[c]! - this.#start[c]! > 1;
	}

	/** Nodes, not alone in their class, with an edge to one of these. */
	#affectedBy(renumbered: readonly number[]): number[] {
		const seen = new Set<number>();
		for (const node of renumbered)
			for (let i = this.#sourcesAt[node]!; i < this.#sourcesAt[node + 1]!; i++) {
				const source = this.#sources[i]!;
				if (this.#shared(source)) seen.add(source);
			}
		return [...seen];
	}

	/**
	 * Splits the classes of nodes whose edges lead elsewhere since the last round; those of a class that are not among
	 * them still agree with each other and with none of these. Returns the nodes that have a new class.
	 */
	#round(nodes: readonly number[]): number[] {
		const size = 1 << (33 - Math.clz32(nodes.length));
		const table = new Int32Array(size).fill(-1);
		const parts: number[][] = [];
		const byClass = new Map<number, number[][]>();
		for (const node of nodes) {
			let slot = this.#hash(node) & (size - 1);
			let part = table[slot]!;
			while (part >= 0 && !this.#agree(parts[part]![0]!, node)) {
				slot = (slot + 1) & (size - 1);
				part = table[slot]!;
			}
			if (part >= 0) {
				parts[part]!.push(node);
				continue;
			}
			table[slot] = parts.length;
			const members = [node];
			parts.push(members);
			const c = this.#classOf[node]!;
			const siblings = byClass.get(c);
			if (siblings) siblings.push(members);
			else byClass.set(c, [members]);
		}
		const renumbered: number[] = [];
		for (const [c, list] of byClass) this.#split(c, list, renumbered);
		return renumbered;
	}

	#split(c: number, parts: number[][], renumbered: number[]): void {
		let rest = this.#end[c]! - this.#start[c]!;
		let largest: readonly number[] = [];
		for (const part of parts) {
			rest -= part.length;
			if (part.length > largest.length) largest = part;
		}
		if (rest >= largest.length) largest = [];
		else if (rest > 0) parts.push(this.#othersOf(c, parts));
		for (const part of parts) {
			if (part === largest) continue;
			const renamed = this.#start.length;
			const end = this.#end[c]!;
			let at = end;
			for (const node of part) {
				at--;
				const other = this.#order[at]!;
				const place = this.#position[node]!;
				this.#order[place] = other;
				this.#position[other] = place;
				this.#order[at] = node;
				this.#position[node] = at;
				this.#classOf[node] = renamed;
				renumbered.push(node);
			}
			this.#end[c] = at;
			this.#start.push(at);
			this.#end.push(end);
		}
	}

	/** Members of a class that are in none of the parts. */
	#othersOf(c: number, parts: readonly number[][]): number[] {
		const inParts = new Set(parts.flat());
		const others: number[] = [];
		for (let i = this.#start[c]!; i < this.#end[c]!; i++) {
			const node = this.#order[i]!;
			if (!inParts.has(node)) others.push(node);
		}
		return others;
	}

	#hash(node: number): number {
		const { edgesAt, edges } = this.#graph;
		let h = Math.imul(this.#classOf[node]! ^ 0x811c9dc5, 0x01000193);
		for (let e = edgesAt[node]!; e < edgesAt[node + 1]!; e++) {
			h = Math.imul(h ^ this.#classOf[edges[e]!]!, 0x01000193);
			h ^= h >>> 15;
		}
		return Math.imul(h ^ (h >>> 13), 0x5bd1e995) >>> 1;
	}

	#agree(a: number, b: number): boolean {
		if (this.#classOf[a] !== this.#classOf[b]) return false;
		const { edgesAt, edges } = this.#graph;
		const from = edgesAt[a]!;
		const to = edgesAt[b]!;
		const n = edgesAt[a + 1]! - from;
		for (let i = 0; i < n; i++) if (this.#classOf[edges[from + i]!] !== this.#classOf[edges[to + i]!]) return false;
		return true;
	}
}
