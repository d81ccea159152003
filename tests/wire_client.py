"""A client written from docs/wire.md alone: sockets, JSON and numpy."""

import json
import socket
import struct
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {"F32": "<f4", "F16": "<f2", "I32": "<i4", "U8": "u1"}
Array = NDArray[Any]


class Refused(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message


class Gone(Exception):
    """The server has closed the connection."""


@dataclass
class Answer:
    result: dict[str, Any]
    more: bool
    tensors: dict[str, Array] = field(default_factory=dict)


def frame(metadata: dict[str, str], tensors: dict[str, Array]) -> bytes:
    header: dict[str, Any] = {"__metadata__": metadata}
    body = b""
    for name, array in tensors.items():
        dtype = next(word for word, numpy in DTYPES.items() if np.dtype(numpy) == array.dtype)
        content = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": dtype, "shape": list(array.shape), "data_offsets": [len(body), len(body) + len(content)]
        }  # fmt: skip
        body += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


class Client:
    def __init__(self, port: int, timeout: float = 60) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._ids = count(1)

    def ask(self, verb: str, tensors: dict[str, Array] | None = None, **arguments: Any) -> Answer:
        """The last frame of the answer."""
        *_, last = self.all(verb, tensors, **arguments)
        return last

    def all(self, verb: str, tensors: dict[str, Array] | None = None, **arguments: Any) -> list[Answer]:
        name = str(next(self._ids))
        metadata = {"gfnet": "1", "id": name, "verb": verb, "arguments": json.dumps(arguments)}
        self.send(frame(metadata, tensors or {}))
        answers = [self.read(name)]
        while answers[-1].more:
            answers.append(self.read(name))
        return answers

    def send(self, content: bytes) -> None:
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Gone from error

    def read(self, name: str | None = None) -> Answer:
        (length,) = struct.unpack("<Q", self._bytes(8))
        header = json.loads(self._bytes(length))
        metadata = header.pop("__metadata__")
        body = self._bytes(max((one["data_offsets"][1] for one in header.values()), default=0))
        if "error" in metadata:
            raise Refused(**json.loads(metadata["error"]))
        assert name is None or metadata["id"] == name
        tensors = {
            tensor: np.frombuffer(body[slice(*one["data_offsets"])], DTYPES[one["dtype"]]).reshape(one["shape"])
            for tensor, one in header.items()
        }
        return Answer(json.loads(metadata["result"]), metadata.get("more") == "1", tensors)

    def _bytes(self, wanted: int) -> bytes:
        content = b""
        while len(content) < wanted:
            try:
                piece = self.socket.recv(min(1 << 20, wanted - len(content)))
            except ConnectionResetError as error:
                raise Gone from error
            if not piece:
                raise Gone
            content += piece
        return content

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
