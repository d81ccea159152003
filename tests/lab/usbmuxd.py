"""usbmuxd without a phone: its protocol at a socket, so that the real ``iproxy`` and ``idevice_id`` talk to it.

A message is 16 bytes, four unsigned little-endian words (length with these, version 1, kind 8, a tag that the answer
repeats), and an XML property list. After a *Connect* that went well the socket is the phone's port; here that is a port
of this machine, where the phone's app listens.
"""

import plistlib
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.cable import pump

HEADER = struct.Struct("<4I")
VERSION, PLIST = 1, 8
OK, BAD_COMMAND, BAD_DEVICE, REFUSED = 0, 1, 2, 3
"""numbers of a *Result*"""

Manner = Literal["proper", "garbage", "silent", "refuse"]
"""answers with no message, with nothing, or never leads anywhere"""


@dataclass
class Plugged:
    """A phone on USB."""

    udid: str
    number: int
    """new each time that it is plugged in"""
    port: Callable[[int], int | None]
    """the phone's port → where on this machine, None where nobody listens"""
    streams: list[socket.socket] = field(default_factory=list)


class Usbmuxd:
    """Listens on 127.0.0.1; ``address`` is what ``USBMUXD_SOCKET_ADDRESS`` takes."""

    def __init__(self) -> None:
        self.manner: Manner = "proper"
        self.pairs: dict[str, bytes] = {}
        """UDID → pair record, as the host keeps it"""
        self._plugged: dict[str, Plugged] = {}
        self._listeners: list[socket.socket] = []
        self._lock = threading.RLock()
        self._count = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def plug_in(self, udid: str, port: Callable[[int], int | None]) -> None:
        with self._lock:
            self._count += 1
            self._plugged[udid] = Plugged(udid, self._count, port)
            self._tell(_attached(self._plugged[udid]))

    def pull(self, udid: str) -> None:
        """All connections to the phone end, in the middle of whatever they carry."""
        with self._lock:
            if (phone := self._plugged.pop(udid, None)) is None:
                return
            for stream in phone.streams:
                with suppress(OSError):
                    stream.shutdown(socket.SHUT_RDWR)
            self._tell({"MessageType": "Detached", "DeviceID": phone.number})

    def close(self) -> None:
        for udid in list(self._plugged):
            self.pull(udid)
        # closed alone, it stays open for the thread that waits on it, which may come to wait on another of its number
        self._server.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Requests of one client, until one makes its socket a phone's, or it leaves."""
        with suppress(OSError, EOFError, ValueError):
            while True:
                length, _, kind, tag = HEADER.unpack(_exactly(client, HEADER.size))
                request = plistlib.loads(_exactly(client, length - HEADER.size))
                if self.manner == "silent":
                    continue
                if self.manner == "garbage":
                    client.sendall(b"\xff" * 64)
                    break
                if kind == PLIST and request.get("MessageType") == "Connect":
                    if self._connect(client, tag, request):
                        return  # the pumps have it now
                else:
                    self._answer(client, tag, request)
        client.close()

    def _answer(self, client: socket.socket, tag: int, request: dict[str, Any]) -> None:
        with self._lock:
            match request.get("MessageType"):
                case "ListDevices":
                    _send(client, tag, {"DeviceList": [_attached(one) for one in self._plugged.values()]})
                case "Listen":
                    _send(client, tag, _result(OK))
                    for phone in self._plugged.values():
                        _send(client, 0, _attached(phone))
                    self._listeners.append(client)
                case "ReadBUID":
                    _send(client, tag, {"BUID": "30142955-444094379208051516"})
                case "ReadPairRecord" if request.get("PairRecordID") in self.pairs:
                    _send(client, tag, {"PairRecordData": self.pairs[request["PairRecordID"]]})
                case "ReadPairRecord":
                    _send(client, tag, _result(BAD_DEVICE))
                case _:
                    _send(client, tag, _result(BAD_COMMAND))

    def _connect(self, client: socket.socket, tag: int, request: dict[str, Any]) -> bool:
        """Does the socket lead to the phone's port now?"""
        with self._lock:
            phone = next((one for one in self._plugged.values() if one.number == request.get("DeviceID")), None)
            if phone is None:
                _send(client, tag, _result(BAD_DEVICE))
                return False
            there = phone.port(
                socket.ntohs(int(request["PortNumber"]))
            )  # in network order, as usbmuxd has always had it
            try:
                if there is None or self.manner == "refuse":
                    raise ConnectionRefusedError
                app = socket.create_connection(("127.0.0.1", there))
            except OSError:
                _send(client, tag, _result(REFUSED))
                return False
            _send(client, tag, _result(OK))
            phone.streams += [client, app]
        for one, other in ((client, app), (app, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=pump, args=(one, other), daemon=True).start()
        return True

    def _tell(self, event: dict[str, Any]) -> None:
        for listener in list(self._listeners):
            try:
                _send(listener, 0, event)
            except OSError:
                self._listeners.remove(listener)


def _attached(phone: Plugged) -> dict[str, Any]:
    properties = {
        "ConnectionSpeed": 480_000_000,
        "ConnectionType": "USB",
        "DeviceID": phone.number,
        "LocationID": 0x10000 + phone.number,
        "ProductID": 0x12A8,
        "SerialNumber": phone.udid,
    }
    return {"MessageType": "Attached", "DeviceID": phone.number, "Properties": properties}


def _result(number: int) -> dict[str, Any]:
    return {"MessageType": "Result", "Number": number}


def _send(client: socket.socket, tag: int, message: dict[str, Any]) -> None:
    content = plistlib.dumps(message)
    client.sendall(HEADER.pack(HEADER.size + len(content), VERSION, PLIST, tag) + content)


def _exactly(client: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        if not (part := client.recv(count - len(content))):
            raise EOFError
        content += part
    return content
