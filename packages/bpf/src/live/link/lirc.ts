import type { Program } from "../program.ts";
import { type Container, openContainer } from "./container.ts";
import { Link } from "./link.ts";
import { attachOlder } from "./prog-attach.ts";

/**
 * Attaches a program of type lirc_mode2 to an infrared receiver (`/dev/lirc0`), which knows no links.
 * @throws BpfError ERR_NO_TARGET; PermissionError; SyscallError
 */
export function attachLirc(program: Program, device: Container): Link {
	const target = `infrared receiver ${device}`;
	return Link.attach(program, target, (each) => {
		const own = typeof device === "string" ? openContainer(each.kernel, "device", device) : undefined;
		try {
			const at = { fd: own?.number ?? Number(device), type: "lirc_mode2" } as const;
			const attachment = attachOlder(each, target, at);
			return own ? { ...attachment, under: [own] } : attachment;
		} catch (error) {
			own?.close();
			throw error;
		}
	});
}
