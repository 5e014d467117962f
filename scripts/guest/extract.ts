// extract.ts VMLINUZ VMLINUX: takes the ELF image out of a bzImage. Booting it by PVH skips the slow decompressor in the guest.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) throw new Error("usage: extract.ts VMLINUZ VMLINUX");
const image = readFileSync(from);
// Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length.
const payload = image
	.subarray(((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248))
	.subarray(0, image.readUInt32LE(0x24c));

const decompressed = (command: string): Buffer => {
	const { stdout, error } = spawnSync(command, ["-qdc"], {
		input: payload,
		maxBuffer: 2 ** 30,
		stdio: ["pipe", "pipe", "ignore"],
	});
	// Its status says nothing: the size that the kernel appends to the stream is garbage to it, after all was written.
	if (error !== undefined) throw error;
	return stdout;
};
const magic = payload.subarray(0, 6).toString("hex");
const elf = magic.startsWith("fd377a585a00")
	? decompressed("xz")
	: magic.startsWith("28b52ffd")
		? decompressed("zstd")
		: magic.startsWith("1f8b")
			? gunzipSync(payload.subarray(0, -4))
			: undefined;
if (elf === undefined || elf.readUInt32BE(0) !== 0x7f454c46)
	throw new Error(`${from}: no ELF image inside (compression ${magic})`);
writeFileSync(to, elf);
