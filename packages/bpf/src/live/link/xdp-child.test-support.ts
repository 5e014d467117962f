/**
 * Runs as a child in a network namespace of its own (`unshare --net`), where devices may come and go. Attaches XDP to a veth
 * natively and to lo generically, sends packets, and prints what happened as JSON.
 */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { openLinux } from "@skep/linux";
import { encode, insn } from "#isa";
import { attachXdp, BpfMap, Program, traceFds } from "../index.ts";

const ip = (...words: string[]) => execFileSync("ip", words);
ip("link", "set", "lo", "up");
ip("link", "add", "skep0", "type", "veth", "peer", "name", "skep1");

const kernel = openLinux();
const tracer = traceFds();
const counter = BpfMap.create(kernel, {
	name: "seen",
	type: "array",
	keySize: 4,
	valueSize: 8,
	maxEntries: 1,
	flags: 1024,
});

/** Counts every packet and returns `action`. */
const program = (action: number) =>
	Program.load(kernel, {
		name: "count",
		type: "xdp",
		attachType: "xdp",
		license: "GPL",
		insns: encode([
			insn.loadPseudo(1, 2, counter.fd.number),
			insn.mov(64, 2, { imm: 1 }),
			insn.atomic("add", 8, 1, 0, 2),
			insn.mov(64, 0, { imm: action }),
			insn.exit(),
		]),
	});
const pass = program(2);
const drop = program(1);

const arrives = async (): Promise<boolean> => {
	const server = createSocket("udp4");
	await new Promise<void>((done) => server.bind(0, "127.0.0.1", done));
	const came = new Promise<boolean>((done) => {
		server.on("message", () => done(true));
		setTimeout(() => done(false), 300);
	});
	const client = createSocket("udp4");
	client.send("hello", server.address().port, "127.0.0.1");
	const result = await came;
	client.close();
	server.close();
	return result;
};

const seen = () => new DataView(counter.lookup(new Uint8Array(4))!.buffer).getUint32(0, true);
const lo = kernel.interfaceIndex("lo");
const link = attachXdp(pass, lo, { mode: "generic", device: "lo" });
const passed = await arrives();
const afterPass = seen();
link.update(drop);
const dropped = !(await arrives());
let busy = "";
try {
	attachXdp(pass, lo, { mode: "generic", device: "lo" }).close();
} catch (error) {
	busy = (error as Error).message;
}
const info = link.info();
link.close();
const again = await arrives();
const native = attachXdp(pass, kernel.interfaceIndex("skep0"), { mode: "native", device: "skep0" });
const shown = execFileSync("ip", ["link", "show", "skep0"], { encoding: "utf8" });
native.close();
const after = execFileSync("ip", ["link", "show", "skep0"], { encoding: "utf8" });
for (const each of [pass, drop, counter]) each.close();
console.log(
	JSON.stringify({
		passed,
		counted: afterPass > 0,
		dropped,
		busy,
		ifindex: info?.xdp?.ifindex === lo,
		again,
		native: /xdp/.test(shown),
		detached: !/xdp/.test(after),
		open: tracer.open().length,
	}),
);
