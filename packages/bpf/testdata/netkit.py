# Makes the netkit pair nk0, nk1 by RTM_NEWLINK: iproute2 before 6.7 does not know the type.
import socket, struct
def a(t, b): return struct.pack("HH", 4 + len(b), t) + b + b"\0" * (-len(b) % 4)
info = struct.pack("BxHiII", 0, 0, 0, 0, 0)
peer = a(1, info + a(3, b"nk1\0"))
body = info + a(3, b"nk0\0") + a(18, a(1, b"netkit\0") + a(2, peer))
s = socket.socket(16, 3, 0)
s.send(struct.pack("IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
error = struct.unpack("i", s.recv(4096)[16:20])[0]
if error: raise OSError(-error, "RTM_NEWLINK")
