"""Frames: what is written is read; what the protocol does not allow is refused before its body is read."""

import contextlib
import json
import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gfnet_mobile import wire
from gfnet_mobile.wire import Disconnected, FrameError, Refused, body_bytes, decode, encode

DTYPES = st.sampled_from(["float32", "float16", "int32", "uint8"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TENSORS = st.dictionaries(
    TEXT.filter(lambda name: name != "__metadata__"),
    DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0))),
    max_size=4,
)


@given(st.dictionaries(TEXT, TEXT), TENSORS)
def test_a_frame_is_read_as_it_was_written(metadata, tensors):
    metadata |= {"gfnet": "1"}
    frame = decode(encode(metadata, tensors))
    assert frame.metadata == metadata and set(frame.tensors) == set(tensors)
    for name, array in tensors.items():
        assert frame.tensors[name].dtype == array.dtype and frame.tensors[name].shape == array.shape
        assert frame.tensors[name].tobytes() == array.tobytes()


@settings(max_examples=300)
@given(st.data())
def test_damaged_frames_are_refused_or_read(data):
    """Never another exception."""
    content = bytearray(encode({"gfnet": "1"}, {"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 2), np.uint8)}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FrameError):
        decode(bytes(content[: data.draw(st.integers(0, len(content)))]))


def header(**tensors):
    return json.dumps(tensors).encode()


def tensor(begin, end, shape, dtype="U8"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "no JSON object"),
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (header(__metadata__={"gfnet": 1}), "texts to texts"),
        (header(a=tensor(0, 2, [2]), b=tensor(3, 5, [2])), "gaps or overlap"),
        (header(a=tensor(0, 2, [2]), b=tensor(1, 3, [2])), "gaps or overlap"),
        (header(a=tensor(1, 3, [2])), "gaps or overlap"),
        (header(a=tensor(0, 3, [2])), "do not fit"),
        (header(a=tensor(0, 2**40, [2**40])), "larger than"),
        (header(a=tensor(0, 16, [2], "F64")), "dtype"),
        (header(a=tensor(0, 2, [-2])), "whole numbers"),
        (header(a=tensor(0, 1, [True])), "whole numbers"),
        (header(a=tensor(0, 2, 2)), "lists"),
        (header(a={"dtype": "U8"}), "no dtype, shape"),
        (header(a=[]), "no dtype, shape"),
    ],
)
def test_a_header_that_the_protocol_does_not_allow_is_refused(content, message):
    with pytest.raises(FrameError, match=message):
        body_bytes(content)


def test_a_header_ends_where_it_says():
    assert body_bytes(header() + b"   ") == 0
    assert body_bytes(header(a=tensor(0, 8, [2, 1], "F32"), b=tensor(8, 8, [0, 3]))) == 8


@pytest.fixture
def answering():
    """Connections to servers that read one request and then send what they were given."""
    opened = []

    def start(*parts):
        listening = socket.create_server(("127.0.0.1", 0))

        def serve():
            stream, _ = listening.accept()
            opened.append(stream)
            stream.recv(1 << 16)
            for part in parts:
                stream.sendall(part)
            if parts:
                stream.close()

        threading.Thread(target=serve, daemon=True).start()
        connection = wire.connect("127.0.0.1", listening.getsockname()[1], "tcp:test")
        opened.extend([listening, connection])
        return connection

    yield start
    for one in opened:
        one.close()


def answer(identity="1", verb="hello", **metadata):
    return encode({"gfnet": "1", "id": identity, "verb": verb, **metadata}, {})


def test_an_answer_may_come_in_several_frames_and_in_pieces(answering):
    whole = answer(result='{"n": 1}', more="1") + answer(result='{"n": 2}')
    connection = answering(*(whole[start : start + 7] for start in range(0, len(whole), 7)))
    assert [one.result["n"] for one in connection.request("hello")] == [1, 2]
    assert connection.received == len(whole) and connection.sent > 0


def test_an_error_says_its_kind_and_how_to_mend_it(answering):
    said = json.dumps({"kind": "busy", "message": "another client is being served"})
    with pytest.raises(Refused, match=r"tcp:test: another client .*end that client") as refused:
        answering(answer("", "", error=said)).ask("hello")
    assert refused.value.kind == "busy"


def test_a_connection_goes_on_after_an_error(answering):
    said = json.dumps({"kind": "state", "message": "nothing is loaded"})
    connection = answering(answer(error=said), answer("2", "run", result="{}"))
    with pytest.raises(Refused, match="load a bundle first"):
        connection.ask("hello")
    assert connection.ask("run").result == {}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([answer("2", result="{}")], "answers another request"),
        ([answer(verb="run", result="{}")], "answers another request"),
        ([answer(result="[]")], "no JSON object"),
        ([answer()], "no answer of the protocol"),
        ([answer(error="{}")], "no answer of the protocol"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "header is not between"),
        ([b"\xff" * 8], "header is not between"),
        ([answer(result="{}")[:-3]], "it was closed"),
        ([struct.pack("<Q", 60) + b"{"], "it was closed"),
    ],
)
def test_what_is_no_answer_is_one_line(answering, parts, message):
    with pytest.raises(Disconnected, match=f"tcp:test: .*{message}"):
        answering(*parts).ask("hello")


def test_a_server_that_says_nothing_is_given_up(answering):
    with pytest.raises(Disconnected, match="no answer came in time"):
        answering().ask("hello", patience_s=0.05)


def test_who_does_not_take_a_whole_answer_has_closed_the_connection(answering):
    connection = answering(answer(result="{}", more="1"), answer(result="{}"))
    for _ in connection.request("hello"):
        break
    with pytest.raises(Disconnected, match="connect again"):
        connection.ask("hello")


def test_a_port_where_nobody_listens_says_so():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(Disconnected, match=rf"no server answers on 127.0.0.1:{port} .*gfnet-runner serve"):
        wire.connect("127.0.0.1", port, "tcp:test")
