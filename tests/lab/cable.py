"""The cable between adb and a phone's adbd: a port on the machine's loopback, led to the phone's loopback.

Started by `phone.Phone` in the phone's network namespace with a socket that listens in the machine's. Killing it is
pulling the cable. ``silent``: the phone takes a connection and says nothing (adb calls it offline). ``locked``: it asks
for a key that its owner has not allowed (unauthorized).
"""

import socket
import struct
import sys
import threading
from contextlib import suppress

ADBD = ("127.0.0.1", 5555)
TOKEN_WANTED = 1
KEY_OFFERED = 3


def main(descriptor: str, manner: str) -> None:
    listener = socket.socket(fileno=int(descriptor))
    answer = {"open": lead, "silent": keep, "locked": ask_for_key}[manner]
    while True:
        client, _ = listener.accept()
        threading.Thread(target=answer, args=(client,), daemon=True).start()


def lead(client: socket.socket) -> None:
    try:
        phone = socket.create_connection(ADBD)
    except OSError:  # adbd is being started again
        client.close()
        return
    for one, other in ((client, phone), (phone, client)):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for end in (source, sink):  # either side's end is the connection's
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def keep(client: socket.socket) -> None:
    while client.recv(1 << 16):
        pass


def ask_for_key(client: socket.socket) -> None:
    """adb's protocol: every signature is answered with another question, the public key with silence."""
    stream = client.makefile("rb")
    while header := stream.read(24):
        _, kind, _, length, _, _ = struct.unpack("<4s5I", header)
        stream.read(length)
        if kind != KEY_OFFERED:
            token = bytes(20)
            magic = int.from_bytes(b"AUTH", "little") ^ 0xFFFFFFFF
            client.sendall(struct.pack("<4s5I", b"AUTH", TOKEN_WANTED, 0, len(token), sum(token), magic) + token)


if __name__ == "__main__":
    main(*sys.argv[1:])
