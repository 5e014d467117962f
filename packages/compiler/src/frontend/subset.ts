import type { Binding } from "./analysis.ts";
import type { Halves } from "./halves.ts";
import type { ResolvedModule } from "./resolve.ts";
import type { Node } from "./tree.ts";

type Refuse = (code: `SK${number}`, module: ResolvedModule, node: Node, message: string, remedy: string, severity?: "error" | "warning") => void;

/** What belongs to one half only, and what kernel code may not contain: SK10xx and SK50xx of function bodies. */
export function checkHalves(halves: Halves, modules: readonly ResolvedModule[], lookup: (module: ResolvedModule, name: string) => Binding | undefined, refuse: Refuse): void {
	void halves, modules, lookup, refuse;
}
