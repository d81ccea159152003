"""Whatever a client sends, and whatever lies in the folder of bundles: the server, built with sanitizers, answers or
closes, and goes on. Every commit draws its own frames and bundles.
"""

import hashlib
import json
import os
import random
import shutil
import socket
import subprocess

import native
import native_bundles
import numpy as np
import programs
import pytest
from runner_server import runner, serving
from wire_client import Client, Gone, Refused, frame

from gfnet_mobile.bundle.identity import bundle_id
from gfnet_mobile.bundle.manifest import Manifest

FRAMES, BUNDLES = 10_000, 2_000
LIMIT_S = 30
"""above the server's own limit for a frame that stands still"""
LARGEST_KB = 3_000_000
"""of the server's memory: sanitizers keep what was freed for a while"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    bundles = tmp_path_factory.mktemp("bundles")
    shutil.copytree(native_bundles.conformance()["recurrent"].folder, bundles / "recurrent.gfnet")
    return bundles, tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def server(folders):
    with serving(*folders, runner("sanitized")) as served:
        yield served
        with Client(served.port) as client:
            client.ask("hello")
        status = dict(line.split(":", 1) for line in open(f"/proc/{served.process.pid}/status"))  # noqa: SIM115
        assert int(status["VmHWM"].split()[0]) < LARGEST_KB


def requests():
    """Sound requests of every verb, as metadata and tensors."""
    image = programs.golden_images()[0]
    tensor = (image.transpose(2, 0, 1)[None] / np.float32(255)).astype(np.float32)
    glance = {"graph": "glance", "inputs": {"image": "image"}, "outputs": {"feature": "feature", "state": "state"}}
    crop = {"graph": "crop", "inputs": {"image": "image", "position": "at"}, "outputs": {"patch": "patch"}}
    cut = {"image": tensor, "at": np.array([[1, 2]], np.int32), "patch": np.zeros((1, 3, 4, 4), np.float32)}
    wanted = [
        ("hello", {}, {}),
        ("load", {"bundle": "recurrent.gfnet", "threads": 1}, {}),
        ("run", {"calls": [glance], "zero": ["image"], "return": ["feature", "state"]}, {"image": tensor}),
        ("run", {"calls": [crop], "return": ["patch"]}, cut),
        ("steps", {"threshold": 1, "max_steps": 3, "deadline_ms": 5, "expected_ms": [1, 2]}, {"image": image}),
        ("steps", {"rule": "default", "reset": True}, {"image": tensor}),
        ("verify", {}, {}),
        ("bench", {"run": "fuzz", "rounds": 1, "warmup": 0, "have": 0}, {}),
        ("bench", {"run": "fuzz", "drop": True}, {}),
        ("bye", {}, {}),
    ]
    for verb, arguments, tensors in wanted:
        yield frame({"gfnet": "1", "id": "1", "verb": verb, "arguments": json.dumps(arguments)}, tensors)


def mutated_frame(draw, sound):
    """One to four changes: bytes, numbers, cuts, copies, or the header's length."""
    content = bytearray(draw.choice(sound))
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(content)) if content else 0
        kind = draw.randrange(7)
        if kind == 0 and content:
            content[place] = draw.randrange(256)
        elif kind == 1:
            del content[place : place + draw.randint(1, 40)]
        elif kind == 2:
            content[place:place] = draw.randbytes(draw.randint(1, 20))
        elif kind == 3:  # a number in the header becomes another
            digits = [at for at, byte in enumerate(content[:2000]) if 48 <= byte <= 57]
            if digits:
                at = draw.choice(digits)
                content[at : at + 1] = draw.choice([b"0", b"9", b"-1", b"99999999999", b"1e9", b"2147483648", b"null"])
        elif kind == 4:  # a part of another request
            other = draw.choice(sound)
            content[place : place + 30] = other[draw.randrange(len(other)) :][:30]
        elif kind == 5:
            content[:8] = draw.choice([len(content), 2**20, 2**20 + 1, 2**63, 0, 2]).to_bytes(8, "little")
        else:  # right lengths, so that what is inside is looked at
            content[:8] = max(0, content.find(b"}}}") + 3).to_bytes(8, "little")
    return bytes(content)


def test_any_frame_is_answered_or_refused_and_the_server_goes_on(server):
    draw = random.Random(os.environ.get("TEST_SEED", "0"))
    sound = list(requests())
    for number in range(FRAMES):
        with Client(server.port, LIMIT_S) as client:
            try:
                if number % 3:
                    client.ask("load", bundle="recurrent.gfnet")
                client.send(mutated_frame(draw, sound))
                client.socket.shutdown(socket.SHUT_WR)
                while client.read(None):
                    pass
            except (Refused, Gone, OSError):  # closed at any moment
                pass
    with Client(server.port, LIMIT_S) as client:
        client.ask("load", bundle="recurrent.gfnet")
        assert client.ask("verify").result["ok"]


def test_any_bundle_is_loaded_or_refused_and_the_server_goes_on(server, folders):
    draw = random.Random(os.environ.get("TEST_SEED", "0"))
    source, folder = folders[0] / "recurrent.gfnet", folders[0] / "changed.gfnet"
    for _ in range(BUNDLES):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        _mutate_bundle(draw, folder)
        with Client(server.port, LIMIT_S) as client:
            try:
                client.ask("load", bundle="changed.gfnet")
                client.ask("verify")
                client.ask("steps", {"image": programs.golden_images()[0]})
            except Refused as refused:
                assert "\n" not in refused.message
    shutil.rmtree(folder)


def _mutate_bundle(draw, folder):
    """Bytes of any file; often with the identity and hashes that follow. Not where it is an ExecuTorch program: what
    one with a right hash does is ExecuTorch's affair."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    file = draw.choice(files)
    content = bytearray(file.read_bytes())
    for _ in range(draw.randint(1, 5)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    if draw.random() < 0.1:
        content = content[: draw.randrange(len(content))]
    file.write_bytes(content)
    if file.suffix != ".pte" and draw.random() < 0.7:
        _reseal(folder)


def _reseal(folder):
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        for name, entry in manifest["files"].items():
            content = (folder / name).read_bytes()
            entry.update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        manifest["bundle_id"] = bundle_id(Manifest.model_validate_json(json.dumps(manifest), strict=True))
        path.write_text(json.dumps(manifest))
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        pass  # too broken to be sealed


@pytest.mark.parametrize("name", programs.ALL)
def test_the_runner_verifies_with_sanitizers_on(name):
    bundle = native_bundles.conformance()[name]
    command = [str(native.build("sanitized") / "gfnet-runner"), "verify", str(bundle.folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
