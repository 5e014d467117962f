import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createToken } from "./index.ts";
import { kernelOrSkip } from "./kernel.test-support.ts";

/**
 * A child in a user namespace of its own opens a bpffs, its parent, who has the privileges, delegates everything to it, and the
 * child runs the command that follows with the root of that bpffs as descriptor 3.
 */
const DELEGATE = `
import ctypes, os, socket, sys
call = ctypes.CDLL(None, use_errno=True).syscall
UNSHARE, FSOPEN, FSCONFIG, FSMOUNT = (272 if os.uname().machine == "x86_64" else 97), 430, 431, 432
def checked(*args):
    result = call(*args)
    if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
ours, theirs = socket.socketpair()
child = os.fork()
if child == 0:
    checked(UNSHARE, 0x10020000)
    theirs.send(b"u"); theirs.recv(1)
    context = checked(FSOPEN, b"bpf", 0)
    socket.send_fds(theirs, [b"f"], [context]); theirs.recv(1)
    root = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=checked(FSMOUNT, context, 0, 0))
    os.dup2(root, 3, inheritable=True)
    os.execv(sys.argv[1], sys.argv[1:])
ours.recv(1)
for name, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
    with open(f"/proc/{child}/{name}", "w") as file: file.write(text)
ours.send(b"m")
_, fds, _, _ = socket.recv_fds(ours, 1, 1)
for kind in ("cmds", "maps", "progs", "attachs"):
    checked(FSCONFIG, fds[0], 1, f"delegate_{kind}".encode(), b"any", 0)
checked(FSCONFIG, fds[0], 6, None, None, 0)
ours.send(b"c")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`;

test("a token permits in a user namespace what was delegated", (t) => {
	if (!kernelOrSkip(t)) return;
	const child = fileURLToPath(new URL("token-child.test-support.ts", import.meta.url));
	const words = ["-c", DELEGATE, process.execPath, child];
	const run = spawnSync("python3", words, { encoding: "utf8", timeout: 30_000 });
	if (run.error) return t.skip(`needs python3: ${run.error.message}`);
	if (/OSError|EOPNOTSUPP|ENOSYS/.test(run.stderr)) {
		const why = run.stderr.trim().split("\n").at(-1);
		return t.skip(`needs user namespaces and a bpffs that delegates (Linux 6.9): ${why}`);
	}
	assert.equal(run.status, 0, run.stderr);
	assert.deepEqual(JSON.parse(run.stdout), ["PermissionError", "yes", "PermissionError", "yes"]);
	return undefined;
});

test("no token comes from what is no bpffs", (t) => {
	const kernel = kernelOrSkip(t);
	if (kernel) assert.throws(() => createToken(kernel, 0), { code: /EINVAL|EBADF/ });
});
