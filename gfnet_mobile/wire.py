"""The client's side of the wire: frames, and a connection that asks and is answered. docs/wire.md is the protocol.

A frame is a safetensors file. Its header is checked before any of its body is read, and the body is read as it comes.
"""

import json
import math
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gfnet_mobile.errors import UserError, one_line

PROTOCOL = "1"
HEADER_BYTES, BODY_BYTES = 2**20, 2**28
"""the largest header and body"""
CONNECT_S, FRAME_S = 10.0, 10.0
"""how long to wait for a server to take a connection, and for the next bytes within a frame"""
ANSWER_S = 600.0
"""for a frame to begin: loading may compile a graph, and a sample may be long"""

SIZES = {"F32": 4, "F16": 2, "I32": 4, "U8": 1}
"""dtype of a tensor → bytes of an element"""

Tensors = Mapping[str, NDArray[Any]]

HINTS = {
    "protocol": "client and server differ: use one version of gfnet-mobile for both",
    "version": "update the older of client and server",
    "busy": "end that client, or wait for it",
    "verb": "the server is older than this client: update it",
    "state": "load a bundle first",
}
"""kind of a server's error → how to mend it, where the message itself does not say"""


class FrameError(Exception):
    """Bytes that are no frame, or one too large."""


class Disconnected(UserError):
    """The connection ended, or stood still for too long."""


class Refused(UserError):
    """A server's error; ``kind`` as in docs/wire.md."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{message} ({HINTS[kind]})" if kind in HINTS else message)
        self.kind = kind


@dataclass(frozen=True)
class Frame:
    metadata: dict[str, str]
    tensors: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Answer:
    """One frame of an answer."""

    result: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


def encode(metadata: Mapping[str, str], tensors: Tensors) -> bytes:
    return save({name: np.asarray(array, order="C") for name, array in tensors.items()}, dict(metadata))


def body_bytes(header: bytes) -> int:
    """How long the body after ``header`` (the JSON) is. Raises FrameError for all that the protocol does not allow."""
    try:
        entries = json.loads(header.decode())
    except (ValueError, RecursionError) as error:
        raise FrameError("its header is no JSON") from error
    if not isinstance(entries, dict):
        raise FrameError("its header is no JSON object")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise FrameError("its __metadata__ does not map texts to texts")
    places = sorted(_place(name, entry) for name, entry in entries.items())
    end = 0
    for begin, following in places:
        if begin != end:
            raise FrameError("its tensors leave gaps or overlap")
        end = following
    if end > BODY_BYTES:
        raise FrameError(f"its body of {end} bytes is larger than {BODY_BYTES}")
    return end


def decode(content: bytes) -> Frame:
    """A whole frame. Raises FrameError."""
    length = header_bytes(content[:8])
    header = content[8 : 8 + length]
    if len(header) < length or 8 + length + body_bytes(header) != len(content):
        raise FrameError("it is longer or shorter than its header says")
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise FrameError(f"its tensors cannot be read: {one_line(str(error))}") from error
    return Frame(json.loads(header.decode()).get("__metadata__", {}), tensors)


def header_bytes(prefix: bytes) -> int:
    """Length of the header, from a frame's first 8 bytes."""
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or not 2 <= length <= HEADER_BYTES:
        raise FrameError(f"its header is not between 2 and {HEADER_BYTES} bytes long")
    return length


class Connection:
    """A client's connection. ``where`` names the server in messages; ``sent`` and ``received`` count bytes."""

    def __init__(self, stream: socket.socket, where: str) -> None:
        self.where = where
        self.sent = self.received = 0
        self._socket: socket.socket | None = stream
        self._requests = 0
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # requests are small and waited for

    def ask(
        self,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        tensors: Tensors | None = None,
        patience_s: float = ANSWER_S,
    ) -> Answer:
        """A request that is answered with one frame. Raises Refused and Disconnected."""
        (answer,) = self.request(verb, arguments, tensors, patience_s)
        return answer

    def request(
        self,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        tensors: Tensors | None = None,
        patience_s: float = ANSWER_S,
    ) -> Iterator[Answer]:
        """The frames of an answer, as they come, each within ``patience_s``. Raises Refused and Disconnected. Whoever
        does not take all of them has closed the connection."""
        self._requests += 1
        identity = str(self._requests)
        metadata = {"gfnet": PROTOCOL, "id": identity, "verb": verb, "arguments": json.dumps(arguments or {})}
        more = True
        try:
            self._send(encode(metadata, tensors or {}))
            while more:
                frame = self._receive(patience_s)
                more = frame.metadata.get("more") == "1"
                try:
                    yield self._answer(frame, identity, verb)
                except Refused:
                    more = False
                    raise
        finally:
            if more:
                self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, frame: Frame, identity: str, verb: str) -> Answer:
        said = frame.metadata
        try:
            if "error" in said:  # with an empty id if the server had not read the request
                error = json.loads(said["error"])
                raise Refused(str(error["kind"]), f"{self.where}: {error['message']}")
            if (said.get("id"), said.get("verb")) != (identity, verb):
                raise FrameError("it answers another request")
            result = json.loads(said["result"])
            if not isinstance(result, dict):
                raise FrameError("its result is no JSON object")
        except (FrameError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise Disconnected(self._broken(error)) from error
        return Answer(result, frame.tensors)

    def _send(self, content: bytes) -> None:
        stream = self._open()
        try:
            stream.settimeout(ANSWER_S)
            stream.sendall(content)
        except OSError as error:
            # a server that closes says why first, and that frame is worth more than this error
            if not isinstance(error, BrokenPipeError | ConnectionResetError):
                raise Disconnected(self._lost(error)) from error
        self.sent += len(content)

    def _receive(self, patience_s: float) -> Frame:
        try:
            prefix = self._read(8, patience_s)
            header = self._read(header_bytes(prefix), FRAME_S)
            return decode(prefix + header + self._read(body_bytes(header), FRAME_S))
        except OSError as error:
            raise Disconnected(self._lost(error)) from error
        except FrameError as error:
            raise Disconnected(self._broken(error)) from error

    def _read(self, count: int, patience_s: float) -> bytes:
        """``count`` bytes; memory is taken as they come."""
        stream, content = self._open(), bytearray()
        stream.settimeout(patience_s)
        while len(content) < count:
            if not (part := stream.recv(min(count - len(content), 1 << 20))):
                raise ConnectionAbortedError("it was closed")
            content += part
            self.received += len(part)
            stream.settimeout(FRAME_S)
        return bytes(content)

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise Disconnected(f"{self.where}: the connection is closed; connect again")
        return self._socket

    def _lost(self, error: OSError) -> str:
        reason = "no answer came in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return f"{self.where}: the connection was lost ({reason.lower()}); see that the server runs, and try again"

    def _broken(self, error: Exception) -> str:
        reason = str(error) if isinstance(error, FrameError) else f"no answer of the protocol ({error!r})"
        return f"{self.where}: a broken frame: {reason}; is it a gfnet server of this version?"


def connect(host: str, port: int, where: str) -> Connection:
    """Raises Disconnected if nobody listens there."""
    try:
        return Connection(socket.create_connection((host, port), CONNECT_S), where)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "start one there with gfnet-runner serve, or see that the port is right"
        raise Disconnected(f"{where}: no server answers on {host}:{port} ({reason}); {hint}") from error


def _place(name: str, entry: Any) -> tuple[int, int]:
    """Begin and end of a tensor's bytes."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FrameError(f"tensor {name!r} has no dtype, shape and data_offsets")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not all(isinstance(numbers, list) and all(_is_count(n) for n in numbers) for numbers in (shape, offsets)):
        raise FrameError(f"tensor {name!r}: shape and data_offsets must be lists of whole numbers")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in SIZES:
        raise FrameError(f"tensor {name!r}: its dtype is none of {', '.join(SIZES)}")
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * SIZES[entry["dtype"]]:
        raise FrameError(f"tensor {name!r}: its data_offsets do not fit its shape")
    return offsets[0], offsets[1]


def _is_count(number: object) -> bool:
    return type(number) is int and number >= 0
