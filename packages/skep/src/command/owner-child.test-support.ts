// Holds a map until its input ends, and says which: for tests that look for owners.
import { BpfMap } from "@skep/bpf/live";
import { chooseKernel } from "#backend";

const { kernel } = chooseKernel("linux");
const map = BpfMap.create(kernel, { name: "owned", type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
process.stdout.write(`${JSON.stringify({ map: map.info().id })}\n`);
process.stdin.on("end", () => map.close());
process.stdin.resume();
