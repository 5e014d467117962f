/**
 * How control flows through a program: blocks, their order, dominators and loops, for whoever translates or proves.
 *
 * `listing` puts slots beside decoded instructions, `functionEntries` finds where functions begin (a program is split at
 * bpf-to-bpf calls and where addresses of functions are taken), `graphOf` makes the blocks that one function reaches,
 * and `flowOf` says in which order they come, which dominates which, what the loops are and whether all of them have one
 * way in. Numbers are positions: instructions of the listing, slots of the code, blocks of the graph.
 */
export { type Flow, flowOf, type Loop } from "./flow.ts";
export {
	type Block,
	functionEntries,
	type Graph,
	graphOf,
	type Listing,
	listing,
	OUTSIDE,
	successors,
} from "./graph.ts";
