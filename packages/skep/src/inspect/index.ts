/**
 * What kernels hold, looked at from outside: programs, maps, links. Each file gathers plain values of one kind (`programRow`,
 * `mapRow`, `linkRow`: bpftool's keys in bpftool's order) and turns them into text or table cells; JSON is the value itself.
 *
 * A `Machine` tells what bpf(2) does not: pins, owners, device names, symbols, the time of the boot. Selectors (`id 7`,
 * `name counts`) open descriptors, which are the caller's.
 */

export { jumpMargins, type Margin } from "./arrows.ts";
export { type BlocksOptions, blocksText } from "./blocks-text.ts";
export { ByteText } from "./byte-text.ts";
export {
	CGROUP_HOOKS,
	type CgroupRow,
	cgroupCells,
	cgroupRows,
	cgroupsBelow,
	noCgroup,
	openCgroup,
} from "./cgroups.ts";
export { type Holders, type View, withOwners } from "./context.ts";
export { takeData, takeValueData, type ValueData } from "./data-words.ts";
export { type Delegation, delegationText } from "./delegations.ts";
export { programDrawing } from "./drawing.ts";
export {
	type EntryTypes,
	type EntryWriter,
	entryTypes,
	entryWriter,
	typedKey,
} from "./entries.ts";
export { type FlowFunction, flowFunctions } from "./flow-graph.ts";
export { programGraph } from "./graph.ts";
export { type HeldObject, type Holdings, holdings } from "./holdings.ts";
export { presentIterator } from "./iterators.ts";
export { type JitedFunction, jitedFunctions } from "./jited.ts";
export { type LinkRow, linkCells, linkJson, linkRow, linkText } from "./links.ts";
export { bpffsMounts, type Machine, NO_MACHINE, type ObjectKey, THIS_MACHINE } from "./machine.ts";
export { type MapRow, mapCells, mapRow, mapText } from "./maps.ts";
export { attachType, linkType, mapType, programType } from "./names.ts";
export { type NetworkRows, networkRows, networkText, ownedNetwork } from "./network.ts";
export {
	everyObject,
	infoOf,
	namesObject,
	noSuchId,
	openAll,
	openOne,
	type Selector,
	type ShownKind,
	takeSelector,
	takeStructOps,
} from "./objects.ts";
export { type HookPrograms, type HungProgram, type NetOverview, netOverview } from "./overview.ts";
export { overviewText } from "./overview-text.ts";
export { type Owner, ownerCells } from "./owners.ts";
export { type PerfRow, perfCells, perfRows } from "./perf.ts";
export { type PinRow, type PinTree, pinCells, pinLabel, pinRow, pinRows, pinTree } from "./pins.ts";
export { functionsOf, type ProgramRow, programCells, programRow, programText, timeText } from "./programs.ts";
export { everyStructOps, kernelTypes, type StructOpsRow, structOpsDump, structOpsRow } from "./struct-ops.ts";
export { holdingsGraph, holdingsTree } from "./tree.ts";
export { type ProgramUse, UsageMeter } from "./usage.ts";
export { hexOf, prototype, type SourceLine, sourcePlace, type XlatedInsn, xlatedInsns } from "./xlated.ts";
